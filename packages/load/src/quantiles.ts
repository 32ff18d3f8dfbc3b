/** Which percentiles are told: those that the number of samples supports. */

/**
 * Those that a result has, where the number of samples supports them.
 *
 * @example
 * ```ts
 * import { QUANTILES } from '@pollout/load'
 *
 * const [median] = QUANTILES // 0.5
 * ```
 */
export const QUANTILES = [0.5, 0.75, 0.9, 0.99, 0.999, 0.9999] as const

/** Beyond a percentile there have to be so many samples: fewer say more about chance than about a server. */
const SAMPLES_BEYOND = 10

/** The quantiles that so many samples support. */
export function supportedQuantiles(count: number): readonly number[] {
  // A float's last digit is not a sample.
  return QUANTILES.filter((quantile) => count * (1 - quantile) >= SAMPLES_BEYOND - 1e-6)
}

export function quantileName(quantile: number): string {
  return `p${Number((quantile * 100).toFixed(4))}`
}
