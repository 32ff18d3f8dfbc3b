/** Counts a fan-out's outcomes as they come: in memory that does not grow with their number. */
import { createHistogram, type RecordableHistogram } from 'node:perf_hooks'
import type { FanoutKind, OutcomeRow, OutcomeSink } from './outcome-row.js'

/** How often an outcome was seen. */
export interface TallyRow {
  readonly kind: FanoutKind
  /** Empty for connected ones. */
  readonly code: string
  readonly count: number
}

const PERCENTILES = [50, 90, 99, 99.9] as const
/** An hour, in microseconds: connects that take longer are counted as this long. */
const LONGEST_US = 3_600_000_000

/** Counts by kind and code. */
export class Counts {
  readonly #rows = new Map<string, { kind: FanoutKind; code: string; count: number }>()

  add(kind: FanoutKind, code: string, count = 1): void {
    const key = `${kind} ${code}`
    const row = this.#rows.get(key)
    if (row) row.count += count
    else this.#rows.set(key, { kind, code, count })
  }

  addAll(rows: Iterable<TallyRow>): void {
    for (const { kind, code, count } of rows) this.add(kind, code, count)
  }

  get rows(): Iterable<TallyRow> {
    return this.#rows.values()
  }
}

export class Tally implements OutcomeSink {
  total = 0
  /** Passed over, as they were excluded; not in the total. */
  excluded: number
  /** Of the total and the excluded: known from an earlier run. */
  readonly earlier: number
  readonly #startedAt = performance.now()
  readonly #counts = new Counts()
  readonly #perKind = new Map<FanoutKind, number>()
  /** HDR histogram of microseconds, with three significant digits. Of this run alone: what a checkpoint keeps are counts. */
  readonly #latency: RecordableHistogram = createHistogram({
    lowest: 1,
    highest: LONGEST_US,
    figures: 3,
  })

  /** What an earlier run has counted. */
  constructor(earlier: Iterable<TallyRow> = [], excluded = 0) {
    for (const { kind, code, count } of earlier) this.#count(kind, code, count)
    this.excluded = excluded
    this.earlier = this.total + excluded
  }

  outcome({ kind, code, elapsedMs }: OutcomeRow): void {
    this.#count(kind, code, 1)
    if (kind !== 'connected' && kind !== 'probe-failed') return
    this.#latency.record(Math.min(Math.max(Math.round(elapsedMs * 1_000), 1), LONGEST_US))
  }

  /** The most frequent first. */
  get rows(): readonly TallyRow[] {
    return [...this.#counts.rows].sort((a, b) => b.count - a.count)
  }

  get perKind(): ReadonlyMap<FanoutKind, number> {
    return this.#perKind
  }

  get connected(): number {
    return this.#perKind.get('connected') ?? 0
  }

  get elapsedMs(): number {
    return performance.now() - this.#startedAt
  }

  /** `p50` and so on of those that this run has connected, in milliseconds; empty where there are none. */
  get latenciesMs(): ReadonlyArray<readonly [name: string, ms: number]> {
    const latency = this.#latency
    if (latency.count === 0) return []
    const percentiles = PERCENTILES.map((p) => [`p${p}`, latency.percentile(p) / 1_000] as const)
    return [...percentiles, ['max', latency.max / 1_000]]
  }

  #count(kind: FanoutKind, code: string, count: number): void {
    this.total += count
    this.#perKind.set(kind, (this.#perKind.get(kind) ?? 0) + count)
    this.#counts.add(kind, code, count)
  }
}
