/** Thresholds: read, held against a result, and refused with what could be meant. */
import { describe, expect, it } from 'vitest'
import type { LoadResult } from '../src/result.js'
import { judge, parseThreshold } from '../src/thresholds.js'

const RESULT = {
  times: { response: { percentiles: { p50: 1, p99: 4.5, 'p99.9': 20 }, mean: 1.5, max: 30 } },
  requests: { total: 998, answered: 990, failed: 8, unfinished: 2, perSecond: 99.8 },
} as unknown as LoadResult

describe('a threshold', () => {
  it.each<[string, boolean]>([
    ['p99<5ms', true],
    ['p99 < 4.5 ms', false],
    ['p99<=4500us', true],
    ['p99.9>0.01s', true],
    ['mean<1.5ms', false],
    ['max<=30ms', true],
    ['errors<1%', false],
    ['errors<=1%', true],
    ['rate>98', true],
    ['rate>=99.5/s', false],
    // Nobody knows.
    ['p99.99<1s', false],
    ['p99.99>1s', false],
  ])('%s', (text, isMet) => {
    expect(judge(parseThreshold(text), RESULT).isMet).toBe(isMet)
  })

  it.each(['p99<5', 'p99=5ms', 'errors<5', 'rate<5ms', 'p100<1ms', 'latency<1ms', '', 'p99<ms'])(
    '%j is none',
    (text) => expect(() => parseThreshold(text)).toThrow(/write p99<5ms/),
  )
})
