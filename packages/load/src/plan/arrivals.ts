/**
 * When requests are to be sent: the plan of an open loop, made before anything is measured.
 *
 * A process of rate one is bent to the rate that is asked for: its n-th arrival comes when the integral of the rate has reached
 * the n-th of the simple process (Cinlar, "Introduction to Stochastic Processes", 1975, 4.7). So even arrivals and those of a
 * Poisson process, constant rates and ramps are one thing, exact to the last digit and without a step of time.
 */

import { uniformFloat64 } from 'pure-rand/distribution/uniformFloat64'
import { xoroshiro128plus } from 'pure-rand/generator/xoroshiro128plus'

/**
 * A while with a rate that is the same, or goes in a straight line from one to another.
 *
 * @example
 * ```ts
 * import type { Stage } from '@pollout/load'
 *
 * const stages: Stage[] = [
 *   { from: 0, to: 1_000, durationMs: 10_000 }, // a ramp
 *   { to: 1_000, durationMs: 60_000 }, // held
 * ]
 * ```
 */
export interface Stage {
  /** Requests a second at its beginning; default: what the one before ended with. */
  readonly from?: number | undefined
  /** Requests a second at its end. */
  readonly to: number
  readonly durationMs: number
}

/**
 * How far apart they are: all the same, or by chance, as of many users who know nothing of each other.
 *
 * @example
 * ```ts
 * import type { Spacing } from '@pollout/load'
 *
 * const asManyUsers: Spacing = 'poisson'
 * ```
 */
export type Spacing = 'even' | 'poisson'

/**
 * Moments in milliseconds since the run's beginning, never falling.
 *
 * @example
 * ```ts
 * import { type Arrivals, arrivals } from '@pollout/load'
 *
 * const plan: Arrivals = arrivals([{ from: 100, to: 100, durationMs: 1_000 }], 'even', 1)
 * plan.next().value // 0, then 10, 20, ...
 * ```
 */
export type Arrivals = Iterator<number, void>

interface Slope {
  readonly startMs: number
  readonly durationMs: number
  /** A millisecond, at its beginning. */
  readonly rate: number
  /** What the rate grows by, a millisecond. */
  readonly growth: number
  /** Arrivals before it, and in it. */
  readonly before: number
  readonly within: number
}

/**
 * Throws RangeError for what can't be meant.
 *
 * @example
 * ```ts
 * import { arrivals } from '@pollout/load'
 *
 * const stages = [{ from: 1_000, to: 1_000, durationMs: 10_000 }]
 * const moments = [...arrivals(stages, 'poisson', 7)] // some 10,000, the same each time
 * ```
 */
export function* arrivals(
  stages: readonly Stage[],
  spacing: Spacing,
  seed: number,
): Generator<number, void> {
  const slopes = slopesOf(stages)
  const gaps = spacing === 'even' ? evenGaps() : poissonGaps(seed)
  let reached = spacing === 'even' ? 0 : gaps.next().value
  for (const slope of slopes) {
    for (; reached < slope.before + slope.within; reached += gaps.next().value) {
      yield slope.startMs + timeIn(slope, reached - slope.before)
    }
  }
}

/**
 * How many even arrivals there are: the integral of the rate.
 *
 * @example
 * ```ts
 * import { expectedArrivals } from '@pollout/load'
 *
 * expectedArrivals([{ from: 0, to: 100, durationMs: 2_000 }]) // 100
 * ```
 */
export function expectedArrivals(stages: readonly Stage[]): number {
  const last = slopesOf(stages).at(-1)
  return last === undefined ? 0 : last.before + last.within
}

function slopesOf(stages: readonly Stage[]): readonly Slope[] {
  const slopes: Slope[] = []
  let startMs = 0
  let before = 0
  let ended = 0
  for (const { from = ended, to, durationMs } of stages) {
    const rates = [from, to]
    if (!rates.every((rate) => rate >= 0 && Number.isFinite(rate)) || !(durationMs > 0)) {
      throw new RangeError('a stage has rates from 0 and a duration above 0')
    }
    const within = ((from + to) / 2_000) * durationMs
    const growth = (to - from) / 1_000 / durationMs
    slopes.push({ startMs, durationMs, rate: from / 1_000, growth, before, within })
    startMs += durationMs
    before += within
    ended = to
  }
  return slopes
}

/** When the integral of the rate has reached `count`: the root of a square, in the form that loses no digits. */
function timeIn({ rate, growth, durationMs }: Slope, count: number): number {
  const root = Math.sqrt(Math.max(0, rate * rate + 2 * growth * count))
  const ms = count === 0 ? 0 : (2 * count) / (rate + root)
  return Math.min(durationMs, ms)
}

function* evenGaps(): Generator<number, never> {
  for (;;) yield 1
}

/** Exponential, of mean 1: by the inverse of its distribution. */
function* poissonGaps(seed: number): Generator<number, never> {
  const random = xoroshiro128plus(seed)
  for (;;) yield -Math.log1p(-uniformFloat64(random))
}
