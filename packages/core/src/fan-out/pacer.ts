/**
 * Pacing: so many starts a second, evenly, on a schedule that has no memory of idle time.
 *
 * The k-th start is due k / rate seconds after the first. One that was not taken when it was due can be made up for, but
 * only {@link MAKE_UP_MS} worth of them: a timer has a resolution of 1 ms, a loop turn may take some more. Where that is less
 * than one interval, one interval's worth: so a slow pace loses no start to a short stall.
 */
import { MAKE_UP_MS } from '../backend/bulk.js'
import type { PaceWatch } from './pace-watch.js'

export class Pacer {
  /** Milliseconds between two starts; 0 where there is no limit. */
  readonly intervalMs: number
  readonly makeUpMs: number
  readonly #watch: PaceWatch | undefined
  #nextAt = Number.NEGATIVE_INFINITY

  /** `rate`: starts a second; Infinity for no limit. `watch` hears of each. */
  constructor(rate: number, watch?: PaceWatch) {
    this.intervalMs = 1_000 / rate
    this.makeUpMs = Math.max(MAKE_UP_MS, this.intervalMs)
    this.#watch = watch
  }

  /** Milliseconds until the next start is due; 0 when it is. */
  waitMs(now: number): number {
    return this.intervalMs === 0 ? 0 : Math.max(0, this.#nextAt - now)
  }

  /** Takes the next start, due or not, and tells when it is due. */
  take(now: number): number {
    const isFirst = this.#nextAt === Number.NEGATIVE_INFINITY
    const dueAt = isFirst ? now : Math.max(this.#nextAt, now - this.makeUpMs)
    this.#watch?.took(dueAt, isFirst ? 0 : dueAt - this.#nextAt)
    this.#nextAt = dueAt + this.intervalMs
    return dueAt
  }
}
