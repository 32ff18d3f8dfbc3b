/** Latencies as an HDR histogram of microseconds, with three significant digits: in memory that does not grow with their number. */
import { createHistogram, type RecordableHistogram } from 'node:perf_hooks'

const PERCENTILES = [50, 90, 99, 99.9] as const
/** An hour, in microseconds: connects that take longer are counted as this long. */
const LONGEST_US = 3_600_000_000

export class Latencies {
  readonly #histogram: RecordableHistogram = createHistogram({
    lowest: 1,
    highest: LONGEST_US,
    figures: 3,
  })

  get count(): number {
    return this.#histogram.count
  }

  /** Returns what was recorded, in microseconds. */
  add(ms: number): number {
    const us = Math.min(Math.max(Math.round(ms * 1_000), 1), LONGEST_US)
    this.#histogram.record(us)
    return us
  }

  percentileMs(percentile: number): number {
    return this.#histogram.percentile(percentile) / 1_000
  }

  /** `p50` and so on, in milliseconds; empty where there are none. */
  get figuresMs(): ReadonlyArray<readonly [name: string, ms: number]> {
    if (this.count === 0) return []
    const percentiles = PERCENTILES.map((p) => [`p${p}`, this.percentileMs(p)] as const)
    return [...percentiles, ['max', this.#histogram.max / 1_000]]
  }
}
