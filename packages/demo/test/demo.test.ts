/** The demo, small: every target has its outcome on each backend, wrong usage is told, Ctrl-C ends it cleanly. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { expect, it } from 'vitest'

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

it('gives every target its outcome, on each backend', { timeout: 30_000 }, async () => {
  const { code, out } = await demo(['--targets', '2000', '--timeout-ms', '300'])
  expect(code).toBe(0)
  expect(new Set(row(out, 'connected'))).toEqual(new Set(['1,460']))
  expect(new Set(row(out, 'refused'))).toEqual(new Set(['500']))
  expect(new Set(row(out, 'timed out'))).toEqual(new Set(['10']))
  expect(new Set(row(out, 'invalid'))).toEqual(new Set(['30']))
  expect(out).toContain('pollout fanout -l targets.txt')
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

it('ends on Ctrl-C with the figures so far', { timeout: 30_000 }, async () => {
  const { code, out } = await demo(['--targets', '100000000'], (child) => {
    child.stdout?.once('data', () => setTimeout(() => child.kill('SIGINT'), 500))
  })
  expect(code).toBe(130)
  expect(Number(row(out, 'connected')[0]?.replaceAll(',', ''))).toBeGreaterThan(0)
  expect(out).toContain('the figures so far')
})
