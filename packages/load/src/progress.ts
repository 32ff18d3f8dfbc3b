/** How a run goes, second by second. */
import type { Second } from './measure/time-series.js'

/**
 * What {@link LoadOptions.onProgress} is told.
 *
 * @example
 * ```ts
 * import type { Progress } from '@pollout/load'
 *
 * const onProgress = ({ elapsedMs, answered, failed }: Progress): void => {
 *   console.error(Math.round(elapsedMs / 1_000), answered, failed)
 * }
 * ```
 */
export interface Progress {
  /** Since the run began, in milliseconds, and how long it will be. */
  readonly elapsedMs: number
  readonly durationMs: number
  /** Sent, or failed before, so far; warm-up left out. */
  readonly requests: number
  readonly answered: number
  readonly failed: number
  /** Handed over and not told of yet: under way, or waiting for their time. */
  readonly open: number
  /** The last second that has ended. */
  readonly last: Second | undefined
}
