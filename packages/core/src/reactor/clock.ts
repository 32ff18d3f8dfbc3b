/** Time, behind an interface, so that tests can hold it: see `@pollout/testing`. */
import { performance } from 'node:perf_hooks'
import { guarded, reportUncaught } from '../base/uncaught.js'

/**
 * A timer of a {@link Clock}, which its owner may take back.
 *
 * @example
 * ```ts
 * import { systemClock, type Timer } from 'pollout'
 *
 * const timer: Timer = systemClock.setTimer(1_000, () => console.log('a second has passed'))
 * timer.cancel()
 * ```
 */
export interface Timer {
  /** Harmless after the timer has fired. */
  cancel(): void
}

/**
 * What a reactor knows of time. {@link systemClock} is the one to use; `manualClock()` of `@pollout/testing` is one for
 * tests. What one throws, once the reactor is made, is reported as uncaught.
 *
 * @example
 * ```ts
 * import { type Clock, systemClock } from 'pollout'
 *
 * // Time that passes ten times as fast.
 * const hasty: Clock = {
 *   now: () => systemClock.now() * 10,
 *   setTimer: (delayMs, callback) => systemClock.setTimer(delayMs / 10, callback),
 *   defer: (callback, keepAlive) => systemClock.defer(callback, keepAlive),
 * }
 * ```
 */
export interface Clock {
  /** Monotonic time in milliseconds, with a fraction; its zero is arbitrary. */
  now(): number
  /** Calls back once, `delayMs` from now at the earliest. A timer does not keep the process alive. */
  setTimer(delayMs: number, callback: () => void): Timer
  /** Calls back in a later phase of the loop, after pending I/O and never at once; keeps the process alive if told to. */
  defer(callback: () => void, keepAlive: boolean): void
  /**
   * How long the loop has waited for events so far, in milliseconds: while it did anything else nobody was listened to. Left
   * out where that is not known.
   */
  waitedMs?(): number
}

/** setTimeout(2^31 ms) and longer fires at once; such a delay is cut here and armed again by its owner. */
const LONGEST_DELAY_MS = 2 ** 31 - 1

/**
 * `performance.now()`, and Node's own timers, which do not keep the process alive.
 *
 * @example
 * ```ts
 * import { systemClock } from 'pollout'
 *
 * const before = systemClock.now()
 * systemClock.defer(() => console.log(`the loop took ${systemClock.now() - before} ms`), true)
 * ```
 */
export const systemClock: Clock = {
  now: () => performance.now(),
  setTimer(delayMs, callback) {
    const timer = setTimeout(callback, Math.min(delayMs, LONGEST_DELAY_MS)).unref()
    return { cancel: () => clearTimeout(timer) }
  },
  defer(callback, keepAlive) {
    // An immediate without a reference does not keep the loop from sleeping; a timer wakes it.
    if (keepAlive) setImmediate(callback)
    else setTimeout(callback, 0).unref()
  },
  waitedMs: () => performance.nodeTiming.idleTime,
}

/**
 * A user's clock as the engine asks it, in the middle of anything: one that throws is reported as uncaught, and for that call
 * time stands still, or the system's timers are used, so that nobody is left waiting for ever. Throws where it throws from the outset.
 */
export function guardedClock(clock: Clock): Clock {
  if (clock === systemClock) return clock
  const orElse = <Result>(ask: () => Result, instead: () => Result): Result => {
    try {
      return ask()
    } catch (error) {
      reportUncaught(error)
      return instead()
    }
  }
  let now = clock.now()
  let waitedMs = clock.waitedMs?.() ?? 0
  return {
    now() {
      now = orElse(
        () => clock.now(),
        () => now,
      )
      return now
    },
    setTimer(delayMs, callback) {
      const timer = orElse(
        () => clock.setTimer(delayMs, callback),
        () => systemClock.setTimer(delayMs, callback),
      )
      return { cancel: () => guarded(() => timer.cancel()) }
    },
    defer: (callback, keepAlive) =>
      orElse(
        () => clock.defer(callback, keepAlive),
        () => systemClock.defer(callback, keepAlive),
      ),
    ...(clock.waitedMs && {
      waitedMs() {
        waitedMs = orElse(
          () => clock.waitedMs?.() ?? waitedMs,
          () => waitedMs,
        )
        return waitedMs
      },
    }),
  }
}
