/** Time, behind an interface, so that tests can hold it: see `@pollout/core/testing`. */
import { performance } from 'node:perf_hooks'

export interface Timer {
  /** Harmless after the timer has fired. */
  cancel(): void
}

export interface Clock {
  /** Monotonic time in milliseconds, with a fraction; its zero is arbitrary. */
  now(): number
  /** Calls back once, `delayMs` from now at the earliest. A timer does not keep the process alive. */
  setTimer(delayMs: number, callback: () => void): Timer
  /** Calls back in a later phase of the loop, after pending I/O and never at once; keeps the process alive if told to. */
  defer(callback: () => void, keepAlive: boolean): void
}

/** setTimeout(2^31 ms) and longer fires at once; such a delay is cut here and armed again by its owner. */
const LONGEST_DELAY_MS = 2 ** 31 - 1

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
}
