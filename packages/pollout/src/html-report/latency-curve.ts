/** The latencies of a fan-out as the page draws them: bins, and the curve of percentiles. */
import { Latencies } from '../outcomes/latencies.js'
import type { LatencyData } from './report-data.js'

const BINS_PER_DECADE = 10
/** Points of the curve for each further nine: 90, 99, 99.9 %. */
const POINTS_PER_NINE = 20

export class LatencyCurve {
  readonly #latencies = new Latencies()
  readonly #bins: number[] = []

  get figuresMs(): Latencies['figuresMs'] {
    return this.#latencies.figuresMs
  }

  add(ms: number): void {
    const bin = Math.floor(Math.log10(this.#latencies.add(ms)) * BINS_PER_DECADE)
    this.#bins[bin] = (this.#bins[bin] ?? 0) + 1
  }

  /** Undefined where nothing was added. */
  data(): LatencyData | undefined {
    if (this.#latencies.count === 0) return undefined
    const first = this.#bins.findIndex((count) => count > 0)
    const bins = Array.from({ length: this.#bins.length - first }, (_, index) => ({
      fromMs: 10 ** ((first + index) / BINS_PER_DECADE) / 1_000,
      count: this.#bins[first + index] ?? 0,
    }))
    return { bins, curve: this.#curve() }
  }

  /** As far as there are enough of them to tell: a thousand say nothing of the 99.99th. */
  #curve(): LatencyData['curve'] {
    const points = Math.floor(Math.log10(this.#latencies.count) * POINTS_PER_NINE)
    const curve = Array.from({ length: points + 1 }, (_, index) => {
      const percentile = 100 * (1 - 10 ** (-index / POINTS_PER_NINE))
      return {
        percentile,
        ms: this.#latencies.percentileMs(Math.max(percentile, Number.MIN_VALUE)),
      }
    })
    return [...curve, { percentile: 100, ms: this.#latencies.percentileMs(100) }]
  }
}
