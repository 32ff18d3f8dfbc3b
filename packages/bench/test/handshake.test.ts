/** Handshakes with a peer in a network namespace of its own; where there can be none, how that is told. */
import { spawn } from 'node:child_process'
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  symlinkSync,
} from 'node:fs'
import { join } from 'node:path'
import { beforeAll, describe, expect, it, type TestContext } from 'vitest'
import { CONTESTANTS, type HandshakeSample, isRuntime } from '../src/job.js'
import { DELAY_MS } from '../src/namespaced-peer.js'
import { bench, folder, HANDSHAKES, ids, program, type Results, read } from './harness.js'

const TIMES = ['byHandMs', 'latencyMs', 'timelineMs', 'kernelMs'] as const
const TIMES_OF: Record<string, readonly (typeof TIMES)[number][]> = {
  c: ['byHandMs', 'kernelMs'],
  'node-net': ['byHandMs'],
}

const file = join(folder, 'handshake.json')
let results: Results
let stdout: string

beforeAll(async () => {
  const run = await bench(['--quick', '--only', 'handshake', '--json', file])
  expect(run).toMatchObject({ code: 0, stderr: '' })
  stdout = run.stdout
  results = read(file)
})

/** Skips where the bench did, with its reason. */
function needPeer(context: TestContext): void {
  if (results.skippedHandshakes !== undefined) context.skip(results.skippedHandshakes)
}

function samplesOf(scenario: (typeof HANDSHAKES)[number]): [id: string, HandshakeSample][] {
  return results[scenario].flatMap(({ id, samples }) =>
    samples.map((sample): [string, HandshakeSample] => [id, sample]),
  )
}

describe.each(HANDSHAKES)('%s', (scenario) => {
  it('has everybody take part who can here, each in its own way', (context) => {
    needPeer(context)
    const able = CONTESTANTS.map(({ id }) => id).filter((id) => results.skipped[id] === undefined)
    expect(ids(results[scenario])).toEqual(
      able.filter((id) => !['c-reused', 'native-batches'].includes(id) && !isRuntime(id)),
    )
    for (const [id, sample] of samplesOf(scenario)) {
      const times = TIMES_OF[id] ?? ['byHandMs', 'latencyMs', 'timelineMs']
      expect(TIMES.filter((name) => sample[name] !== undefined)).toEqual(times)
    }
  })

  it('connects all, each within the time of the burst', (context) => {
    needPeer(context)
    for (const [, sample] of samplesOf(scenario)) {
      expect(sample).toMatchObject({ refused: 0, other: 0 })
      expect(sample.connected).toBeGreaterThan(0)
      for (const name of TIMES) {
        const { p50, p99, max } = sample[name] ?? sample.byHandMs
        expect(p50).toBeGreaterThan(0)
        expect(p99).toBeGreaterThanOrEqual(p50)
        expect(max).toBeGreaterThanOrEqual(p99)
        expect(max).toBeLessThanOrEqual(sample.elapsedMs)
      }
    }
  })
})

it('has nobody tell of less than the line takes', (context) => {
  needPeer(context)
  for (const [, sample] of samplesOf('handshake')) {
    // The kernel tells whole microseconds.
    for (const name of TIMES) {
      expect((sample[name] ?? sample.byHandMs).p50).toBeGreaterThan(DELAY_MS - 0.01)
    }
  }
})

it('has the line take its time and a bare veth none, as the kernel sees it', (context) => {
  needPeer(context)
  const [kernelMs, bareMs] = HANDSHAKES.map((scenario) => samplesOf(scenario)[0]?.[1].kernelMs?.p50)
  expect(kernelMs).toBeLessThan(2 * DELAY_MS)
  expect(bareMs).toBeLessThan(DELAY_MS / 2)
})

it('prints both tables, and judges the timeline by C', (context) => {
  needPeer(context)
  expect(stdout).toMatch(/within 20 % of C: (met|MISSED)/)
  expect(stdout.match(/handshake p50/g)).toHaveLength(HANDSHAKES.length)
})

it('is skipped with its reason where a program is missing, and the others run on', async () => {
  const [bin, others] = [join(folder, 'bin'), join(folder, 'others.json')]
  symlinkTools(bin, (process.env['PATH'] ?? '').split(':'), ['sh', 'cc', 'gcc', 'taskset'])
  const run = await bench(['--quick', '--only', 'net-connect', '--json', others], { PATH: bin })
  expect(run.code).toBe(0)
  const { skippedHandshakes, accepted, handshake } = read(others)
  expect(skippedHandshakes).toMatch(/^no (unshare|C compiler)$/)
  expect(run.stdout).toContain(`skipped: ${skippedHandshakes}`)
  expect(handshake).toEqual([])
  expect(ids(accepted)).toContain('net-connect')
})

it('leaves no process in a namespace, even if it is killed', async (context) => {
  needPeer(context)
  const args = [program, '--rounds', '100', '--only', 'handshake', '--json', '/dev/null']
  const child = spawn(process.execPath, args, { stdio: 'ignore' })
  let inside: string[] = []
  // The line, the server, and somebody who connects.
  await expect
    .poll(() => {
      inside = childrenElsewhere(child.pid)
      return inside.length
    })
    .toBeGreaterThanOrEqual(3)
  child.kill('SIGKILL')
  await expect.poll(() => inside.filter(isRunning)).toEqual([])
})

function symlinkTools(bin: string, path: readonly string[], names: readonly string[]): void {
  mkdirSync(bin)
  for (const name of names) {
    const place = path.map((entry) => join(entry, name)).find((tool) => existsSync(tool))
    if (place !== undefined) symlinkSync(place, join(bin, name))
  }
}

/** Children of a process in another network namespace than this one. */
function childrenElsewhere(parent: number | undefined): string[] {
  const here = readlinkSync('/proc/self/ns/net')
  return readdirSync('/proc').filter((pid) => {
    try {
      return (
        /^\d+$/.test(pid) &&
        statusOf(pid)?.parent === String(parent) &&
        readlinkSync(`/proc/${pid}/ns/net`) !== here
      )
    } catch {
      // It has ended meanwhile.
      return false
    }
  })
}

function isRunning(pid: string): boolean {
  const state = statusOf(pid)?.state
  return state !== undefined && state !== 'Z'
}

/** Of proc_pid_stat(5); undefined where there is no such process any more. */
function statusOf(
  pid: string,
): { state: string | undefined; parent: string | undefined } | undefined {
  try {
    // The name before stands in parentheses and may hold anything.
    const [state, parent] = readFileSync(`/proc/${pid}/stat`, 'utf8')
      .replace(/^.*\) /s, '')
      .split(' ')
    return { state, parent }
  } catch {
    return undefined
  }
}
