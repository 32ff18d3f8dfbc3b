/** A fan-out's report as one HTML file: collects the outcomes in bounded memory, and writes the page. */
import type { OutcomeRow, OutcomeSink } from '../outcomes/outcome-row.js'
import { Counts } from '../outcomes/tally.js'
import { LatencyCurve } from './latency-curve.js'
import { PrefixTable } from './prefix-table.js'
import { RateCounter } from './rate-series.js'
import { renderPage } from './report-page.js'

export interface ReportContext {
  /** What was run and on what: shown in this order. */
  readonly facts: readonly (readonly [name: string, value: string])[]
  /** It was stopped before its end. */
  readonly stopped: boolean
}

const MOST_ROWS = 20

export class HtmlReport implements OutcomeSink {
  readonly #startedAt = performance.now()
  readonly #rate = new RateCounter(this.#startedAt)
  readonly #latencies = new LatencyCurve()
  readonly #prefixes = new PrefixTable()
  /** Of this run: a tally has those of the runs before in it. */
  readonly #counts = new Counts()

  outcome({ kind, summedCode, place, elapsedMs }: OutcomeRow): void {
    const latencyMs = kind === 'connected' ? elapsedMs : undefined
    this.#rate.add(kind, performance.now())
    this.#prefixes.add(place, latencyMs)
    this.#counts.add(kind, summedCode)
    if (latencyMs !== undefined) this.#latencies.add(latencyMs)
  }

  /** The whole file. */
  render({ facts, stopped }: ReportContext): string {
    return renderPage({
      facts,
      stopped,
      seconds: (performance.now() - this.#startedAt) / 1_000,
      outcomes: this.#counts.byFrequency,
      latenciesMs: this.#latencies.figuresMs,
      slowest: this.#prefixes.slowest(MOST_ROWS),
      failing: this.#prefixes.failing(MOST_ROWS),
      data: { rate: this.#rate.series(), latency: this.#latencies.data() },
    })
  }
}
