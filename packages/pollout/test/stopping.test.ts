/** How the command ends early: signals, and a stdout that nobody reads or that is full. */
import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, openSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { CLI, closedPort, finish, listen, native, pollout, start } from './harness.js'

let folder = ''
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'pollout-stop-'))
})
afterAll(() => rmSync(folder, { recursive: true }))

describe.each([
  ['SIGINT', 130],
  ['SIGTERM', 143],
] as const)('%s', (signal, expected) => {
  it.each(native.available ? ['native', 'net'] : ['net'])(
    'ends a fan-out cleanly, with the summary so far: %s',
    async (backend) => {
      const { uri } = await listen()
      const stdin = `${uri}\n`.repeat(10_000)
      const args = ['fanout', '--json', '--rate', '100', '--backend', backend]
      const run = await pollout(args, { stdin, onFirstOutput: (child) => child.kill(signal) })
      expect([run.code, run.signal]).toEqual([expected, null])
      expect(run.stderr).toMatch(new RegExp(`\nstopped after ${run.lines.length} targets in`))
      for (const line of run.lines) expect(JSON.parse(line)).toMatchObject({ event: 'connected' })
    },
  )

  it('ends a fan-out whose list has not come to its end', async () => {
    const { uri } = await listen()
    const child = start(['fanout', '--json'], { stdin: 'open' })
    child.stdin?.write(`${uri}\n`)
    const run = await finish(child, { onFirstOutput: () => child.kill(signal) })
    expect([run.code, run.signal, run.lines.length]).toEqual([expected, null, 1])
    expect(run.stderr).toMatch(/\nstopped after 1 targets in/)
  })

  it('ends a fan-out that waits for a named pipe', async () => {
    const { uri } = await listen()
    const fifo = join(folder, `fifo-${signal}`)
    execFileSync('sh', ['-c', 'mkfifo "$0"', fifo])
    const child = start(['fanout', '--json', fifo])
    const writer = spawn('sh', ['-c', `echo ${uri}; exec sleep 30`], {
      stdio: ['ignore', openSync(fifo, 'r+'), 'ignore'],
    })
    const run = await finish(child, { onFirstOutput: () => child.kill(signal) })
    writer.kill()
    // Here it is the signal itself that ends it: to a shell the same number.
    expect([run.code, run.signal]).toEqual([null, signal])
    expect(run.stderr).toMatch(/\nstopped after 1 targets in/)
  })
})

it('a second Ctrl-C kills at once', async () => {
  // Nobody reads its stdout, so the clean end has to wait.
  const uri = `tcp://127.0.0.1:${await closedPort()}`
  const list = join(folder, 'many')
  writeFileSync(list, `${uri}\n`.repeat(100_000))
  const child = start(['fanout', '--json', list])
  await once(child.stdout as NodeJS.ReadableStream, 'readable')
  await new Promise((resolve) => setTimeout(resolve, 500))
  child.kill('SIGINT')
  await new Promise((resolve) => setTimeout(resolve, 300))
  expect([child.exitCode, child.signalCode]).toEqual([null, null])
  child.kill('SIGINT')
  const [code, signal] = await once(child, 'exit')
  expect([code, signal]).toEqual([null, 'SIGINT'])
})

describe('stdout', () => {
  it('`| head` ends it quietly', async () => {
    const uri = `tcp://127.0.0.1:${await closedPort()}`
    const list = join(folder, 'refused')
    writeFileSync(list, `${uri}\n`.repeat(50_000))
    const script = `"$0" "$1" fanout --json "$2" | head -n 2; echo "codes \${PIPESTATUS[*]}"`
    const child = spawn('bash', ['-c', script, process.execPath, CLI, list])
    const { lines, stderr } = await finish(child)
    expect(lines).toHaveLength(3)
    expect(lines[2]).toBe('codes 141 0')
    expect(stderr).toBe('')
  })

  it.each(['fanout --json', 'fanout', 'connect'])('a full disk is told: %s', async (command) => {
    const { uri } = await listen()
    const target = command === 'connect' ? uri : ''
    const script = `echo "$3" | "$0" "$1" ${command} ${target} > "$2"`
    const child = spawn('bash', ['-c', script, process.execPath, CLI, '/dev/full', uri])
    const { code, stderr } = await finish(child)
    expect(stderr).toMatch(/^pollout: can't write to standard output: ENOSPC.*\n/)
    expect(code).toBe(1)
  })

  it('a slow reader gets every outcome', async () => {
    const uri = `tcp://127.0.0.1:${await closedPort()}`
    const child = start(['fanout', '--json'], { stdin: `${uri}\n`.repeat(5_000) })
    await once(child.stdout as NodeJS.ReadableStream, 'readable')
    await new Promise((resolve) => setTimeout(resolve, 500))
    const { code, lines } = await finish(child)
    expect([code, lines.length]).toEqual([1, 5_000])
  })
})
