/** Scale: connections up to the limit of open files, and a list that is larger than it. */
import { type ChildProcess, execFileSync, fork } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync } from 'node:fs'
import { connect } from 'node:net'
import { fileURLToPath } from 'node:url'
import { unusedPort } from '@pollout/test-servers'
import {
  type BackendFactory,
  type Connection,
  createReactor,
  isNativeBackendAvailable,
  nativeBackend,
  netBackend,
  type OutcomeKind,
  type TcpEndpoint,
  tcp,
} from 'pollout'
import { lastValueFrom, tap, toArray } from 'rxjs'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'

const CONNECTIONS = 15_000
const native = isNativeBackendAvailable()
const backends: [string, () => BackendFactory, string | undefined][] = [
  ['native', nativeBackend, native.available ? undefined : `no native backend: ${native.reason}`],
  ['net', netBackend, undefined],
]
/** Where more is allowed, no more than this is used: the test is about reaching the limit. */
const MOST_FILES = 20_000
const fileLimit = limitOpenFiles()
const tooFewFiles =
  fileLimit < CONNECTIONS + 1_000 ? `the limit of open files is ${fileLimit}` : undefined

const openFiles = (): number => readdirSync('/proc/self/fd').length

describe.each(backends)('%s', (_name, backend, missing) => {
  const children: ChildProcess[] = []
  let echo: TcpEndpoint[]
  let silent: TcpEndpoint[]

  async function serve(kind: string, count: number): Promise<TcpEndpoint[]> {
    const program = fileURLToPath(new URL('./fixtures/scale-servers.mjs', import.meta.url))
    const child = fork(program, [kind, String(count)], { execArgv: [] })
    children.push(child)
    const [ports] = (await once(child, 'message')) as [number[]]
    return ports.map((port) => tcp('127.0.0.1', port))
  }

  beforeAll(async () => {
    echo = await serve('echo', 2)
    // Several: from half of the port range on, the kernel's search for a free port to one destination is slow.
    silent = await serve('silent', 4)
    children.at(-1)?.kill('SIGSTOP')
  })
  afterAll(() => {
    for (const child of children) child.kill('SIGKILL')
  })

  it(`opens ${CONNECTIONS} connections, echoes on each, closes all`, async (context) => {
    if (missing ?? tooFewFiles) return context.skip(missing ?? tooFewFiles)
    const before = openFiles()
    const reactor = createReactor({ backend: backend() })
    const targets = Array.from({ length: CONNECTIONS }, (_, i) => echo[i % 2] as TcpEndpoint)
    const outcomes = await lastValueFrom(
      reactor.connectMany(targets, { onConnected: 'keep', timeoutMs: 30_000 }).pipe(toArray()),
    )
    const connections = outcomes.flatMap((outcome) =>
      outcome.kind === 'connected' ? [outcome.connection] : [],
    )
    expect(connections).toHaveLength(CONNECTIONS)
    expect(reactor.stats().open).toBe(CONNECTIONS)
    expect(openFiles()).toBeGreaterThanOrEqual(before + CONNECTIONS)

    const replies = await Promise.all(connections.map((connection, i) => ask(connection, `#${i}`)))
    expect(replies.filter((reply, i) => reply !== `#${i}`)).toEqual([])

    await Promise.all(connections.map((connection) => connection.close()))
    expect(reactor.stats()).toMatchObject({ open: 0, inFlight: 0, registrations: 0 })
    await reactor.destroy()
    expect(openFiles()).toBe(before)
  })

  it('gives each of more targets than open files its true outcome', async (context) => {
    if (missing) return context.skip(missing)
    const before = openFiles()
    const fillers = (await Promise.all(silent.map(fillBacklog))).flat()
    const closed = tcp('127.0.0.1', await unusedPort())
    // Silent targets hold their descriptors for the whole timeout: that is what uses them up, on a machine that is fast enough.
    let ranOut = false
    for (let timeoutMs = 4_000; !ranOut; timeoutMs *= 4) ranOut = await storm(timeoutMs, closed)
    for (const filler of fillers) filler.destroy()
    await vi.waitUntil(() => openFiles() === before, { timeout: 60_000 })
  })

  /** More targets than open files, each with its true outcome; whether descriptors have run out meanwhile. */
  async function storm(timeoutMs: number, closed: TcpEndpoint): Promise<boolean> {
    const expected = new Map<object, OutcomeKind>()
    const count = fileLimit + 7_000
    const targets = Array.from({ length: count }, (_, i) => {
      const isSilent = i % 10 < 8
      const endpoint = isSilent ? silent[i % silent.length] : i % 2 ? closed : echo[0]
      const target = { ...(endpoint as TcpEndpoint) }
      expected.set(target, isSilent ? 'timed-out' : i % 2 ? 'refused' : 'connected')
      return target
    })
    const reactor = createReactor({ backend: backend() })
    const options = { concurrency: 50_000, timeoutMs, onConnected: 'reset' } as const
    const wrong = new Map<string, number>()
    const outcomes = reactor.connectMany(targets, options)
    await lastValueFrom(
      outcomes.pipe(
        tap((outcome) => {
          const kind = expected.get(outcome.target)
          expected.delete(outcome.target)
          if (outcome.kind === kind) return
          const what = `${String(kind)} told as ${outcome.kind}`
          wrong.set(what, (wrong.get(what) ?? 0) + 1)
        }),
      ),
    )
    expect(Object.fromEntries(wrong)).toEqual({})
    expect(expected.size).toBe(0)
    // More failures than outcomes: descriptors did run out, and those targets were tried again.
    const { started } = reactor.stats()
    await reactor.destroy()
    return started > count
  }
})

/** A backlog of one holds two; what comes after gets no answer: listen(2). */
async function fillBacklog(endpoint: TcpEndpoint) {
  const fillers = Array.from({ length: 4 }, () => connect(endpoint).on('error', () => {}))
  await Promise.all(fillers.slice(0, 2).map((filler) => once(filler, 'connect')))
  return fillers
}

async function ask(connection: Connection, text: string): Promise<string> {
  await connection.send(text)
  let reply = ''
  for await (const chunk of connection) {
    reply += chunk.toString()
    if (reply.length >= text.length) break
  }
  return reply
}

/** Lowers this process's soft limit, which Node has raised to the hard one, and returns what holds. */
function limitOpenFiles(): number {
  const hard = Number(execFileSync('sh', ['-c', 'ulimit -Hn'], { encoding: 'utf8' }).trim()) // NaN: unlimited
  if (hard <= MOST_FILES) return hard
  execFileSync('prlimit', ['--pid', String(process.pid), `--nofile=${MOST_FILES}:`])
  return MOST_FILES
}
