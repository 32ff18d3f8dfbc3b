/** The columns of `connectBatches()`: targets in, outcomes out, without an object for each. */
import type { OutcomeKind } from './outcome.js'

/**
 * Targets as columns: row i is address i and port i. The arrays are read as attempts begin, so leave them as they are
 * until the next batch is asked for, or all is over.
 *
 * @example
 * ```ts
 * import { createReactor, type TargetColumns } from 'pollout'
 *
 * // 192.0.2.1 to 192.0.2.254, port 22.
 * const network: TargetColumns = {
 *   addresses: Uint32Array.from({ length: 254 }, (_, i) => 0xc000_0201 + i),
 *   ports: 22,
 * }
 * createReactor().connectBatches([network]).subscribe(({ count }) => console.log(count))
 * ```
 */
export interface TargetColumns {
  /**
   * IPv4 addresses as numbers (`0x7f000001` is 127.0.0.1), or 16 bytes for each, as the network has them: IPv6 addresses, and
   * IPv4 ones as v4-mapped (`::ffff:192.0.2.1`), which are connected to over IPv4.
   */
  readonly addresses: Uint32Array | Uint8Array
  /** TCP ports, or one for all. */
  readonly ports: Uint16Array | number
  /** How many rows there are; default: as many as there are addresses. */
  readonly count?: number | undefined
}

/**
 * Outcomes as columns: row i is about the target `index[i]`. The arrays are the subscriber's, and as long as `count`. Moments
 * and durations are those of {@link ConnectTimeline}, in milliseconds, NaN where there is none.
 *
 * @example
 * ```ts
 * import { createReactor, OUTCOME_KINDS, type OutcomeBatch } from 'pollout'
 *
 * const counts = new Map<string, number>()
 * function tally({ count, kind }: OutcomeBatch): void {
 *   for (let i = 0; i < count; i++) {
 *     const name = OUTCOME_KINDS[kind[i] ?? 0] ?? 'other'
 *     counts.set(name, (counts.get(name) ?? 0) + 1)
 *   }
 * }
 * const targets = { addresses: Uint32Array.of(0xc000_0201), ports: 22 }
 * createReactor().connectBatches([targets]).subscribe(tally)
 * ```
 */
export interface OutcomeBatch {
  readonly count: number
  /** The target's place in the source, over all of its batches, from 0. */
  readonly index: Float64Array
  /** Its place in {@link OUTCOME_KINDS}. */
  readonly kind: Uint8Array
  /**
   * Negated, as Node writes it; 0 where no system call failed (denied). Of one that connected: 0, or by what the connection
   * was lost before it was looked at, see {@link ConnectedOutcome.followedBy}.
   */
  readonly errno: Int32Array
  /** From the first system call to the end. */
  readonly elapsedMs: Float64Array
  readonly startedAt: Float64Array
  readonly sentAt: Float64Array
  readonly readyAt: Float64Array
}

/**
 * Kinds of outcomes by their numbers in an {@link OutcomeBatch}; `connected` is 0.
 *
 * @example
 * ```ts
 * import { OUTCOME_KINDS } from 'pollout'
 *
 * const REFUSED = OUTCOME_KINDS.indexOf('refused')
 * ```
 */
export const OUTCOME_KINDS = [
  'connected',
  'refused',
  'timed-out',
  'unreachable',
  'denied',
  'local',
  'invalid',
  'other',
] as const satisfies readonly OutcomeKind[]
