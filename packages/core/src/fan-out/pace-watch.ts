/** Whether the pace of a fan-out was kept, and if not, what it was lost to. There where a pace was asked for. */
import { guarded } from '../base/uncaught.js'

/**
 * Why a fan-out could not keep its pace: `concurrency`, as many attempts as were allowed were in flight; `caps`, those that
 * were left were over `maxPerHost` or `maxPerPrefix`; `exhaustion`, this machine ran out of descriptors, ports or memory;
 * `source`, the targets came no faster; `busy`, the event loop or the poller threads came too late.
 *
 * @example
 * ```ts
 * import { createReactor, type PaceLimit } from 'pollout'
 *
 * const advice: Partial<Record<PaceLimit, string>> = { concurrency: 'raise it', busy: 'use threads' }
 * const options = { rate: 20_000, onPaceLost: ({ why }: { why: PaceLimit }) => console.warn(advice[why]) }
 * createReactor().connectMany(['tcp://192.0.2.1:22'], options).subscribe()
 * ```
 */
export type PaceLimit = 'concurrency' | 'caps' | 'exhaustion' | 'source' | 'busy'

/**
 * How much slower than its `rate` a fan-out was, for `onPaceLost` of {@link FanOutLimits}.
 *
 * @example
 * ```ts
 * import { createReactor, type PaceLost } from 'pollout'
 *
 * const onPaceLost = ({ rate, keptRate, why }: PaceLost) =>
 *   console.warn(`${keptRate.toFixed()} a second, not ${rate}: ${why}`)
 * createReactor().connectMany(['tcp://192.0.2.1:22'], { rate: 5_000, onPaceLost }).subscribe()
 * ```
 */
export interface PaceLost {
  /** Attempts a second, as asked for. */
  readonly rate: number
  /** Attempts a second, as they were. */
  readonly keptRate: number
  /** By so many milliseconds the schedule was put off, all in all. */
  readonly lostMs: number
  /** What most of that was lost to. */
  readonly why: PaceLimit
}

/** Less is no loss that anybody would ask about: a long task, code that runs for the first time. */
const LEAST_LOST_MS = 100
const LEAST_SHARE = 0.05

export class PaceWatch {
  readonly #rate: number
  readonly #onLost: (lost: PaceLost) => void
  readonly #lostMs = new Map<PaceLimit, number>()
  #attempts = 0
  #lastDueAt = Number.NaN
  #lastStartAt = Number.NEGATIVE_INFINITY
  /** Why the lane, if it is behind, was. */
  #laneHeldBy: PaceLimit = 'busy'
  #heldBy: PaceLimit | undefined

  constructor(rate: number, onLost: (lost: PaceLost) => void) {
    this.#rate = rate
    this.#onLost = onLost
  }

  /** What keeps the next attempt from being begun now; undefined where none is wanted, and no pace can be lost. */
  set heldBy(limit: PaceLimit | undefined) {
    this.#heldBy = limit
    if (limit === 'concurrency' || limit === 'exhaustion') this.#laneHeldBy = limit
  }

  /** An attempt takes its place in the schedule, which is put off by `lateMs`. */
  took(dueAt: number, lateMs: number): void {
    this.#attempts++
    this.#lastDueAt = dueAt
    if (lateMs > 0 && this.#heldBy !== undefined) this.#lost(this.#heldBy, lateMs)
  }

  /** The lane, which has its attempts ahead of their time, has begun one. */
  began(startAt: number): void {
    if (startAt > this.#lastStartAt) this.#lastStartAt = startAt
  }

  /** It is all over: tells the user, where there is something to tell. */
  tell(makeUpMs: number): void {
    const behindMs = this.#lastStartAt - this.#lastDueAt - makeUpMs
    if (behindMs > 0) this.#lost(this.#laneHeldBy, behindMs)
    let [lostMs, most, why]: [number, number, PaceLimit] = [0, 0, 'busy']
    for (const [limit, ms] of this.#lostMs) {
      lostMs += ms
      if (ms > most) [most, why] = [ms, limit]
    }
    const wantedMs = ((this.#attempts - 1) * 1_000) / this.#rate
    const share = lostMs / (wantedMs + lostMs)
    if (lostMs < LEAST_LOST_MS || share < LEAST_SHARE) return
    const lost = { rate: this.#rate, keptRate: this.#rate * (1 - share), lostMs, why }
    guarded(() => this.#onLost(lost))
  }

  #lost(limit: PaceLimit, ms: number): void {
    this.#lostMs.set(limit, (this.#lostMs.get(limit) ?? 0) + ms)
  }
}
