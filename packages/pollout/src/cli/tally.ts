/** Counts a fan-out's outcomes as they come: in memory that does not grow with their number. */
import { createHistogram, type RecordableHistogram } from 'node:perf_hooks'
import type { OutcomeKind } from '@pollout/core'

export interface TallyRow {
  readonly kind: OutcomeKind
  /** Empty for connected ones. */
  readonly code: string
  readonly count: number
}

const PERCENTILES = [50, 90, 99] as const
/** An hour, in microseconds: connects that take longer are counted as this long. */
const LONGEST_US = 3_600_000_000

export class Tally {
  total = 0
  connected = 0
  readonly #startedAt = performance.now()
  readonly #counts = new Map<string, { kind: OutcomeKind; code: string; count: number }>()
  readonly #perKind = new Map<OutcomeKind, number>()
  /** HDR histogram of microseconds, with three significant digits. */
  readonly #latency: RecordableHistogram = createHistogram({
    lowest: 1,
    highest: LONGEST_US,
    figures: 3,
  })

  addConnected(elapsedMs: number): void {
    this.connected++
    this.#latency.record(Math.min(Math.max(Math.round(elapsedMs * 1_000), 1), LONGEST_US))
    this.#count('connected', '')
  }

  addFailed(kind: OutcomeKind, code: string): void {
    this.#count(kind, code)
  }

  /** The most frequent first. */
  get rows(): readonly TallyRow[] {
    return [...this.#counts.values()].sort((a, b) => b.count - a.count)
  }

  get perKind(): ReadonlyMap<OutcomeKind, number> {
    return this.#perKind
  }

  /** Targets that a connect was tried for. */
  get tried(): number {
    return this.total - (this.#perKind.get('invalid') ?? 0)
  }

  get elapsedMs(): number {
    return performance.now() - this.#startedAt
  }

  /** `p50` and so on of the connected ones, in milliseconds; empty where there are none. */
  get latenciesMs(): ReadonlyArray<readonly [name: string, ms: number]> {
    if (this.connected === 0) return []
    const latency = this.#latency
    const percentiles = PERCENTILES.map((p) => [`p${p}`, latency.percentile(p) / 1_000] as const)
    return [...percentiles, ['max', latency.max / 1_000]]
  }

  #count(kind: OutcomeKind, code: string): void {
    this.total++
    this.#perKind.set(kind, (this.#perKind.get(kind) ?? 0) + 1)
    const key = `${kind} ${code}`
    const row = this.#counts.get(key)
    if (row) row.count++
    else this.#counts.set(key, { kind, code, count: 1 })
  }
}
