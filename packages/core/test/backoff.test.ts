/** Waits between tries: how they grow, what chance does to them, and what can't be meant. */
import { backoff } from '@pollout/core'
import { seededRandom } from '@pollout/testing'
import { describe, expect, it } from 'vitest'

function waits(options: Parameters<typeof backoff>[0], count = 6): number[] {
  const rule = backoff(options)
  return Array.from({ length: count }, (_, i) => rule.delayMs(i + 1))
}

describe('backoff()', () => {
  it.each([
    ['doubles from 100 ms', { jitter: 'none' }, [100, 200, 400, 800, 1_600, 3_200]],
    [
      'grows by its factor',
      { jitter: 'none', firstMs: 10, factor: 3 },
      [10, 30, 90, 270, 810, 2_430],
    ],
    ['stays where the factor is 1', { jitter: 'none', factor: 1 }, [100, 100, 100, 100, 100, 100]],
    ['is cut', { jitter: 'none', longestMs: 500 }, [100, 200, 400, 500, 500, 500]],
    ['begins no later than it is cut', { jitter: 'none', longestMs: 50 }, [50, 50, 50, 50, 50, 50]],
    ['leaves all to chance', { random: (): number => 0.25 }, [25, 50, 100, 200, 400, 800]],
    [
      'leaves half to chance',
      { jitter: 'equal', random: (): number => 0.5 },
      [75, 150, 300, 600, 1_200, 2_400],
    ],
  ] as const)('%s', (_, options, expected) => {
    expect(waits(options)).toEqual(expected)
  })

  it('has no state: asked in any order, it answers the same', () => {
    const rule = backoff({ jitter: 'none' })
    expect([rule.delayMs(3), rule.delayMs(1), rule.delayMs(3)]).toEqual([400, 100, 400])
  })

  it('does not overflow after thousands of failures', () => {
    const rule = backoff({ jitter: 'none' })
    expect([rule.delayMs(1_025), rule.delayMs(1e9)]).toEqual([30_000, 30_000])
  })

  it.each([
    ['full', 0, 1],
    ['equal', 0.5, 1],
  ] as const)('spreads evenly with %s jitter', (jitter, from, to) => {
    const rule = backoff({ jitter, firstMs: 1_000, random: seededRandom(7) })
    const buckets = [0, 0, 0, 0]
    for (let i = 0; i < 4_000; i++) {
      const share = rule.delayMs(1) / 1_000
      expect(share >= from && share < to).toBe(true)
      const bucket = Math.floor(((share - from) / (to - from)) * 4)
      buckets[bucket] = (buckets[bucket] ?? 0) + 1
    }
    for (const count of buckets) expect(Math.abs(count - 1_000)).toBeLessThan(150)
  })

  it('counts 10 s as stable, or what it is told', () => {
    expect([backoff().stableMs, backoff({ stableMs: 0 }).stableMs]).toEqual([10_000, 0])
  })

  it.each([
    { firstMs: 0 },
    { firstMs: Number.NaN },
    { firstMs: 200, longestMs: 100 },
    { longestMs: Number.POSITIVE_INFINITY },
    { longestMs: 2 ** 31 },
    { factor: 0.5 },
    { factor: Number.NaN },
    { stableMs: -1 },
  ])('throws RangeError for %o', (options) => {
    expect(() => backoff(options)).toThrow(RangeError)
  })

  it('throws TypeError for words and names that there are not', () => {
    expect(() => backoff({ jitter: 'some' as 'full' })).toThrow(TypeError)
    expect(() => backoff({ firstMS: 5 } as object)).toThrow('did you mean firstMs?')
  })
})
