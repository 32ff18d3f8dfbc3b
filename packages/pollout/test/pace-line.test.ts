/** That a pace was not kept, and why: in words, and in the summary and report of a real run. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { PaceLimit } from '@pollout/core'
import { describe, expect, it, onTestFinished } from 'vitest'
import type { WaitedFor } from '../src/cli/fanout/feed.js'
import { type Limits, paceLine } from '../src/cli/fanout/pace-line.js'
import { isNativeBackendAvailable } from '../src/index.js'
import { listen, pollout } from './harness.js'

const backends = isNativeBackendAvailable().available ? ['native', 'net'] : ['net']

function line(why: PaceLimit, waitedFor: WaitedFor = 'list', limits: Partial<Limits> = {}) {
  const lost = { rate: 5_000, keptRate: 3_100.4, lostMs: 1_000, why }
  return paceLine(lost, waitedFor, { concurrency: 1_000, ...limits })
}

const LOST = 'the pace of 5,000/s was not kept: 3,100/s, as '

describe('as words', () => {
  it.each([
    ['what was in flight', line('concurrency'), '--concurrency 1,000 was reached'],
    [
      'fewer in flight',
      line('concurrency', 'list', { adaptive: true }),
      '--concurrency 1,000, or what --adaptive made of it, was reached',
    ],
    ['one cap', line('caps', 'list', { maxPerHost: 2 }), '--max-per-host 2 was reached'],
    [
      'two caps',
      line('caps', 'list', { maxPerHost: 2, maxPerPrefix: 9 }),
      '--max-per-host 2 or --max-per-prefix 9 was reached',
    ],
    ['exhaustion', line('exhaustion'), 'this machine ran out of descriptors, ports or memory'],
    ['a busy machine', line('busy'), 'this machine was busy'],
    ['probes under way', line('source', 'open'), '--concurrency 1,000 was reached'],
    ['a slow list', line('source', 'list'), 'targets came no faster'],
    ['a slow output', line('source', 'room'), 'the output was written no faster'],
  ])('%s', (_, told, why) => {
    expect(told).toBe(LOST + why)
  })

  it('nothing, where all that was left waited for its time', () => {
    expect(line('source', 'retries')).toBeUndefined()
  })

  it('less than ten a second has a fraction', () => {
    const lost = { rate: 0.5, keptRate: 0.1234, lostMs: 9_000, why: 'busy' } as const
    const told = paceLine(lost, 'list', { concurrency: 1 })
    expect(told).toBe('the pace of 0.5/s was not kept: 0.12/s, as this machine was busy')
  })
})

it.each(backends)('stands in the summary and in the report, on %s', async (backend) => {
  const folder = mkdtempSync(join(tmpdir(), 'pollout-pace-'))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  const report = join(folder, 'report.html')
  // It says nothing, and so each probe of it takes all the time that there is for a banner.
  const { uri } = await listen()
  const wait = ['--banner', '--answer-timeout-ms', '250']
  const limits = [...wait, '--concurrency', '2', '--rate', '1000', '--report', report]
  const { code, stderr } = await pollout([
    'fanout',
    '--backend',
    backend,
    '--no-shuffle',
    ...limits,
    ...Array(8).fill(uri),
  ])
  expect(code, stderr).toBe(0)
  const said = /\n(the pace of 1,000\/s was not kept: [\d.]+\/s, as --concurrency 2 was reached)\n/
  const [, told = 'nothing'] = said.exec(stderr) ?? []
  expect(told, stderr).not.toBe('nothing')
  expect(readFileSync(report, 'utf8')).toContain(told)
})
