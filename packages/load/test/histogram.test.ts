/** Histograms: as the library of HdrHistogram has them, bounded in their error, and exact to merge. */
import { seededRandom } from '@pollout/testing'
import { build, decodeFromCompressedBase64 } from 'hdr-histogram-js'
import { describe, expect, it } from 'vitest'
import { Histogram } from '../src/measure/histogram.js'

const UNITS_IN_MS = 10_000
const QUANTILES = [0, 0.001, 0.25, 0.5, 0.9, 0.99, 0.999, 1]

/** Some of every size, up to an hour. */
function values(seed: number, count: number): readonly number[] {
  const random = seededRandom(seed)
  return Array.from({ length: count }, () => Math.round(2 ** (random() * 35)) / UNITS_IN_MS)
}

function histogramOf(all: readonly number[]): Histogram {
  const histogram = new Histogram()
  for (const ms of all) histogram.record(ms)
  return histogram
}

describe('Histogram', () => {
  it.each([1, 2, 3])('is read by hdr-histogram-js as it was written, seed %i', (seed) => {
    const all = values(seed, 5_000)
    const ours = histogramOf(all)
    const peer = build({
      bitBucketSize: 64,
      lowestDiscernibleValue: 1,
      highestTrackableValue: 24 * 3_600_000 * UNITS_IN_MS,
      numberOfSignificantValueDigits: 3,
    })
    for (const ms of all) peer.recordValue(Math.round(ms * UNITS_IN_MS))
    const read = decodeFromCompressedBase64(ours.encode(), 64)
    expect(read.totalCount).toBe(5_000)
    for (const quantile of QUANTILES) {
      expect(read.getValueAtPercentile(quantile * 100)).toBe(
        peer.getValueAtPercentile(quantile * 100),
      )
    }
    expect(ours.maxMs).toBeCloseTo(peer.maxValue / UNITS_IN_MS, 0)
  })

  it('is off by a thousandth at most', () => {
    const all = values(4, 3_000)
    const sorted = all.toSorted((a, b) => a - b)
    const histogram = histogramOf(all)
    for (let rank = 1; rank <= sorted.length; rank += 7) {
      const exact = sorted[rank - 1] as number
      const told = histogram.quantile(rank / sorted.length)
      expect(Math.abs(told - exact)).toBeLessThanOrEqual(exact / 1_000 + 1e-9)
    }
    const mean = all.reduce((sum, ms) => sum + ms, 0) / all.length
    expect(histogram.meanMs).toBeCloseTo(mean, 3)
  })

  it('merges without loss, and comes back from its encoding', () => {
    const [a, b] = [values(5, 1_000), values(6, 2_000)]
    const merged = histogramOf(a)
    merged.add(histogramOf(b))
    const whole = histogramOf([...a, ...b])
    expect(merged.encode()).toBe(whole.encode())
    const back = Histogram.decode(whole.encode())
    expect(back.encode()).toBe(whole.encode())
    for (const quantile of QUANTILES.slice(0, -1)) {
      const told = whole.quantile(quantile)
      expect(Math.abs(back.quantile(quantile) - told)).toBeLessThanOrEqual(told / 1_000 + 1e-4)
    }
  })

  it('of nothing says nothing', () => {
    const empty = new Histogram()
    empty.record(Number.NaN)
    expect([empty.count, empty.minMs, empty.maxMs, empty.meanMs, empty.quantile(0.5)]).toEqual([
      0,
      Number.NaN,
      Number.NaN,
      Number.NaN,
      Number.NaN,
    ])
    expect(Histogram.decode(empty.encode()).count).toBe(0)
    empty.record(-5)
    expect([empty.minMs, empty.maxMs]).toEqual([0, 0])
  })

  it.each(['', 'AAAA', Buffer.alloc(100, 1).toString('base64'), 'x'.repeat(1_000)])(
    'refuses what is none: %#',
    (text) => expect(() => Histogram.decode(text)).toThrow(RangeError),
  )
})
