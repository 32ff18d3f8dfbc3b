/** The pacer and the concurrency limit of a fan-out. */
import { describe, expect, it } from 'vitest'
import { ConcurrencyLimit } from '../src/fan-out/concurrency-limit.js'
import { Pacer } from '../src/fan-out/pacer.js'

describe('Pacer', () => {
  /** The times at which a loop that looks every `stepMs` gets its permissions. */
  function grants(rate: number, count: number, stepMs: number): number[] {
    const pacer = new Pacer(rate)
    const times: number[] = []
    for (let now = 0; times.length < count; now += stepMs) {
      while (times.length < count && pacer.waitMs(now) === 0) {
        pacer.take(now)
        times.push(now)
      }
    }
    return times
  }

  it('gives the k-th permission k intervals after the first', () => {
    expect(grants(20, 5, 1)).toEqual([0, 50, 100, 150, 200])
    expect(grants(1_000, 5, 1)).toEqual([0, 1, 2, 3, 4])
  })

  it('makes up for a coarse timer', () => {
    const times = grants(2_000, 2_000, 3)
    expect(times.at(-1)).toBeLessThan(1_006)
    expect(times.at(-1)).toBeGreaterThan(990)
  })

  it('does not make up for more than 10 ms of idle time', () => {
    const pacer = new Pacer(1_000)
    pacer.take(0)
    let granted = 0
    while (pacer.waitMs(5_000) === 0) {
      pacer.take(5_000)
      granted++
    }
    expect(granted).toBeLessThanOrEqual(11)
  })

  it('makes up for one start after a stall of no more than an interval, where that is over 10 ms', () => {
    const pacer = new Pacer(10)
    pacer.take(0)
    expect(pacer.waitMs(199)).toBe(0)
    expect(pacer.take(199)).toBe(100)
    expect(pacer.waitMs(199)).toBe(1)
    expect(pacer.take(5_000)).toBe(4_900)
    expect(pacer.take(5_000)).toBe(5_000)
    expect(pacer.waitMs(5_000)).toBe(100)
  })

  it('has no limit at Infinity', () => {
    const pacer = new Pacer(Number.POSITIVE_INFINITY)
    for (let i = 0; i < 10; i++) {
      expect(pacer.waitMs(0)).toBe(0)
      pacer.take(0)
    }
  })
})

describe('ConcurrencyLimit', () => {
  it('takes a tenth off what was in flight, and gives it back slowly', () => {
    const limit = new ConcurrencyLimit(100)
    limit.exhausted(50)
    expect(limit.current).toBe(45)
    limit.exhausted(80)
    expect(limit.current).toBe(45)
    for (let i = 0; i < 46; i++) limit.sufficed()
    expect(limit.current).toBe(46)
    for (let i = 0; i < 100_000; i++) limit.sufficed()
    expect(limit.current).toBe(100)
  })

  it('is never less than 1', () => {
    const limit = new ConcurrencyLimit(1)
    limit.exhausted(0)
    expect(limit.current).toBe(1)
  })
})
