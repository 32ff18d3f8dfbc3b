/** Plans: exact for even arrivals and ramps, and of the right distribution for those by chance. */
import { describe, expect, it } from 'vitest'
import { arrivals, expectedArrivals, type Stage } from '../src/plan/arrivals.js'

const CONSTANT = (rate: number, durationMs: number): Stage[] => [
  { from: rate, to: rate, durationMs },
]

describe('even arrivals', () => {
  it('are as far apart as the rate says', () => {
    const moments = [...arrivals(CONSTANT(1_000, 100), 'even', 1)]
    expect(moments).toHaveLength(100)
    for (const [i, moment] of moments.entries()) expect(moment).toBeCloseTo(i, 9)
  })

  it('follow ramps, holds and rests', () => {
    const stages: Stage[] = [
      { from: 0, to: 100, durationMs: 2_000 },
      { to: 100, durationMs: 1_000 },
      { from: 0, to: 0, durationMs: 500 },
      { from: 50, to: 50, durationMs: 1_000 },
    ]
    const moments = [...arrivals(stages, 'even', 1)]
    expect(expectedArrivals(stages)).toBeCloseTo(250, 9)
    const within = (from: number, to: number) =>
      moments.filter((moment) => moment >= from && moment < to).length
    // A ramp from nothing has a quarter of its arrivals in its first half.
    expect(within(0, 1_000)).toBeCloseTo(25, -0.5)
    expect(within(0, 2_000)).toBe(100)
    expect(within(2_000, 3_000)).toBe(100)
    expect(within(3_000, 3_500)).toBe(0)
    expect(moments).toHaveLength(250)
    expect(moments.every((moment, i) => i === 0 || moment >= (moments[i - 1] as number))).toBe(true)
  })

  it.each<[string, Stage[]]>([
    ['a negative rate', [{ from: -1, to: 1, durationMs: 1 }]],
    ['no end', [{ from: 1, to: Number.POSITIVE_INFINITY, durationMs: 1 }]],
    ['no duration', [{ from: 1, to: 1, durationMs: 0 }]],
  ])('%s can not be meant', (_, stages) => {
    expect(() => arrivals(stages, 'even', 1).next()).toThrow(RangeError)
  })
})

describe('Poisson arrivals', () => {
  const COUNT = 100_000
  const moments = [...arrivals(CONSTANT(COUNT / 100, 100_000), 'poisson', 42)]

  it('are the same from the same seed', () => {
    expect([...arrivals(CONSTANT(1_000, 500), 'poisson', 7)]).toEqual([
      ...arrivals(CONSTANT(1_000, 500), 'poisson', 7),
    ])
    expect([...arrivals(CONSTANT(1_000, 500), 'poisson', 8)]).not.toEqual([
      ...arrivals(CONSTANT(1_000, 500), 'poisson', 7),
    ])
  })

  it('are so many as a Poisson variable may be', () => {
    // Five standard deviations.
    expect(Math.abs(moments.length - COUNT)).toBeLessThan(5 * Math.sqrt(COUNT))
  })

  it('have exponential gaps: Kolmogorov and Smirnov, 100,000 of them', () => {
    const gaps = moments.map((moment, i) => moment - (moments[i - 1] ?? 0)).sort((a, b) => a - b)
    const n = gaps.length
    const distances = gaps.map((gap, i) => {
      const expected = -Math.expm1(-gap)
      return Math.max(Math.abs((i + 1) / n - expected), Math.abs(expected - i / n))
    })
    // The critical value at a level of 0.1 %: Marsaglia, Tsang and Wang (2003) for large n.
    expect(Math.max(...distances.slice(0, n / 2), ...distances.slice(n / 2))).toBeLessThan(
      1.95 / Math.sqrt(n),
    )
  })

  it('have gaps that do not hang together', () => {
    const gaps = moments.map((moment, i) => moment - (moments[i - 1] ?? 0))
    const mean = gaps.reduce((sum, gap) => sum + gap, 0) / gaps.length
    let together = 0
    let all = 0
    for (const [i, gap] of gaps.entries()) {
      all += (gap - mean) ** 2
      if (i > 0) together += (gap - mean) * ((gaps[i - 1] as number) - mean)
    }
    expect(Math.abs(together / all)).toBeLessThan(5 / Math.sqrt(gaps.length))
  })
})
