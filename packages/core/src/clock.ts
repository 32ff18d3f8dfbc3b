/** Time, behind an interface, so that tests can hold it: see `@pollout/core/testing`. */
import { performance } from 'node:perf_hooks'

export interface Timer {
  /** Harmless after the timer has fired. */
  cancel(): void
}

export interface Clock {
  /** Monotonic time in milliseconds, with a fraction; its zero is arbitrary. */
  now(): number
  /** Calls back once, `delayMs` from now at the earliest. Keeps the process alive only with `keepAlive`. */
  setTimer(delayMs: number, callback: () => void, keepAlive: boolean): Timer
  /** Calls back in this loop turn's check phase or the next one's: after pending I/O, never at once. */
  defer(callback: () => void): void
}

/** setTimeout(2^31 ms) and longer fires at once; such a delay is cut here and armed again by its owner. */
const LONGEST_DELAY_MS = 2 ** 31 - 1

export const systemClock: Clock = {
  now: () => performance.now(),
  setTimer(delayMs, callback, keepAlive) {
    const timer = setTimeout(callback, Math.min(delayMs, LONGEST_DELAY_MS))
    if (!keepAlive) timer.unref()
    return { cancel: () => clearTimeout(timer) }
  },
  defer: (callback) => void setImmediate(callback),
}
