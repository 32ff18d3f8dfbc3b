/** Outcomes over time, in memory that does not grow with the time: when the bins are full, two become one. */
import type { RateSeries } from './report-data.js'

const FIRST_BIN_MS = 50
const MOST_BINS = 600

export class RateCounter {
  readonly #startedAt: number
  readonly #kinds = new Map<string, number[]>()
  #binMs = FIRST_BIN_MS
  #bins = 0

  /** `now` here and below: milliseconds on any one monotonic clock. */
  constructor(now: number) {
    this.#startedAt = now
  }

  add(kind: string, now: number): void {
    const bin = this.#binAt(now)
    this.#bins = Math.max(this.#bins, bin + 1)
    let counts = this.#kinds.get(kind)
    if (counts === undefined) {
      counts = new Array<number>(MOST_BINS).fill(0)
      this.#kinds.set(kind, counts)
    }
    counts[bin] = (counts[bin] ?? 0) + 1
  }

  /** The most frequent kind first. */
  series(): RateSeries {
    const kinds = [...this.#kinds].map(([kind, counts]) => ({
      kind,
      counts: counts.slice(0, this.#bins),
    }))
    const sizes = new Map(kinds.map(({ kind, counts }) => [kind, sum(counts)]))
    kinds.sort((a, b) => (sizes.get(b.kind) ?? 0) - (sizes.get(a.kind) ?? 0))
    return { binMs: this.#binMs, kinds }
  }

  #binAt(now: number): number {
    for (;;) {
      const bin = Math.max(0, Math.floor((now - this.#startedAt) / this.#binMs))
      if (bin < MOST_BINS) return bin
      this.#halve()
    }
  }

  #halve(): void {
    this.#binMs *= 2
    this.#bins = Math.ceil(this.#bins / 2)
    for (const counts of this.#kinds.values()) {
      for (let bin = 0; bin < MOST_BINS; bin++) {
        counts[bin] = (counts[2 * bin] ?? 0) + (counts[2 * bin + 1] ?? 0)
      }
    }
  }
}

function sum(counts: readonly number[]): number {
  return counts.reduce((total, count) => total + count, 0)
}
