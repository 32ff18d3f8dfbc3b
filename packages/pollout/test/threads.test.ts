/** `--threads`: how many pollers a fan-out has. */
import { readdirSync, readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { listen, native, pollout } from './harness.js'

const NO_EFFECT = /^pollout: --threads has no effect on the portable backend, [^\n]+$/gm

/** Threads by the name that the backend gives its pollers: proc(5), /proc/pid/task/tid/comm. */
function pollersOf(pid: number | undefined): number {
  const comm = (thread: string) => readFileSync(`/proc/${pid}/task/${thread}/comm`, 'utf8').trim()
  return readdirSync(`/proc/${pid}/task`).filter((thread) => comm(thread) === 'pollout').length
}

describe('the native backend', () => {
  it.for([
    ['one, unless told otherwise', [], 1],
    ['none: the event loop itself', ['--threads', '0'], 0],
    ['three', ['--threads', '3'], 3],
  ] as const)('%s', async ([, args, expected], context) => {
    if (!native.available) context.skip(native.reason)
    const { port } = await listen()
    const slow = ['fanout', `127.0.0.0/16:${port}`, '--json', '--rate', '100', ...args]
    let pollers = -1
    const { code } = await pollout(slow, {
      onFirstOutput: (child) => {
        pollers = pollersOf(child.pid)
        child.kill('SIGINT')
      },
    })
    expect([pollers, code]).toEqual([expected, 130])
  })

  it('gives the same outcomes with many', async (context) => {
    if (!native.available) context.skip(native.reason)
    const { port } = await listen()
    const run = await pollout(['fanout', `127.0.0.0/24:${port}`, '--threads', '8', '--only', 'all'])
    expect(run.lines).toHaveLength(256)
    expect(run.stderr).not.toMatch(NO_EFFECT)
  })
})

describe('the portable backend', () => {
  it.each([
    ['asked for', ['--backend', 'net'], []],
    ['fallen back to', [], ['--no-addons']],
  ])('has none, which is told in one line: %s', async (_, args, nodeArgs) => {
    const { uri } = await listen()
    const run = await pollout(['fanout', uri, '--threads', '2', ...args], { nodeArgs })
    expect(run.stderr.match(NO_EFFECT)).toHaveLength(1)
    expect(run.code).toBe(0)
  })
})
