/** What a report is made of: bounded, and exact in what it tells. */
import { describe, expect, it } from 'vitest'
import { LatencyCurve } from '../src/html-report/latency-curve.js'
import { PrefixTable } from '../src/html-report/prefix-table.js'
import { RateCounter } from '../src/html-report/rate-series.js'

describe('outcomes over time', () => {
  it('counts each kind in bins of equal length, the most frequent first', () => {
    const counter = new RateCounter(1_000)
    counter.add('refused', 1_000)
    counter.add('connected', 1_049)
    counter.add('connected', 1_120)
    expect(counter.series()).toEqual({
      binMs: 50,
      kinds: [
        { kind: 'connected', counts: [1, 0, 1] },
        { kind: 'refused', counts: [1, 0, 0] },
      ],
    })
  })

  it('doubles the length of its bins instead of growing, and loses nothing', () => {
    const counter = new RateCounter(0)
    for (let ms = 0; ms < 3_600_000; ms += 100) counter.add('connected', ms)
    const { binMs, kinds } = counter.series()
    const counts = kinds[0]?.counts ?? []
    expect(counts.length).toBeLessThanOrEqual(600)
    expect(counts.length * binMs).toBeGreaterThanOrEqual(3_600_000)
    expect(counts.reduce((total, count) => total + count)).toBe(36_000)
    expect(new Set(counts.slice(0, -1))).toEqual(new Set([binMs / 100]))
  })
})

describe('latencies', () => {
  it('has nothing to say of none', () => {
    expect(new LatencyCurve().data()).toBeUndefined()
  })

  it('has every one of them in a bin, and a curve that rises to the longest', () => {
    const latencies = new LatencyCurve()
    for (let i = 1; i <= 1_000; i++) latencies.add(i / 10)
    const data = latencies.data()
    expect(data?.bins.reduce((total, { count }) => total + count, 0)).toBe(1_000)
    expect(data?.bins[0]?.fromMs).toBeCloseTo(0.1)
    const curve = data?.curve ?? []
    expect(curve.at(-1)?.percentile).toBe(100)
    // Three significant digits: HdrHistogram.
    expect(curve.at(-1)?.ms).toBeCloseTo(100, 0)
    expect(curve.find(({ percentile }) => percentile >= 89.9)?.ms).toBeCloseTo(90, 0)
    expect([...curve].sort((a, b) => a.ms - b.ms)).toEqual(curve)
  })

  it('says no more than its number allows: one latency has no 90th percentile of its own', () => {
    const latencies = new LatencyCurve()
    latencies.add(5)
    expect(latencies.data()?.curve.map(({ percentile }) => percentile)).toEqual([0, 100])
  })
})

describe('prefixes', () => {
  it('counts by /24 and /48, and takes any other text as it is', () => {
    const table = new PrefixTable()
    table.add('10.1.2.3', 4)
    table.add('10.1.2.200', undefined)
    table.add('2001:db8:1:2::3', undefined)
    table.add('/run/some.sock', 1)
    expect(table.slowest(10)).toEqual([
      { prefix: '10.1.2.0/24', total: 2, connected: 1, meanMs: 4, slowestMs: 4 },
      { prefix: '/run/some.sock', total: 1, connected: 1, meanMs: 1, slowestMs: 1 },
    ])
    expect(table.failing(10).map(({ prefix }) => prefix)).toEqual([
      '10.1.2.0/24',
      '2001:db8:1::/48',
    ])
  })

  it('gets coarser where there are too many, and loses nothing', () => {
    const table = new PrefixTable()
    for (let i = 0; i < 40_000; i++) table.add(`10.${i >> 8}.${i & 255}.1`, undefined)
    const rows = table.failing(100_000)
    expect(rows.length).toBeLessThanOrEqual(10_000)
    expect(rows.reduce((total, row) => total + row.total, 0)).toBe(40_000)
    expect(rows[0]?.prefix).toMatch(/\/20$/)
  })

  it('counts names together when there is no room for more', () => {
    const table = new PrefixTable()
    for (let i = 0; i < 30_000; i++) table.add(`host-${i}.example`, undefined)
    const rows = table.failing(100_000)
    expect(rows.length).toBeLessThanOrEqual(10_001)
    expect(rows[0]).toMatchObject({ prefix: 'other hosts' })
    expect(rows.reduce((total, row) => total + row.total, 0)).toBe(30_000)
  })
})
