/** Conformance in processes and threads of their own: when a program ends, and what outlives a thread. */

import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { formatEndpoint } from '@pollout/core'
import {
  EIGHT_PORTS,
  SELF_CONNECT_PROGRAM,
  THROWING_PROGRAM,
  TROUBLED_NETWORK,
  TROUBLED_NETWORK_PROGRAM,
  workersProgram,
} from './child-programs.js'
import { LIFETIMES, lifetimeProgram } from './lifetimes.js'
import { programCommand } from './program-command.js'
import type { Define, Subject } from './trial.js'
import type { PeerKind } from './world.js'

/** Far above what any of them takes: a program that waits for ever is ended after it. */
const PATIENCE_MS = 240_000
const THREADS = 20

interface Run {
  readonly lines: readonly string[]
  readonly code: number | null
  /** Set where it was ended from outside or crashed. */
  readonly signal: string | null
}

/** Runs a program that has a reactor on the subject's backend, and the endpoint of a peer: of the world's, or another one. */
export async function run(
  subject: Subject,
  program: string,
  peer: PeerKind | URL,
  { within = [] }: { within?: readonly string[] } = {},
): Promise<Run> {
  const { directory, specifier, name } = subject.module
  const endpoint =
    typeof peer === 'string' ? formatEndpoint(subject.world.endpoint(peer)) : peer.href
  const [runtime, ...rest] = programCommand(program, [specifier, name, endpoint])
  const [command = runtime, ...args] = [...within, runtime, ...rest]
  const child = spawn(command, args, { cwd: directory, stdio: ['ignore', 'pipe', 'inherit'] })
  let output = ''
  child.stdout.setEncoding('utf8').on('data', (text) => {
    output += text
  })
  const timer = setTimeout(() => child.kill('SIGKILL'), PATIENCE_MS)
  const [code, signal] = (await once(child, 'close')) as [number | null, string | null]
  clearTimeout(timer)
  return { lines: output.split('\n').filter(Boolean), code, signal }
}

export function defineProcessTests(test: Define): void {
  for (const [how, { peer, program, prints, ...needs }] of Object.entries(LIFETIMES)) {
    test(
      `a process ends by itself ${how}`,
      async ({ subject }) => {
        const ended = await run(subject, lifetimeProgram(program), peer)
        assert.deepEqual(ended, { lines: prints, code: 0, signal: null })
      },
      { ...needs, timeoutMs: PATIENCE_MS + 10_000 },
    )
  }

  test(
    'a handler that throws: uncaught, and all others of its batch get theirs',
    async (t) => {
      const { lines, code } = await run(t.subject, THROWING_PROGRAM, 'echo')
      assert.equal(code, 0)
      const { emitted, errors, inFlight } = JSON.parse(lines[0] ?? '{}')
      assert.deepEqual([emitted, inFlight], [20, 0])
      assert.deepEqual(
        errors.sort(),
        [0, 10, 15, 5].map((i) => `thrown by ${i}`),
      )
    },
    { timeoutMs: PATIENCE_MS + 10_000 },
  )

  test(
    'a socket that meets itself is never told as connected',
    async (t) => {
      const within = ['unshare', '-rn', 'sh', '-c', EIGHT_PORTS]
      const { lines, code } = await run(t.subject, SELF_CONNECT_PROGRAM, 'echo', { within })
      assert.equal(code, 0)
      const { plain, codes, open } = JSON.parse(lines[0] ?? '{}')
      assert.ok(plain > 0, 'a plain socket was to meet itself')
      const { ECONNREFUSED = 0, EADDRNOTAVAIL = 0, ...others } = codes
      assert.deepEqual([ECONNREFUSED + EADDRNOTAVAIL, others, open], [60, {}, 0])
    },
    { network: true, timeoutMs: PATIENCE_MS + 10_000 },
  )

  test(
    'a kernel that gives up, finds no way, or has no port left is told as such',
    async (t) => {
      const within = ['unshare', '-rn', 'sh', '-c', TROUBLED_NETWORK]
      const { lines, code } = await run(t.subject, TROUBLED_NETWORK_PROGRAM, 'echo', { within })
      assert.equal(code, 0)
      const { told, lacking, kinds, count } = JSON.parse(lines[0] ?? '{}')
      assert.deepEqual(told, {
        'tcp://10.9.0.2:80': ['timed-out', 'ETIMEDOUT', 'kernel'],
        'tcp://10.9.0.3:80': ['unreachable', 'EHOSTUNREACH', ''],
        'tcp://10.8.0.1:80': ['local', 'EACCES', ''],
        'tcp://10.7.0.1:80': ['unreachable', 'ENETUNREACH', ''],
      })
      assert.deepEqual(lacking, ['EADDRNOTAVAIL', 'local'])
      assert.deepEqual([kinds, count], [['connected'], 41])
    },
    { network: true, timeoutMs: PATIENCE_MS + 10_000 },
  )

  test(
    'many threads terminated with connects in flight leave no descriptor',
    async (t) => {
      const program = workersProgram(t.subject.threads ?? THREADS)
      const { lines, code, signal } = await run(t.subject, program, 'silent')
      assert.deepEqual([code, signal], [0, null])
      const { before, after } = JSON.parse(lines[0] ?? '{}')
      assert.equal(after, before)
    },
    { timeoutMs: PATIENCE_MS + 10_000 },
  )
}
