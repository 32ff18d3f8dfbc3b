/**
 * How many attempts may be in flight: the user's number, less when this machine runs out of something.
 *
 * Additive increase, multiplicative decrease, as TCP does it: running out takes a tenth off what was in flight
 * then, which also leaves descriptors and ports to the rest of the program; each success gives a little back.
 */
export class ConcurrencyLimit {
  readonly #most: number
  #current: number

  constructor(most: number) {
    this.#most = most
    this.#current = most
  }

  get current(): number {
    return Math.floor(this.#current)
  }

  /** Something ran out with `inFlight` attempts in flight, the one that failed not counted. */
  exhausted(inFlight: number): void {
    this.#current = Math.max(1, Math.min(this.#current, inFlight * 0.9))
  }

  /** An attempt got what it needed. */
  sufficed(): void {
    if (this.#current < this.#most)
      this.#current = Math.min(this.#most, this.#current + 1 / this.#current)
  }
}
