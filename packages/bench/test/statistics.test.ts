/** What is made of the numbers: on numbers that are made up. */
import { describe, expect, it } from 'vitest'
import { percentiles, summarize, waits } from '../src/statistics.js'

describe('summarize()', () => {
  it.each([
    ['an odd number of values', [3, 1, 2], { median: 2, min: 1, max: 3 }],
    [
      'an even number, between the two in the middle',
      [4, 10, 1, 2],
      { median: 3, min: 1, max: 10 },
    ],
    ['one value', [5], { median: 5, min: 5, max: 5 }],
    ['none', [], undefined],
  ])('takes the median of %s', (_name, values, expected) => {
    expect(summarize(values)).toEqual(expected)
  })
})

describe('percentiles()', () => {
  it('are of the values, by nearest rank', () => {
    const values = Array.from({ length: 200 }, (_, i) => 200 - i)
    expect(percentiles(values)).toEqual({ p50: 100, p99: 198, max: 200 })
  })

  it('are 0 for no values', () => {
    expect(percentiles([])).toEqual({ p50: 0, p99: 0, max: 0 })
  })
})

describe('waits()', () => {
  it('are up to one turn where all turns are alike', () => {
    const { p50, p99, p999, max } = waits(Array.from({ length: 1_000 }, () => 1))
    expect(p50).toBeCloseTo(0.5)
    expect(p99).toBeCloseTo(0.99)
    expect(p999).toBeCloseTo(0.999)
    expect(max).toBe(1)
  })

  it('weigh a stall by its length, and not as one turn of many', () => {
    // Of 401 ms, 400 are one turn: a random moment is in it nearly always, and waits for half of it.
    const { p50, max } = waits([...Array.from({ length: 100 }, () => 0.01), 400])
    expect(p50).toBeCloseTo(400 - 401 / 2)
    expect(max).toBe(400)
  })
})
