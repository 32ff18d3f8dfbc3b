/** The options of `pool()`, and their check: once, at the call. */

import {
  checkCallback,
  checkCount,
  checkNames,
  checkSignal,
  checkTimeout,
} from '../base/options.js'
import type { ConnectOptions } from '../connect/connect-options.js'
import type { Connection } from '../connection/connection.js'

/**
 * Whether an idle connection is fit for use: true, or the promise of it. What it throws or rejects with means no. It leaves
 * nobody reading behind.
 *
 * @example
 * ```ts
 * import type { ConnectionCheck } from 'pollout'
 *
 * const ping: ConnectionCheck = async (connection) => {
 *   await connection.send('PING\r\n')
 *   const chunks = connection.chunks()
 *   const { value } = await chunks.next()
 *   await chunks.return()
 *   return String(value) === '+PONG\r\n'
 * }
 * ```
 */
export type ConnectionCheck = (connection: Connection) => boolean | PromiseLike<boolean>

/**
 * The limits of a pool; the rest is as for `connect()`, and holds for each connect that the pool makes.
 *
 * @example
 * ```ts
 * import type { PoolOptions } from 'pollout'
 *
 * const options: PoolOptions = { maxConnections: 4, idleTimeoutMs: 5_000, timeoutMs: 1_000 }
 * ```
 */
export interface PoolOptions extends Omit<ConnectOptions, 'signal' | 'idleTimeoutMs'> {
  /** Connections at one time: in use, idle, and in the making. Default 10. */
  readonly maxConnections?: number | undefined
  /** Idle ones that are kept; of more, the longest idle is closed. Default: `maxConnections`. */
  readonly maxIdle?: number | undefined
  /** How long an idle one is kept, in milliseconds. Best less than the peer keeps it. Default 30,000. */
  readonly idleTimeoutMs?: number | undefined
  /** The age, in milliseconds, from which one is not used again; a lease is never cut short for it. Default: no limit. */
  readonly maxLifetimeMs?: number | undefined
  /** How many leases one connection serves. Default: no limit. */
  readonly maxUses?: number | undefined
  /** Those who may wait while every connection is in use; one more is rejected with `ERR_POOL_EXHAUSTED`. Default 1,000. */
  readonly maxWaiting?: number | undefined
  /** How long `acquire()` waits for a lease, connecting included, in milliseconds. Default 30,000. */
  readonly acquireTimeoutMs?: number | undefined
  /** Asked before an idle connection is used again: a PING, say, with its answer read. Default: only what the kernel knows. */
  readonly check?: ConnectionCheck | undefined
  /** How long `check` may take, in milliseconds. Default 5,000. */
  readonly checkTimeoutMs?: number | undefined
}

/**
 * How long one `acquire()` may take, and what ends it.
 *
 * @example
 * ```ts
 * import type { AcquireOptions } from 'pollout'
 *
 * const options: AcquireOptions = { signal: AbortSignal.timeout(500) }
 * ```
 */
export interface AcquireOptions {
  /** Leaves the queue, and ends a connect that nobody else waits for; rejects with `ABORT_ERR`. */
  readonly signal?: AbortSignal | undefined
  /** In place of the pool's `acquireTimeoutMs`. */
  readonly timeoutMs?: number | undefined
}

/** What {@link PoolOptions} says, checked. */
export interface PoolLimits {
  readonly maxConnections: number
  readonly maxIdle: number
  readonly idleTimeoutMs: number
  readonly maxLifetimeMs: number
  readonly maxUses: number
  readonly maxWaiting: number
  readonly acquireTimeoutMs: number
  readonly check: ConnectionCheck | undefined
  readonly checkTimeoutMs: number
}

/** The limits, and what is left for `connect()`, which checks it. Throws TypeError or RangeError. */
export function checkPoolOptions(options: PoolOptions): readonly [PoolLimits, ConnectOptions] {
  const { maxConnections, maxIdle, maxUses, maxWaiting, check, checkTimeoutMs, ...others } = options
  const { idleTimeoutMs, maxLifetimeMs, acquireTimeoutMs, ...connecting } = others
  if ('signal' in connecting && connecting.signal !== undefined) {
    throw new TypeError('a pool has no signal: acquire() does, and close() ends the pool')
  }
  const most = checkCount('maxConnections', maxConnections ?? 10)
  const limits = {
    maxConnections: most,
    maxIdle: checkCountOrNone('maxIdle', maxIdle ?? most),
    idleTimeoutMs: checkTimeout('idleTimeoutMs', idleTimeoutMs ?? 30_000),
    maxLifetimeMs: checkTimeout('maxLifetimeMs', maxLifetimeMs ?? Number.POSITIVE_INFINITY),
    maxUses: checkCount('maxUses', maxUses ?? Number.POSITIVE_INFINITY),
    maxWaiting: checkCountOrNone('maxWaiting', maxWaiting ?? 1_000),
    acquireTimeoutMs: checkTimeout('acquireTimeoutMs', acquireTimeoutMs ?? 30_000),
    check: checkCallback('check', check),
    checkTimeoutMs: checkTimeout('checkTimeoutMs', checkTimeoutMs ?? 5_000),
  }
  return [limits, connecting]
}

export function checkAcquireOptions(options: AcquireOptions, { acquireTimeoutMs }: PoolLimits) {
  checkNames(options, ['signal', 'timeoutMs'])
  return {
    signal: checkSignal(options.signal),
    timeoutMs: checkTimeout('timeoutMs', options.timeoutMs ?? acquireTimeoutMs),
  }
}

function checkCountOrNone(name: string, value: number): number {
  return value === 0 ? 0 : checkCount(name, value)
}
