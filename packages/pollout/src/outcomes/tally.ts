/** Counts a fan-out's outcomes as they come: in memory that does not grow with their number. */
import { Latencies } from './latencies.js'
import type { FanoutKind, OutcomeRow, OutcomeSink } from './outcome-row.js'

/** How often an outcome was seen. */
export interface TallyRow {
  readonly kind: FanoutKind
  /** Empty for connected ones. */
  readonly code: string
  readonly count: number
}

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

  /** The most frequent first. */
  get byFrequency(): readonly TallyRow[] {
    return [...this.rows].sort((a, b) => b.count - a.count)
  }
}

export class Tally implements OutcomeSink {
  total = 0
  /** Of the total: known from an earlier run. */
  readonly earlier: number
  readonly #startedAt = performance.now()
  readonly #counts = new Counts()
  readonly #perKind = new Map<FanoutKind, number>()
  /** Of this run alone: what a checkpoint keeps are counts. */
  readonly #latencies = new Latencies()

  /** What an earlier run has counted. */
  constructor(earlier: Iterable<TallyRow> = []) {
    for (const { kind, code, count } of earlier) this.#count(kind, code, count)
    this.earlier = this.total
  }

  outcome({ kind, summedCode, elapsedMs }: OutcomeRow): void {
    this.#count(kind, summedCode, 1)
    if (kind === 'connected' || kind === 'probe-failed') this.#latencies.add(elapsedMs)
  }

  /** The most frequent first. */
  get rows(): readonly TallyRow[] {
    return this.#counts.byFrequency
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
    return this.#latencies.figuresMs
  }

  #count(kind: FanoutKind, code: string, count: number): void {
    this.total += count
    this.#perKind.set(kind, (this.#perKind.get(kind) ?? 0) + count)
    this.#counts.add(kind, code, count)
  }
}
