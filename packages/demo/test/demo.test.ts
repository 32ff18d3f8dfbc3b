/** The demo, small: every target has its outcome on each backend, wrong usage is told, Ctrl-C ends it cleanly. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import type { Target } from 'pollout'
import { expect, it } from 'vitest'
import type { Figures } from '../src/run.js'
import { lateRemark } from '../src/table.js'
import { mixedTargets, silentAmong } from '../src/targets.js'

const program = fileURLToPath(new URL('../dist/main.js', import.meta.url))

async function demo(args: readonly string[], during?: (child: ReturnType<typeof spawn>) => void) {
  const child = spawn(process.execPath, [program, ...args], { stdio: ['ignore', 'pipe', 'pipe'] })
  let out = ''
  let err = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    out += text
  })
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    err += text
  })
  during?.(child)
  const [code] = (await once(child, 'close')) as [number | null]
  return { code, out, err }
}

/** The figures of a row of the table, one for each backend. */
function row(table: string, label: string): string[] {
  const line = table.split('\n').find((text) => text.startsWith(`│ ${label}`)) ?? ''
  return line
    .split('│')
    .slice(2, -1)
    .map((cell) => cell.trim())
}

it('gives every target its outcome, on each backend', async () => {
  const { code, out } = await demo(['--targets', '2000', '--timeout-ms', '300'])
  expect(code).toBe(0)
  expect(new Set(row(out, 'connected'))).toEqual(new Set(['1,460']))
  expect(new Set(row(out, 'refused'))).toEqual(new Set(['500']))
  expect(new Set(row(out, 'timed out'))).toEqual(new Set(['10']))
  expect(new Set(row(out, 'invalid'))).toEqual(new Set(['30']))
  expect(out).toContain('pollout fanout -l targets.txt')
})

it('has only the silent ones time out where its server gets no turn', async (ctx) => {
  if (process.platform !== 'linux') ctx.skip('finds the server by /proc')
  const { code, out, err } = await demo(['--targets', '10000'], (child) => {
    child.stdout?.once('data', () => process.kill(acceptingServerOf(child.pid), 'SIGSTOP'))
  })
  expect(new Set(row(out, 'timed out'))).toEqual(new Set(['50']))
  expect(err).not.toContain('besides the 50 silent ones')
  expect(code).toBe(0)
})

/** The process that accepts; SIGKILL, with which the demo ends it, also ends one that is stopped. */
function acceptingServerOf(demo: number | undefined): number {
  const children = readFileSync(`/proc/${demo}/task/${demo}/children`, 'utf8').trim().split(' ')
  const isServer = (pid: string): boolean =>
    readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes('accepting-server')
  return Number(children.find(isServer))
}

it('says of timeouts that nobody meant what they are', () => {
  const figures = {
    backend: 'net',
    outcomes: new Map([['timed-out', 1_184]]),
  } as unknown as Figures
  expect(lateRemark(figures, 150, 1_000)).toMatch(
    /^net: 1,034 timed out besides the 150 silent ones: .+ 1,000 ms are too short/,
  )
  expect(lateRemark(figures, 1_184, 1_000)).toBeUndefined()
})

it.each([1, 999, 1_000, 30_500])('knows how many of %i targets are silent', (count) => {
  const servers = { acceptingPorts: [1, 2], acceptingPath: '/run/x', closedPort: 3, silentPort: 4 }
  const targets = [...mixedTargets(count, { ...servers, stop() {} })]
  const isSilent = (target: Target): boolean =>
    typeof target === 'object' && 'port' in target && target.port === 4
  expect(targets.filter(isSilent)).toHaveLength(silentAmong(count))
})

it.each([
  ['--targets', '-4'],
  ['--targets', '0'],
  ['--timeout-ms', 'soon'],
  ['--bogus'],
  ['extra'],
])('says in one line what is wrong with %s %s', async (...args) => {
  const { code, out, err } = await demo(args)
  expect(code).toBe(2)
  expect(out).toBe('')
  expect(err).toMatch(/^demo: .+; see --help\n$/)
})

it('ends on Ctrl-C with the figures so far', async () => {
  const { code, out } = await demo(['--targets', '100000000'], (child) => {
    child.stdout?.once('data', () => setTimeout(() => child.kill('SIGINT'), 500))
  })
  expect(code).toBe(130)
  expect(Number(row(out, 'connected')[0]?.replaceAll(',', ''))).toBeGreaterThan(0)
  expect(out).toContain('the figures so far')
})
