/**
 * How many targets the bulk lane has beyond its limit, so that it does not wait for JavaScript: as many again as the limit,
 * and twice as many whenever it had nothing left to start all the same. So it comes to be what the lane does between two
 * calls, and little where attempts take their time.
 */
const LEAST = 64
const MOST = 4_096

export class Ahead {
  #grown = LEAST

  of(limit: number): number {
    return Math.min(MOST, Math.max(this.#grown, limit))
  }

  /** The lane had less than its limit in flight. */
  ranDry(limit: number): void {
    this.#grown = 2 * this.of(limit)
  }
}
