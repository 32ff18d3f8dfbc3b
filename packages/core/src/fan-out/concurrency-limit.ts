/**
 * How many attempts may be in flight: the user's number, less when this machine runs out of something, and, where that is
 * wanted, when more and more attempts are lost on the way.
 *
 * Additive increase, multiplicative decrease, as TCP does it. Running out takes a tenth off what was in flight then, which
 * also leaves descriptors and ports to the rest of the program; each success gives a little back. Rising loss takes a third;
 * each round without it gives a hundredth of the user's number back, or at the beginning, as long as nothing was lost, a half.
 */

/** In flight at the beginning, where the limit is to find its number by itself. */
const FIRST_ADAPTIVE = 128

export class ConcurrencyLimit {
  readonly #most: number
  #current: number
  /** Nothing has told yet that there is a limit. */
  #isFresh = true

  constructor(most: number, adaptive = false) {
    this.#most = most
    this.#current = adaptive ? Math.min(most, FIRST_ADAPTIVE) : most
  }

  get current(): number {
    return Math.floor(this.#current)
  }

  /** Something ran out with `inFlight` attempts in flight, the one that failed not counted. */
  exhausted(inFlight: number): void {
    this.#lower(inFlight * 0.9)
  }

  /** An attempt got what it needed. */
  sufficed(): void {
    if (this.#current < this.#most) this.#raise(1 / this.#current)
  }

  /** More of the attempts get no answer than usual. */
  lossRose(): void {
    this.#lower(this.#current * (2 / 3))
  }

  /** A round of attempts has ended with no more loss than usual. */
  lossIsUsual(): void {
    this.#raise(this.#isFresh ? this.#current / 2 : this.#most / 100)
  }

  #lower(to: number): void {
    this.#isFresh = false
    this.#current = Math.max(1, Math.min(this.#current, to))
  }

  #raise(by: number): void {
    this.#current = Math.min(this.#most, this.#current + by)
  }
}
