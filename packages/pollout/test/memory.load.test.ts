/** A long list takes no more memory than a short one. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { unusedPort } from '@pollout/test-servers'
import { describe, expect, it, onTestFinished } from 'vitest'
import { finish, start } from './harness.js'

const LINES = 100_000
/** Denied ones need no kernel: what is left is the command's own memory, for each. */
const DENIED = 2 ** 19
/** Node alone takes 45 to 60 MB; the rest is room for a heap between two collections. */
const MOST_MB = 160

/** The most resident memory that a run has had, and how it ended. */
async function peakOf(args: readonly string[]) {
  const child = start(['fanout', ...args, '--rate', '1000000'])
  let peakMb = 0
  const timer = setInterval(() => {
    try {
      const status = readFileSync(`/proc/${child.pid}/status`, 'utf8')
      peakMb = Number(/^VmHWM:\s*(\d+)/m.exec(status)?.[1] ?? 0) / 1_024 || peakMb
    } catch {
      // It has ended.
    }
  }, 50)
  const finished = await finish(child)
  clearInterval(timer)
  expect(peakMb).toBeGreaterThan(0)
  return { peakMb, ...finished }
}

describe.skipIf(process.platform !== 'linux')('in bounded memory', () => {
  it(`tries ${LINES} closed ports, with every outcome`, async () => {
    const folder = mkdtempSync(join(tmpdir(), 'pollout-memory-'))
    onTestFinished(() => rmSync(folder, { recursive: true }))
    const list = join(folder, 'list')
    writeFileSync(list, `tcp://127.0.0.1:${await unusedPort()}\n`.repeat(LINES))
    const { code, lines, peakMb } = await peakOf(['--json', '-l', list])
    expect(lines).toHaveLength(LINES)
    expect(code).toBe(1)
    expect(peakMb).toBeLessThan(MOST_MB)
  })

  it(`goes through ${DENIED} targets of a block, with a checkpoint`, async () => {
    const folder = mkdtempSync(join(tmpdir(), 'pollout-memory-'))
    onTestFinished(() => rmSync(folder, { recursive: true }))
    const state = ['-o', join(folder, 'out'), '--checkpoint', join(folder, 'state')]
    const { code, stderr, peakMb } = await peakOf([
      '127.0.0.0/16',
      '-p',
      '1-8',
      '--deny',
      '127.0.0.0/8',
      ...state,
    ])
    expect(stderr).toContain('\n524,288 targets, ')
    expect(code).toBe(1)
    expect(peakMb).toBeLessThan(MOST_MB)
  })
})
