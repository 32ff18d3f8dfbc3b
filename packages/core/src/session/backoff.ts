/** How long to wait before trying again: exponential, with jitter. */
import { checkCallback, checkNames, checkTimeout, checkWord, shown } from '../base/options.js'

/**
 * How waits grow, and what chance does to them.
 *
 * @example
 * ```ts
 * import { type BackoffOptions, backoff } from 'pollout'
 *
 * const patient: BackoffOptions = { firstMs: 500, longestMs: 60_000, jitter: 'equal' }
 * backoff(patient)
 * ```
 */
export interface BackoffOptions {
  /** The longest wait after the first failure, in milliseconds. Default 100. */
  readonly firstMs?: number | undefined
  /** What each further failure in a row multiplies it by, 1 or more. Default 2. */
  readonly factor?: number | undefined
  /** What it does not grow beyond, in milliseconds: 2^31 - 1 (24 days) at most. Default 30,000. */
  readonly longestMs?: number | undefined
  /**
   * How much of the wait is left to chance, so that those who failed together do not come back together: `full` (the
   * default) anything from 0 to all of it, `equal` the second half, `none` nothing.
   */
  readonly jitter?: 'full' | 'equal' | 'none' | undefined
  /** A connection that lived for so long, in milliseconds, makes the next failure the first one again. Default 10,000. */
  readonly stableMs?: number | undefined
  /** From 0 to 1, for tests. Default: Math.random. */
  readonly random?: (() => number) | undefined
}

/**
 * A rule for waits. {@link backoff} makes the usual one; one of your own is as good.
 *
 * @example
 * ```ts
 * import type { Backoff } from 'pollout'
 *
 * const everySecond: Backoff = { stableMs: 0, delayMs: () => 1_000 }
 * ```
 */
export interface Backoff {
  /** The wait after that many failures in a row, 1 or more, in milliseconds. */
  delayMs(failures: number): number
  /** A connection that lived for so long, in milliseconds, ends the row. */
  readonly stableMs: number
}

const NAMES = ['firstMs', 'factor', 'longestMs', 'jitter', 'stableMs', 'random']
/** setTimeout's longest. */
const LONGEST_WAIT_MS = 2 ** 31 - 1

/**
 * Exponential backoff with jitter: Marc Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog, 2015. Keeps no
 * state, so one serves any number of sessions. Throws RangeError or TypeError for what can't be meant.
 *
 * @example
 * ```ts
 * import { backoff } from 'pollout'
 *
 * const waits = backoff({ firstMs: 50, jitter: 'none' })
 * waits.delayMs(1) // 50
 * waits.delayMs(3) // 200
 * ```
 */
export function backoff(options: BackoffOptions = {}): Backoff {
  checkNames(options, NAMES)
  const { factor = 2 } = options
  const random = checkCallback('random', options.random ?? Math.random)
  const longestMs = checkWait('longestMs', options.longestMs ?? 30_000)
  const firstMs = checkWait('firstMs', options.firstMs ?? Math.min(100, longestMs))
  const jitter = checkWord('jitter', options.jitter ?? 'full', ['full', 'equal', 'none'])
  if (typeof factor !== 'number' || !(factor >= 1)) {
    throw new RangeError(`factor must be 1 or more, not ${shown(factor)}`)
  }
  if (firstMs > longestMs) {
    throw new RangeError(`firstMs (${firstMs}) must not be more than longestMs (${longestMs})`)
  }
  const chance = { full: 1, equal: 0.5, none: 0 }[jitter]
  return {
    stableMs: checkStable(options.stableMs ?? 10_000),
    delayMs(failures) {
      const mostMs = Math.min(longestMs, firstMs * factor ** (failures - 1))
      return mostMs * (1 - chance + chance * random())
    },
  }
}

function checkWait(name: string, value: number): number {
  if (checkTimeout(name, value) <= LONGEST_WAIT_MS) return value
  throw new RangeError(`${name} must be at most ${LONGEST_WAIT_MS} ms, not ${value}`)
}

/** @internal */
export function checkStable(value: number): number {
  if (typeof value === 'number' && value >= 0) return value
  throw new RangeError(`stableMs must be 0 milliseconds or more, not ${shown(value)}`)
}

/** @internal What a rule of the user's says: a timer would take what is no time for no time at all, and try without a pause. */
export function checkDelay(value: number): number {
  if (typeof value === 'number' && value >= 0 && value < Number.POSITIVE_INFINITY) return value
  throw new RangeError(`delayMs() must give 0 milliseconds or more, not ${shown(value)}`)
}
