/** Calls back when nothing has happened for a while; keeps no process alive. */
import type { Clock, Timer } from '../reactor/clock.js'

export class IdleTimeout {
  readonly #clock: Clock
  readonly #limitMs: number
  readonly #onIdle: () => void
  #lastAt: number
  #timer: Timer | undefined

  /** `limitMs` from now, unless touched. Fires once; touched after that, it runs again. */
  constructor(clock: Clock, limitMs: number, onIdle: () => void) {
    this.#clock = clock
    this.#limitMs = limitMs
    this.#onIdle = onIdle
    this.#lastAt = clock.now()
    this.#arm(limitMs)
  }

  /** Something happened. The timer is left to find that out by itself, so this is cheap. */
  touch(): void {
    this.#lastAt = this.#clock.now()
    if (this.#timer === undefined) this.#arm(this.#limitMs)
  }

  stop(): void {
    this.#timer?.cancel()
    this.#timer = undefined
  }

  #arm(delayMs: number): void {
    this.#timer = this.#clock.setTimer(delayMs, () => {
      this.#timer = undefined
      const leftMs = this.#lastAt + this.#limitMs - this.#clock.now()
      if (leftMs > 0) this.#arm(leftMs)
      else this.#onIdle()
    })
  }
}
