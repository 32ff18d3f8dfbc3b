/** A run second by second: how many, and how long they took. */
import { Histogram } from './histogram.js'

/**
 * One second of a run: what was to be sent in it, whenever it was answered.
 *
 * @example
 * ```ts
 * import type { LoadResult } from '@pollout/load'
 *
 * function slowestSecond({ series }: LoadResult): number | undefined {
 *   return series.toSorted((a, b) => (b.p99 ?? 0) - (a.p99 ?? 0))[0]?.second
 * }
 * ```
 */
export interface Second {
  /** Since the beginning of what counts. */
  readonly second: number
  readonly answered: number
  readonly failed: number
  /** Of the responses; milliseconds, null where there was none. */
  readonly p50: number | null
  readonly p90: number | null
  readonly p99: number | null
  readonly max: number | null
  /** All of it, as in a result's other histograms: for heat maps, and for who compares runs. */
  readonly histogram: string
}

interface Open {
  answered: number
  failed: number
  readonly times: Histogram
}

/** Those that begin in a second may end much later: so many are kept open. */
const KEPT_OPEN = 32

export class TimeSeries {
  readonly #open = new Map<number, Open>()
  readonly #closed = new Map<number, Second>()
  readonly #spare: Open[] = []

  /** `atMs`: when it was to be sent, since the beginning; `ms`: how long it took. */
  answered(atMs: number, ms: number, isWanted: boolean): void {
    const second = this.#at(atMs)
    if (second === undefined) return
    if (isWanted) second.answered++
    else second.failed++
    second.times.record(ms)
  }

  failed(atMs: number): void {
    const second = this.#at(atMs)
    if (second) second.failed++
  }

  /** All of them, in their order; it is at its end. */
  seconds(): readonly Second[] {
    for (const second of [...this.#open.keys()]) this.#close(second)
    return [...this.#closed.values()].sort((a, b) => a.second - b.second)
  }

  /** The last one that has ended, if there is one. */
  latest(): Second | undefined {
    return [...this.#closed.values()].at(-1)
  }

  #at(atMs: number): Open | undefined {
    const second = Math.floor(atMs / 1_000)
    const open = this.#open.get(second)
    if (open) return open
    // What comes for one that is closed already opens it again: both are added up then.
    if (this.#open.size === KEPT_OPEN) this.#close(Math.min(...this.#open.keys()))
    const made = this.#spare.pop() ?? {
      answered: 0,
      failed: 0,
      times: new Histogram(),
    }
    this.#open.set(second, made)
    return made
  }

  #close(second: number): void {
    const open = this.#open.get(second)
    if (open === undefined) return
    this.#open.delete(second)
    const before = this.#closed.get(second)
    if (before) {
      open.answered += before.answered
      open.failed += before.failed
      open.times.add(Histogram.decode(before.histogram))
    }
    this.#closed.set(second, summaryOf(second, open))
    open.answered = 0
    open.failed = 0
    open.times.reset()
    this.#spare.push(open)
  }
}

function summaryOf(second: number, { answered, failed, times }: Open): Second {
  const orNull = (ms: number): number | null => (Number.isNaN(ms) ? null : ms)
  return {
    second,
    answered,
    failed,
    p50: orNull(times.quantile(0.5)),
    p90: orNull(times.quantile(0.9)),
    p99: orNull(times.quantile(0.99)),
    max: orNull(times.maxMs),
    histogram: times.encode(),
  }
}
