/** A long list takes no more memory than a short one. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it, onTestFinished } from 'vitest'
import { closedPort, finish, start } from './harness.js'

const LINES = 100_000
/** Node alone takes 45 to 60 MB; the rest is room for a heap between two collections. */
const MOST_MB = 160

it.skipIf(process.platform !== 'linux')(
  `tries ${LINES} closed ports, with every outcome, in bounded memory`,
  { timeout: 60_000 },
  async () => {
    const folder = mkdtempSync(join(tmpdir(), 'pollout-memory-'))
    onTestFinished(() => rmSync(folder, { recursive: true }))
    const list = join(folder, 'list')
    writeFileSync(list, `tcp://127.0.0.1:${await closedPort()}\n`.repeat(LINES))
    const child = start(['fanout', '--json', list])
    let peakMb = 0
    const timer = setInterval(() => {
      try {
        const status = readFileSync(`/proc/${child.pid}/status`, 'utf8')
        peakMb = Number(/^VmHWM:\s*(\d+)/m.exec(status)?.[1] ?? 0) / 1_024 || peakMb
      } catch {
        // It has ended.
      }
    }, 50)
    const { code, lines } = await finish(child)
    clearInterval(timer)
    expect(lines).toHaveLength(LINES)
    expect(code).toBe(1)
    expect(peakMb).toBeGreaterThan(0)
    expect(peakMb).toBeLessThan(MOST_MB)
  },
)
