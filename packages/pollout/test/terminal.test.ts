/** What is different on a terminal: a pseudo-terminal by script(1) of util-linux. */
import { execFileSync, spawn } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { CLI, finish, listen, pollout } from './harness.js'

const withoutScript = ((): string | undefined => {
  try {
    return /util-linux/.test(execFileSync('sh', ['-c', 'script --version'], { encoding: 'utf8' }))
      ? undefined
      : 'script(1) is not that of util-linux'
  } catch {
    return 'script(1) is not there'
  }
})()

let folder = ''
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'pollout-tty-'))
})
afterAll(() => rmSync(folder, { recursive: true }))

function onTerminal(command: string) {
  const full = `"${process.execPath}" "${CLI}" ${command}`
  return finish(spawn('sh', ['-c', 'exec script -qec "$0" /dev/null', full]))
}

describe.skipIf(withoutScript)(`on a terminal${withoutScript ? ` (${withoutScript})` : ''}`, () => {
  it('shows progress, rate, counts and the time left, and then the summary', async () => {
    const { uri } = await listen()
    const list = join(folder, 'list')
    writeFileSync(list, `${uri}\n`.repeat(300))
    const { code, stdout } = await onTerminal(
      `fanout --rate 300 -l ${list} -o ${join(folder, 'out')}`,
    )
    expect(stdout).toMatch(
      /\[=+-+\] \d+ % of 300 {2}ETA 00:00:0\d {2}\d+\/s {2}in flight \d+ {2}conn/,
    )
    expect(stdout).toMatch(/\r\n300 targets, /)
    expect(code).toBe(0)
  })

  it('shows progress without the time left where the end is not known', async () => {
    const { uri } = await listen()
    const list = join(folder, 'piped')
    writeFileSync(list, `${uri}\n`.repeat(150))
    const command = `"${process.execPath}" "${CLI}" fanout --stream --rate 300 -o /dev/null`
    const piped = `'cat ${list} | ${command}'`
    const run = await finish(spawn('bash', ['-c', `script -qec ${piped} /dev/null`]))
    expect(run.stdout).toMatch(/\d+ done {2}\d+\/s {2}in flight \d+ {2}connected \d+/)
    expect(run.stdout).not.toContain('ETA')
  })

  it('lines of outcomes on the same terminal stay whole', async () => {
    const { uri } = await listen()
    const list = join(folder, 'json')
    writeFileSync(list, `${uri}\n`.repeat(150))
    const { stdout } = await onTerminal(`fanout --json --rate 300 -l ${list}`)
    expect(stdout).toContain('in flight')
    // As the terminal shows it: what stood before a return of the carriage and a clearing is gone.
    const shown = stdout
      .split('\r\n')
      .map((line) => line.split('\r').at(-1)?.replaceAll('\x1b[K', '') ?? '')
    const outcomes = shown.filter((line) => line.startsWith('{'))
    expect(outcomes.map((line) => JSON.parse(line).kind)).toEqual(Array(150).fill('connected'))
    expect(shown.filter((line) => line.includes('in flight'))).toEqual([])
  })

  it('does not wait for a list to be typed', async () => {
    const { code, stdout } = await onTerminal('fanout')
    expect(stdout).toMatch(/pollout: no targets: write some, name a file with -l.+\r\n$/)
    expect(code).toBe(2)
  })
})

it('shows no progress elsewhere', async () => {
  const { uri } = await listen()
  const { stderr } = await pollout(['fanout', '--rate', '100'], { stdin: `${uri}\n`.repeat(50) })
  expect(stderr).not.toContain('in flight')
})
