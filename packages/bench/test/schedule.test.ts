/** What is said of a schedule: on moments that are made up. */
import { expect, it } from 'vitest'
import { judgeSchedule } from '../src/measure-pacing.js'

/** Late by so much, at 100 a second. */
function starts(count: number, lateMs: (k: number) => number = () => 0): number[] {
  return Array.from({ length: count }, (_, k) => 5_000 + k * 10 + lateMs(k))
}

it('finds nothing wrong with an even pace, in whatever order it is told', () => {
  const { rateError, offsetMs, largestBurst } = judgeSchedule(starts(110).reverse(), 100, 1_000)
  expect(rateError).toBe(0)
  expect(offsetMs.max).toBeCloseTo(0)
  expect(largestBurst).toBeCloseTo(1)
})

it.each([
  ['half the pace', 50, -0.5],
  ['twice the pace', 200, 0.99],
])('tells %s', (_name, actual, rateError) => {
  const moments = Array.from({ length: 300 }, (_, k) => (k * 1_000) / actual)
  expect(judgeSchedule(moments, 100, 1_000).rateError).toBeCloseTo(rateError)
})

it('counts a stall that is made up for as a burst', () => {
  // 20 to 24 are due at 200 to 240 ms, and all start at 240.
  const stalled = starts(110, (k) => (k >= 20 && k < 25 ? 240 - k * 10 : 0))
  const { rateError, offsetMs, largestBurst } = judgeSchedule(stalled, 100, 1_000)
  expect(rateError).toBe(0)
  expect(offsetMs.max).toBeCloseTo(40)
  expect(largestBurst).toBeCloseTo(5)
})

it('does not count a lasting delay as one', () => {
  const delayed = starts(110, (k) => (k >= 20 ? 35 : 0))
  const { rateError, offsetMs, largestBurst } = judgeSchedule(delayed, 100, 1_000)
  expect(rateError).toBeCloseTo(-0.04)
  expect(offsetMs.p50).toBeCloseTo(35)
  expect(largestBurst).toBeCloseTo(1)
})
