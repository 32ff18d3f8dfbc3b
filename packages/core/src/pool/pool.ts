/** `pool()`: connections to one endpoint that are lent, given back, and lent again. */

import { checkNames, checkTimeout } from '../base/options.js'
import { connect } from '../connect/connect.js'
import type { Connection } from '../connection/connection.js'
import type { Endpoint } from '../endpoint/endpoint.js'
import { toEndpoint } from '../endpoint/endpoint-text.js'
import { ConnectError } from '../errors/connect-error.js'
import type { Failure } from '../errors/failure.js'
import { abortedFailure, ownFailure } from '../errors/failures.js'
import type { OutboundCore } from '../outbound/outbound-core.js'
import { waitAtMost } from '../reactor/patience.js'
import type { Lease } from './lease.js'
import {
  type AcquireOptions,
  checkAcquireOptions,
  checkPoolOptions,
  type PoolLimits,
  type PoolOptions,
} from './pool-options.js'
import { Waiter } from './pool-waiter.js'
import { Supply } from './supply.js'
import { WaitingLine } from './waiting-line.js'

/**
 * A snapshot of a pool's counters: what has a place in it, and who waits.
 *
 * @example
 * ```ts
 * import type { ConnectionPool, PoolStats } from 'pollout'
 *
 * declare const pool: ConnectionPool
 * const { leased, waiting }: PoolStats = pool.stats()
 * console.log(`${leased} in use, ${waiting} wait`)
 * ```
 */
export interface PoolStats {
  /** On loan. */
  readonly leased: number
  /** Open, and free to be lent. */
  readonly idle: number
  /** Idle until now, and being looked at before they are lent again. */
  readonly checking: number
  readonly connecting: number
  /** Given up, and sending what their last holder has left. */
  readonly closing: number
  /** Calls of `acquire()` that are not answered yet. */
  readonly waiting: number
}

/**
 * How long a pool may take to end by itself.
 *
 * @example
 * ```ts
 * import type { ConnectionPool, DrainOptions } from 'pollout'
 *
 * declare const pool: ConnectionPool
 * const patience: DrainOptions = { timeoutMs: 10_000 }
 * process.once('SIGTERM', () => void pool.drain(patience))
 * ```
 */
export interface DrainOptions {
  /** Closes the pool when it is not empty by then, in milliseconds. Default: no limit. */
  readonly timeoutMs?: number | undefined
}

/**
 * A few connections to one endpoint, kept open between their uses. What is idle is lent again, the one used last first, after
 * a check; else a new one is made, up to `maxConnections`; else one waits, first come, first served. Nothing of an idle
 * pool keeps the process alive.
 *
 * A connect that fails rejects the `acquire()` that has waited longest, with its {@link ConnectError}. The pool's own are
 * `ERR_POOL_EXHAUSTED` (too many wait) and `ERR_POOL_TIMEOUT`, of phase `local`, and `ERR_POOL_CLOSED`, of phase `aborted`.
 *
 * @example
 * ```ts
 * import type { Reactor } from 'pollout'
 *
 * declare const reactor: Reactor
 * await using pool = reactor.pool('tcp://127.0.0.1:6379', { maxConnections: 4 })
 * const answer = await pool.use(async (connection) => {
 *   await connection.send('PING\r\n')
 *   const chunks = connection.chunks()
 *   const { value } = await chunks.next()
 *   await chunks.return()
 *   return String(value)
 * })
 * console.log(answer)
 * ```
 */
export class ConnectionPool implements AsyncDisposable {
  readonly endpoint: Endpoint
  readonly #core: OutboundCore
  readonly #limits: PoolLimits
  readonly #supply: Supply
  readonly #line = new WaitingLine<Waiter>()
  /** Why nothing is lent any more. */
  #shut: Failure | undefined
  #empty: Promise<void> | undefined
  #emptied: (() => void) | undefined

  /** @internal Pools come from a reactor. */
  constructor(core: OutboundCore, target: Endpoint | string, options: PoolOptions = {}) {
    const [limits, connecting] = checkPoolOptions(options)
    this.endpoint = toEndpoint(target)
    this.#core = core
    this.#limits = limits
    this.#supply = new Supply(core, limits, connect(core, this.endpoint, connecting), {
      ready: (pooled) => {
        const waiter = this.#line.take()
        if (waiter) waiter.serve(this.#supply.lend(pooled))
        else this.#supply.rest(pooled)
      },
      failed: (error) => this.#line.take()?.fail(error),
      changed: () => this.#serve(),
    })
    this.#shut = core.gone
    if (!core.gone) core.own(this)
  }

  /**
   * Lends a connection. Rejects with a {@link ConnectError}: that of the connect, or the pool's own. While it waits, it
   * keeps the process alive. Who gets the lease ends it: `release()`, `discard()`, or `using`.
   */
  acquire(options: AcquireOptions = {}): Promise<Lease> {
    const { signal, timeoutMs } = checkAcquireOptions(options, this.#limits)
    const refusal = this.#refusal(signal)
    if (refusal) return Promise.reject(this.#error(refusal))
    const waiter = new Waiter({
      core: this.#core,
      signal,
      timeoutMs,
      leaves: (who, why) => this.#leave(who, why, why === 'aborted' ? signal?.reason : timeoutMs),
    })
    this.#line.push(waiter)
    this.#serve()
    waiter.startClock()
    return waiter.lease
  }

  /** Lends a connection to `work`: released when that is done, discarded when it throws or rejects, which is passed on. */
  async use<T>(
    work: (connection: Connection) => T | PromiseLike<T>,
    options: AcquireOptions = {},
  ): Promise<T> {
    const lease = await this.acquire(options)
    try {
      const result = await work(lease.connection)
      lease.release()
      return result
    } finally {
      lease.discard()
    }
  }

  stats(): PoolStats {
    return { ...this.#supply.counts, waiting: this.#line.size }
  }

  /**
   * Lends to those who wait already and to nobody else, closes each connection that comes back, and resolves when none is
   * left. `close()` ends that too.
   */
  drain(options: DrainOptions = {}): Promise<void> {
    checkNames(options, ['timeoutMs'])
    const timeoutMs = checkTimeout('timeoutMs', options.timeoutMs ?? Number.POSITIVE_INFINITY)
    this.#shut ??= closedFailure('drain')
    const empty = this.#untilEmpty()
    if (timeoutMs === Number.POSITIVE_INFINITY) return empty
    const timer = waitAtMost(this.#core, timeoutMs, () => void this.close())
    return empty.finally(() => timer.cancel())
  }

  /**
   * Ends all at once: those who wait are rejected, connections on loan are reset, those that are idle or looked at are closed.
   * Resolves when none is left. Idempotent.
   */
  close(): Promise<void> {
    this.#end(this.#core.gone ?? closedFailure('close'))
    return this.#untilEmpty()
  }

  /** `close()`: leaving a scope must not wait for a lease that was forgotten. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  /** @internal */
  reactorGone(why: Failure): void {
    this.#end(why)
    this.#serve()
  }

  #refusal(signal: AbortSignal | undefined): Failure | undefined {
    if (this.#shut) return this.#shut
    if (signal?.aborted) return abortedFailure(signal.reason, 'acquire')
    const { maxConnections, maxWaiting } = this.#limits
    // Those for whom a connection is being made ready do not count.
    const queued = this.#line.size - this.#supply.coming
    if (this.#supply.hasMore || queued < maxWaiting) return undefined
    const reason = `all ${maxConnections} connections are taken, and ${queued} wait for one`
    return ownFailure('ERR_POOL_EXHAUSTED', 'local', 'acquire', reason)
  }

  #serve(): void {
    this.#supply.provide(this.#line.size)
    this.#supply.keep(this.#shut ? 0 : this.#limits.maxIdle)
    if (this.#shut && this.#supply.size === 0 && this.#line.size === 0) {
      // The timer of those that were idle is left.
      this.#supply.clear()
      this.#core.disown(this)
      this.#emptied?.()
    }
  }

  #leave(waiter: Waiter, why: 'aborted' | 'expired', detail: unknown): void {
    const failure = why === 'aborted' ? abortedFailure(detail, 'acquire') : this.#timeout(detail)
    waiter.fail(this.#error(failure))
    this.#line.left()
    // Who aborts wants nothing to go on; but a connect that outlasts a short timeout must, or none would ever be made.
    if (why === 'aborted' && this.#supply.coming > this.#line.size) this.#supply.cancelNewest()
    this.#serve()
  }

  #timeout(timeoutMs: unknown): Failure {
    const { leased, connecting } = this.stats()
    const reason = `no connection within ${timeoutMs} ms: ${leased} in use, ${connecting} connecting`
    return ownFailure('ERR_POOL_TIMEOUT', 'local', 'acquire', reason)
  }

  #end(why: Failure): void {
    this.#shut = why
    this.#supply.clear()
    for (let waiter = this.#line.take(); waiter; waiter = this.#line.take()) {
      waiter.fail(this.#error(why))
    }
  }

  #untilEmpty(): Promise<void> {
    this.#empty ??= new Promise((resolve) => {
      this.#emptied = resolve
    })
    this.#serve()
    return this.#empty
  }

  #error(failure: Failure): ConnectError {
    return new ConnectError(failure, { endpoint: this.endpoint })
  }
}

function closedFailure(how: 'drain' | 'close'): Failure {
  return ownFailure('ERR_POOL_CLOSED', 'aborted', 'acquire', `the pool was ended by ${how}()`)
}
