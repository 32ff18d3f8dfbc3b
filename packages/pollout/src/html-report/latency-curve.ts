/** The latencies of a fan-out: an HDR histogram, and what the page draws of it. */
import { createHistogram, type RecordableHistogram } from 'node:perf_hooks'
import type { LatencyData } from './report-data.js'

/** An hour, in microseconds: connects that take longer are counted as this long. */
const LONGEST_US = 3_600_000_000
const BINS_PER_DECADE = 10
/** Points of the curve for each further nine: 90, 99, 99.9 %. */
const POINTS_PER_NINE = 20

export class Latencies {
  readonly #histogram: RecordableHistogram = createHistogram({
    lowest: 1,
    highest: LONGEST_US,
    figures: 3,
  })
  readonly #bins: number[] = []
  #count = 0

  add(ms: number): void {
    const us = Math.min(Math.max(Math.round(ms * 1_000), 1), LONGEST_US)
    this.#histogram.record(us)
    this.#count++
    const bin = Math.floor(Math.log10(us) * BINS_PER_DECADE)
    this.#bins[bin] = (this.#bins[bin] ?? 0) + 1
  }

  /** In milliseconds; 0 where there is none. */
  percentileMs(percentile: number): number {
    return this.#count === 0 ? 0 : this.#histogram.percentile(percentile) / 1_000
  }

  /** Undefined where nothing was added. */
  data(): LatencyData | undefined {
    if (this.#count === 0) return undefined
    const first = this.#bins.findIndex((count) => count > 0)
    const bins = Array.from({ length: this.#bins.length - first }, (_, index) => ({
      fromMs: 10 ** ((first + index) / BINS_PER_DECADE) / 1_000,
      count: this.#bins[first + index] ?? 0,
    }))
    return { bins, curve: this.#curve() }
  }

  /** As far as there are enough of them to tell: a thousand say nothing of the 99.99th. */
  #curve(): LatencyData['curve'] {
    const points = Math.floor(Math.log10(this.#count) * POINTS_PER_NINE)
    const curve = Array.from({ length: points + 1 }, (_, index) => {
      const percentile = 100 * (1 - 10 ** (-index / POINTS_PER_NINE))
      return { percentile, ms: this.percentileMs(Math.max(percentile, Number.MIN_VALUE)) }
    })
    return [...curve, { percentile: 100, ms: this.percentileMs(100) }]
  }
}
