/** The options of `reconnecting()`, and their check: once, at the call. */

import { checkCallback, checkCount, checkTimeout } from '../base/options.js'
import type { ConnectOptions } from '../connect/connect-options.js'
import { type Backoff, backoff, checkStable } from './backoff.js'
import { isBeyondRetry } from './beyond-retry.js'
import type { RetryRules } from './retry-plan.js'

/**
 * When to try again, and when not to; the rest is as for `connect()`, and holds for each attempt. `signal` ends the
 * session in whatever state it is, with an error of code `ABORT_ERR`.
 *
 * @example
 * ```ts
 * import { backoff, type ReconnectOptions } from 'pollout'
 *
 * const options: ReconnectOptions = {
 *   backoff: backoff({ longestMs: 5_000 }),
 *   giveUpAfterMs: 600_000,
 *   timeoutMs: 2_000,
 * }
 * ```
 */
export interface ReconnectOptions extends ConnectOptions {
  /** The waits, and how long a connection has to live to end a row of failures. Default: `backoff()`. */
  readonly backoff?: Backoff | undefined
  /** Gives up when so many attempts in a row have failed. Default: never. */
  readonly maxAttempts?: number | undefined
  /** Gives up rather than begin an attempt so long after the row of failures began, in milliseconds. Default: never. */
  readonly giveUpAfterMs?: number | undefined
  /**
   * Gives up at once where it answers true; `error` is a {@link ConnectError}, or what `use` failed with. In place of
   * the default, {@link isBeyondRetry}.
   */
  readonly giveUp?: ((error: unknown, attempt: number) => boolean) | undefined
  /** Reconnects when `use` completes of itself, too, instead of completing. Default false. */
  readonly repeat?: boolean | undefined
}

/** Throws TypeError or RangeError for what can't be meant. */
export function checkRetryRules(options: ReconnectOptions): RetryRules {
  const { maxAttempts = Number.POSITIVE_INFINITY, giveUp = isBeyondRetry } = options
  const waits = options.backoff ?? backoff()
  if (typeof waits.delayMs !== 'function' || typeof waits.stableMs !== 'number') {
    throw new TypeError('backoff must be a Backoff, as backoff({ ... }) makes it')
  }
  checkStable(waits.stableMs)
  const giveUpAfterMs = options.giveUpAfterMs ?? Number.POSITIVE_INFINITY
  return {
    backoff: waits,
    maxAttempts: checkCount('maxAttempts', maxAttempts),
    giveUpAfterMs: checkTimeout('giveUpAfterMs', giveUpAfterMs),
    giveUp: checkCallback('giveUp', giveUp),
  }
}
