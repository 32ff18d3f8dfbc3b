/** A fan-out's report as one HTML file: collects the outcomes in bounded memory, and writes the page. */
import { Latencies } from './latency-curve.js'
import { PrefixTable } from './prefix-table.js'
import { RateCounter } from './rate-series.js'
import { type OutcomeRow, renderPage } from './report-page.js'

export interface ReportedOutcome {
  readonly kind: string
  /** Empty for connected ones. */
  readonly code: string
  /** The address, or the name or path of a target that has none. */
  readonly place: string
  /** Of a connected one, in milliseconds. */
  readonly elapsedMs: number | undefined
}

export interface ReportContext {
  /** What was run and on what: shown in this order. */
  readonly facts: readonly (readonly [name: string, value: string])[]
  /** It was stopped before its end. */
  readonly stopped: boolean
}

const PERCENTILES = [50, 90, 99, 99.9, 100] as const
const MOST_ROWS = 20

export class HtmlReport {
  readonly #startedAt = performance.now()
  readonly #rate = new RateCounter(this.#startedAt)
  readonly #latencies = new Latencies()
  readonly #prefixes = new PrefixTable()
  readonly #outcomes = new Map<string, OutcomeRow>()
  #total = 0

  add({ kind, code, place, elapsedMs }: ReportedOutcome): void {
    this.#total++
    this.#rate.add(kind, performance.now())
    if (elapsedMs !== undefined) this.#latencies.add(elapsedMs)
    this.#prefixes.add(place, elapsedMs)
    const key = `${kind} ${code}`
    const row = this.#outcomes.get(key)
    if (row) row.count++
    else this.#outcomes.set(key, { kind, code, count: 1 })
  }

  /** The whole file. */
  render({ facts, stopped }: ReportContext): string {
    const latency = this.#latencies.data()
    return renderPage({
      facts,
      stopped,
      total: this.#total,
      seconds: (performance.now() - this.#startedAt) / 1_000,
      outcomes: [...this.#outcomes.values()].sort((a, b) => b.count - a.count),
      percentiles: latency
        ? PERCENTILES.map((percentile) => [percentile, this.#latencies.percentileMs(percentile)])
        : [],
      slowest: this.#prefixes.slowest(MOST_ROWS),
      failing: this.#prefixes.failing(MOST_ROWS),
      data: { rate: this.#rate.series(), latency },
    })
  }
}
