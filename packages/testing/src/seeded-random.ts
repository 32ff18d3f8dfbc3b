/** Chance that can be repeated. */

/**
 * Makes a source of numbers from 0 to below 1 that are the same in every run with the same seed. It stands in for
 * `Math.random`; it is no source of secrets.
 *
 * Mulberry32, of Tommy Ettinger: 32 bits of state, so it begins again after 2^32 numbers.
 *
 * @example
 * ```ts
 * import { seededRandom } from '@pollout/testing'
 *
 * const random = seededRandom(7)
 * const ports = Array.from({ length: 3 }, () => 1024 + Math.floor(random() * 64_512)) // the same three in every run
 * ```
 */
export function seededRandom(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32
  }
}
