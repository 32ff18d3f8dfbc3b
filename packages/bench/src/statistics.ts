/** Medians, their spread, and percentiles. */
import type { Delays, Percentiles } from './job.js'

export interface Summary {
  readonly median: number
  readonly min: number
  readonly max: number
}

/** Undefined for no values. */
export function summarize(values: readonly number[]): Summary | undefined {
  const sorted = [...values].sort((a, b) => a - b)
  const [min, max] = [sorted[0], sorted.at(-1)]
  if (min === undefined || max === undefined) return undefined
  const upper = sorted[Math.floor(sorted.length / 2)] ?? max
  const lower = sorted[Math.ceil(sorted.length / 2) - 1] ?? min
  return { median: (lower + upper) / 2, min, max }
}

/** By nearest rank; 0 for no values. */
export function percentiles(values: readonly number[]): Percentiles {
  const sorted = [...values].sort((a, b) => a - b)
  const at = (share: number) => sorted[Math.max(0, Math.ceil(sorted.length * share) - 1)] ?? 0
  return { p50: at(0.5), p99: at(0.99), max: sorted.at(-1) ?? 0 }
}

/**
 * How long something waits that becomes due at a random moment, and is seen to when the turn ends.
 *
 * Percentiles of the turns themselves would hide a stall: one turn of 400 ms among 100 of 10 µs is
 * nearly all of the time and 1 % of the turns. A moment within a turn waits from nothing to the
 * whole of it, all equally likely.
 */
export function waits(turns: readonly number[]): Delays {
  const total = turns.reduce((sum, turn) => sum + turn, 0)
  const max = turns.reduce((most, turn) => Math.max(most, turn), 0)
  const shareAbove = (wait: number) =>
    turns.reduce((sum, turn) => sum + Math.max(0, turn - wait), 0) / total
  const exceededBy = (share: number) => {
    let [low, high] = [0, max]
    // Halving 40 times leaves less than a nanosecond of any stall.
    for (let step = 0; step < 40; step++) {
      const middle = (low + high) / 2
      if (shareAbove(middle) > share) low = middle
      else high = middle
    }
    return high
  }
  return { p50: exceededBy(0.5), p99: exceededBy(0.01), p999: exceededBy(0.001), max }
}
