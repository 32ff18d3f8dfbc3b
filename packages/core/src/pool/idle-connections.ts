/** A pool's idle connections: the last one in is the first one out, and all go when their time is up. */
import type { Clock, Timer } from '../reactor/clock.js'
import type { PooledConnection } from './pooled-connection.js'

export class IdleConnections {
  readonly #clock: Clock
  readonly #expired: (pooled: PooledConnection) => void
  /** The longest idle first. */
  #stack: PooledConnection[] = []
  /** Keeps no process alive: systemClock. Left to find out by itself that it is not needed. */
  #timer: Timer | undefined
  #timerAt = Number.POSITIVE_INFINITY

  constructor(clock: Clock, expired: (pooled: PooledConnection) => void) {
    this.#clock = clock
    this.#expired = expired
  }

  get size(): number {
    return this.#stack.length
  }

  push(pooled: PooledConnection): void {
    const now = this.#clock.now()
    pooled.rests(now)
    this.#stack.push(pooled)
    this.#arm(pooled.expiresAt, now)
  }

  /** The one that was used last, so that those which are too many get old. */
  takeNewest(): PooledConnection | undefined {
    const now = this.#clock.now()
    // On a stalled loop, their time may be up before the timer is.
    const pooled = this.#stack.pop()
    if (pooled === undefined || pooled.expiresAt > now) return pooled
    this.#expired(pooled)
    return this.takeNewest()
  }

  takeOldest(): PooledConnection | undefined {
    return this.#stack.shift()
  }

  /** All of them; no timer is left. */
  takeAll(): readonly PooledConnection[] {
    const all = this.#stack
    this.#stack = []
    this.#timer?.cancel()
    this.#timerAt = Number.POSITIVE_INFINITY
    return all
  }

  #arm(at: number, now: number): void {
    if (at >= this.#timerAt) return
    this.#timer?.cancel()
    this.#timerAt = at
    this.#timer = this.#clock.setTimer(at - now, () => this.#onTimer())
  }

  #onTimer(): void {
    const now = this.#clock.now()
    this.#timerAt = Number.POSITIVE_INFINITY
    const expired = this.#stack.filter(({ expiresAt }) => expiresAt <= now)
    this.#stack = this.#stack.filter(({ expiresAt }) => expiresAt > now)
    // Before anybody is told: that may bring others here.
    for (const { expiresAt } of this.#stack) this.#arm(expiresAt, now)
    for (const pooled of expired) this.#expired(pooled)
  }
}
