/**
 * Pacing: so many a second, evenly, on a schedule that has no memory of idle time.
 *
 * The k-th permission is due k / rate seconds after the first. One that was not taken when it was due can be made
 * up for, but only for {@link BURST_MS}: a timer has a resolution of 1 ms, a loop turn may take some more.
 */
const BURST_MS = 10

export class Pacer {
  readonly #intervalMs: number
  #nextAt = Number.NEGATIVE_INFINITY

  /** `rate`: permissions a second; Infinity for no limit. */
  constructor(rate: number) {
    this.#intervalMs = 1_000 / rate
  }

  /** Milliseconds to wait for the next permission; 0 when there is one now. */
  waitMs(now: number): number {
    return this.#intervalMs === 0 ? 0 : Math.max(0, this.#nextAt - now)
  }

  /** Takes the permission that is there. */
  take(now: number): void {
    const dueAt = this.#nextAt === Number.NEGATIVE_INFINITY ? now : this.#nextAt
    this.#nextAt = Math.max(dueAt, now - BURST_MS) + this.#intervalMs
  }
}
