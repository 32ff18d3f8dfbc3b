/** A clock that stands still until it is told to move, and a loop that turns when it is told to. */

import type { Clock, Timer } from '@pollout/core'

interface PendingTimer extends Timer {
  readonly at: number
  readonly callback: () => void
}

/** More turns than this without an end are taken for an endless loop. */
const MOST_TURNS = 10_000

/**
 * Time and loop turns by hand, for `createReactor({ clock })`. Nothing happens by itself: no timer fires and
 * nothing deferred runs outside a call of this object. Promises are not its business: await them between calls.
 *
 * @example
 * ```ts
 * import { createReactor } from '@pollout/core'
 * import { type ManualClock, manualClock, silentPeer, simulatedNetwork } from '@pollout/testing'
 *
 * const clock: ManualClock = manualClock()
 * const network = simulatedNetwork({ clock })
 * network.listen({ family: 'inet', address: '192.0.2.1', port: 80 }, silentPeer())
 * const reactor = createReactor({ backend: network.backend(), clock })
 * reactor.connect('tcp://192.0.2.1:80', { timeoutMs: 60_000 }).subscribe({ error: console.error })
 * clock.advance(60_000) // ETIMEDOUT, at once
 * ```
 */
export class ManualClock implements Clock {
  #now = 0
  readonly #timers = new Set<PendingTimer>()
  #deferred: (() => void)[] = []

  /** Milliseconds since the clock was made. */
  now(): number {
    return this.#now
  }

  setTimer(delayMs: number, callback: () => void): Timer {
    const timer: PendingTimer = {
      at: this.#now + Math.max(0, delayMs),
      callback,
      cancel: () => void this.#timers.delete(timer),
    }
    this.#timers.add(timer)
    return timer
  }

  defer(callback: () => void): void {
    this.#deferred.push(callback)
  }

  /** Timers that have neither fired nor been cancelled; 0 when nothing was leaked. */
  get pendingTimers(): number {
    return this.#timers.size
  }

  /** Callbacks that wait for the check phase. */
  get pendingDeferred(): number {
    return this.#deferred.length
  }

  /** Time passes while the loop is blocked: `ms` later nothing has fired yet, however late it is. */
  stall(ms: number): void {
    if (!(ms >= 0)) throw new RangeError(`time can't pass by ${ms} ms`)
    this.#now += ms
  }

  /** One turn of the loop, as libuv has it: timers that are due, then `poll` where given, then what was deferred. */
  turn(poll?: () => void): void {
    this.runTimers()
    poll?.()
    this.runDeferred()
  }

  /** The timers phase: fires what is due, in the order of their times. */
  runTimers(): void {
    for (const timer of this.#due(this.#now)) this.#fire(timer)
  }

  /** The check phase: runs what was deferred before this call, and returns how much that was. */
  runDeferred(): number {
    const callbacks = this.#deferred
    this.#deferred = []
    for (const callback of callbacks) callback()
    return callbacks.length
  }

  /** Turns the loop at the present moment until nothing is due and nothing deferred. */
  settle(): void {
    for (let turns = 0; this.#deferred.length > 0 || this.#due(this.#now).length > 0; turns++) {
      if (turns === MOST_TURNS) throw new Error(`the loop has not come to rest in ${turns} turns`)
      this.turn()
    }
  }

  /** Lets `ms` pass on a loop that is never blocked: each timer fires at its time, and turns follow until it rests. */
  advance(ms: number): void {
    const end = this.#now + ms
    this.settle()
    for (;;) {
      const next = this.#due(end)[0]
      if (next === undefined) break
      this.#now = Math.max(this.#now, next.at)
      this.settle()
    }
    this.#now = end
  }

  #due(until: number): PendingTimer[] {
    return [...this.#timers].filter(({ at }) => at <= until).sort((a, b) => a.at - b.at)
  }

  /** Unless another one's callback has cancelled it. */
  #fire(timer: PendingTimer): void {
    if (this.#timers.delete(timer)) timer.callback()
  }
}

/**
 * A clock at 0 ms.
 *
 * @example
 * ```ts
 * import { manualClock } from '@pollout/testing'
 *
 * const clock = manualClock()
 * clock.setTimer(1_000, () => console.log('fires in advance()'))
 * clock.advance(1_000)
 * ```
 */
export function manualClock(): ManualClock {
  return new ManualClock()
}
