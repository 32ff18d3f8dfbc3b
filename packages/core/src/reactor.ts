/** `createReactor()` and what it gives: the public face of the reactor. */
import type { Observable, ObservableInput } from 'rxjs'
import type { AddressFamily, SocketType } from './backend/address.js'
import type { BackendFactory, Capabilities } from './backend/backend.js'
import type { Interest, Readiness } from './backend/readiness.js'
import { checkNames } from './base/options.js'
import { type AdoptOptions, adopt } from './connect/adopt.js'
import { connect } from './connect/connect.js'
import { duplex } from './connect/connect-duplex.js'
import type { ConnectOptions } from './connect/connect-options.js'
import type { Connection } from './connection/connection.js'
import type { ConnectionDuplex, DuplexOptions } from './connection/duplex.js'
import type { Endpoint } from './endpoint/endpoint.js'
import { type ExchangeAccess, exchangeAccess } from './exchanges/exchange-access.js'
import type { OutcomeBatch, TargetColumns } from './fan-out/columns.js'
import { type ConnectBatchesOptions, connectBatches } from './fan-out/connect-batches.js'
import { type ConnectManyOptions, connectMany, type KeptOutcome } from './fan-out/connect-many.js'
import type { Outcome, Target } from './fan-out/outcome.js'
import type { TargetSource } from './fan-out/target-source.js'
import type { Resolver } from './names/resolver.js'
import { systemResolver } from './names/resolver-system.js'
import { OutboundCore } from './outbound/outbound-core.js'
import { checkPolicy } from './policy/denial.js'
import type { DestinationPolicy } from './policy/policy.js'
import { ConnectionPool } from './pool/pool.js'
import type { PoolOptions } from './pool/pool-options.js'
import { type Clock, systemClock } from './reactor/clock.js'
import type { ReactorStats } from './reactor/reactor-core.js'
import type { ReconnectOptions } from './session/reconnect-options.js'
import { type ReconnectingSession, reconnecting } from './session/reconnecting.js'
import { session } from './session/session.js'
import { Socket } from './socket/socket.js'
import { readiness } from './socket/socket-readiness.js'

/**
 * What a reactor is made of.
 *
 * @example
 * ```ts
 * import { netBackend } from '@pollout/backend-net'
 * import { publicInternetOnly, Reactor, type ReactorOptions } from '@pollout/core'
 *
 * const options: ReactorOptions = { backend: netBackend(), policy: publicInternetOnly }
 * await using reactor = new Reactor(options)
 * ```
 */
export interface ReactorOptions {
  /** What the reactor stands on: `nativeBackend()`, `netBackend()`, or one of your own. */
  readonly backend: BackendFactory
  /** Turns host names into addresses. Default: {@link systemResolver}, without a cache. */
  readonly resolver?: Resolver | undefined
  /**
   * Where this reactor may connect to. Asked about each address just before connect(2): literals, what a name was
   * resolved to, unix paths, retries, bare sockets. What it denies, or throws on, fails with `ERR_DENIED`. Default:
   * anywhere. What was connected elsewhere and is adopted is not asked about.
   */
  readonly policy?: DestinationPolicy | undefined
  /** Time; for tests. Default: the system's monotonic clock and timers. */
  readonly clock?: Clock | undefined
}

/**
 * Makes connects, and owns all that comes of them until it is destroyed. One per program, thread or test is
 * enough; several do not disturb each other. Nothing that is idle keeps the process alive.
 *
 * @example
 * ```ts
 * import { createReactor, type Reactor } from 'pollout'
 *
 * const reactor: Reactor = createReactor()
 * reactor
 *   .session('tcp://127.0.0.1:7', (connection) => {
 *     connection.send('Hello, Server!').catch(console.error)
 *     return connection.received
 *   })
 *   .subscribe({ next: (chunk) => console.log(String(chunk)), error: console.error })
 * ```
 */
export class Reactor implements AsyncDisposable {
  readonly #core: OutboundCore

  /** @internal */
  static exchangesOf(reactor: Reactor): ExchangeAccess {
    return exchangeAccess(reactor.#core)
  }

  /** Throws what the backend throws when it can't work here. */
  constructor(options: ReactorOptions) {
    // A mistyped `polcy` must not leave the door open.
    checkNames(options, ['backend', 'resolver', 'policy', 'clock'])
    const { backend, resolver = systemResolver, clock = systemClock } = options
    this.#core = new OutboundCore(backend, clock, resolver, checkPolicy(options.policy))
  }

  /** Name of the backend. */
  get backend(): string {
    return this.#core.backend.name
  }

  /** What its backend can do; what it can't answers with `ERR_UNSUPPORTED`. */
  get capabilities(): Capabilities {
    return this.#core.backend.capabilities
  }

  /**
   * Connects, once for each subscriber: emits one {@link Connection}, which is the subscriber's from then on, and
   * completes; or errors with a {@link ConnectError}. Never emits inside subscribe(). Unsubscribing before the
   * emission closes the socket. Throws InvalidEndpointError or RangeError at once for what can't be meant.
   */
  connect(endpoint: Endpoint | string, options?: ConnectOptions): Observable<Connection> {
    return connect(this.#core, endpoint, options)
  }

  /**
   * A Node `Duplex` that connects in the background, with what clients touch on a `net.Socket`: for `createConnection`
   * hooks and other factories that have to answer at once. What is written before waits; 'connect' tells that it is there,
   * 'error' ({@link ConnectError}) and 'close' that it is not. Destroying it cancels the connect. Streams only.
   */
  duplex(endpoint: Endpoint | string, options?: ConnectOptions & DuplexOptions): ConnectionDuplex {
    return duplex(this.#core, endpoint, options)
  }

  /**
   * Connects, then emits what `use` makes of the connection, and closes it when that ends: gracefully where it
   * completes (the session completes after that), with a reset where it errors. Unsubscribing closes it too.
   */
  session<T>(
    endpoint: Endpoint | string,
    use: (connection: Connection) => ObservableInput<T>,
    options?: ConnectOptions,
  ): Observable<T> {
    return session(this.#core, endpoint, use, options)
  }

  /**
   * A session that is made again, after a wait, when its connection is lost or can't be made: the peer ended the stream, or
   * `use` failed, by what it reads or of itself. Errors with what went wrong last, once it gives up: {@link ReconnectOptions},
   * `isBeyondRetry()`. An end that nobody reads is not noticed.
   *
   * Completes when `use` does, unless that has read to the peer's end: then its connection is lost. Whoever is done with
   * the end, as after QUIT, closes the connection before completing.
   *
   * @example
   * ```ts
   * import { backoff, type Reactor } from 'pollout'
   *
   * declare const reactor: Reactor
   * reactor
   *   .reconnecting('tcp://127.0.0.1:7000', (connection) => connection.received, {
   *     backoff: backoff({ firstMs: 200, longestMs: 10_000 }),
   *     maxAttempts: 20,
   *   })
   *   .subscribe({ next: (chunk) => console.log(String(chunk)), error: console.error })
   * ```
   */
  reconnecting<T>(
    endpoint: Endpoint | string,
    use: (connection: Connection) => ObservableInput<T>,
    options?: ReconnectOptions,
  ): ReconnectingSession<T> {
    return reconnecting(this.#core, endpoint, use, options)
  }

  /**
   * A pool of connections to one endpoint, kept open between their uses. Its user closes it; the reactor's end does, too.
   *
   * @example
   * ```ts
   * import type { Reactor } from 'pollout'
   *
   * declare const reactor: Reactor
   * await using pool = reactor.pool('tcp://127.0.0.1:6379', { maxConnections: 4 })
   * await pool.use((connection) => connection.send('PING\r\n'))
   * ```
   */
  pool(endpoint: Endpoint | string, options?: PoolOptions): ConnectionPool {
    return new ConnectionPool(this.#core, endpoint, options)
  }

  /**
   * Takes over a stream socket's descriptor from elsewhere, connected, still connecting, or failed: which, it finds out.
   * Emits one {@link Connection}, as {@link Reactor.connect} does, or errors with a {@link ConnectError}: with the phase
   * `local` (EBADF, ENOTSOCK, EINVAL for one that listens, `ERR_UNSUPPORTED`, a destroyed reactor) the descriptor was not taken over and
   * is still the caller's, as it was; with every other one, and where it is cancelled, it is closed. Taken at the first subscription, and only once: others get EBADF. Nobody else may use or close it.
   */
  adopt(descriptor: number, options?: AdoptOptions): Observable<Connection> {
    return adopt(this.#core, descriptor, options)
  }

  /**
   * The same as a bare socket, in the state it is in. Throws {@link ConnectError} where it can't be had: then the descriptor is
   * still the caller's.
   */
  adoptSocket(descriptor: number): Socket {
    return Socket.adopt(this.#core, descriptor)
  }

  /**
   * Tries many targets and emits one {@link Outcome} for each, in the order of their ends. No target makes it fail as
   * a whole: it errors only when the source does (after the outcomes of all that it gave), the signal is aborted,
   * or the reactor is destroyed. Unsubscribing stops it at once: nothing more is emitted, and every socket but those
   * emitted is closed. Where a bulk lane with threads runs the attempts (TCP to literals, on the native backend), its
   * threads do that: descriptors are given back within some milliseconds, and `destroy()` waits for it.
   *
   * With `onConnected: 'keep'` what is emitted is the subscriber's: each connection is to be closed by it, also one that
   * it has never looked at, or that came after it had lost interest without unsubscribing. `destroy()` closes the rest.
   */
  connectMany<T extends Target>(
    targets: TargetSource<T>,
    options: ConnectManyOptions & { readonly onConnected: 'keep' },
  ): Observable<KeptOutcome<T>>
  connectMany<T extends Target>(
    targets: TargetSource<T>,
    options?: ConnectManyOptions,
  ): Observable<Outcome<T>>
  connectMany<T extends Target>(
    targets: TargetSource<T>,
    options?: ConnectManyOptions,
  ): Observable<Outcome<T>> {
    return connectMany(this.#core, targets, options)
  }

  /**
   * The same in columns, for those who want no object for each of their targets: typed arrays in, typed arrays out. Numbers
   * only, so targets are TCP to address literals, and connections are not kept. The source is one of batches, of any
   * length, as those of the outcomes: each is what one turn of the loop has brought.
   *
   * @example
   * ```ts
   * import { createReactor, OUTCOME_KINDS } from 'pollout'
   *
   * const reactor = createReactor()
   * function* blocks() {
   *   for (let block = 0; block < 256; block++) {
   *     yield {
   *       addresses: Uint32Array.from({ length: 256 }, (_, i) => 0x0a00_0000 + block * 256 + i),
   *       ports: 22,
   *     }
   *   }
   * }
   * reactor.connectBatches(blocks(), { rate: 5_000 }).subscribe(({ count, index, kind }) => {
   *   for (let i = 0; i < count; i++) console.log(index[i], OUTCOME_KINDS[kind[i] ?? 0])
   * })
   * ```
   */
  connectBatches(
    targets: TargetSource<TargetColumns>,
    options?: ConnectBatchesOptions,
  ): Observable<OutcomeBatch> {
    return connectBatches(this.#core, targets, options)
  }

  /**
   * A bare non-blocking socket with POSIX names and answers; its user closes it. Throws {@link ConnectError}:
   * `ERR_UNSUPPORTED` for what the backend can't do, EMFILE and the like where the system has none left.
   */
  socket(family: AddressFamily, type: SocketType = 'stream'): Socket {
    return Socket.open(this.#core, family, type)
  }

  /**
   * Waits until a socket is ready, as one poll(2) does: emits the bits it was found ready for and completes.
   * `repeat()` waits for more. Errors with EBADF when the socket is closed meanwhile.
   */
  readiness(
    socket: Socket,
    interest: Interest,
    options?: { readonly signal?: AbortSignal | undefined },
  ): Observable<Readiness> {
    return readiness(this.#core, socket, interest, options)
  }

  /** The counters as they stand now. */
  stats(): ReactorStats {
    return this.#core.stats()
  }

  /** What is under way keeps the process alive (the default). */
  ref(): this {
    this.#core.ref()
    return this
  }

  /** Nothing of this reactor keeps the process alive. */
  unref(): this {
    this.#core.unref()
    return this
  }

  /**
   * Resets every open connection and socket (close first those whose peer is to have all that was sent), ends every
   * connect with `ERR_REACTOR_DESTROYED`, and resolves when all descriptors are given back. What was closed before still sends what it had to: a connection on `node:net` for 30 s
   * without progress at most. Idempotent; later calls on the reactor fail with the same error.
   */
  destroy(): Promise<void> {
    return this.#core.destroy()
  }

  /** {@link Reactor.destroy}, for `await using`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.destroy()
  }
}

/**
 * A reactor on the given backend. The package `pollout` has one that chooses the backend by itself.
 *
 * @example
 * ```ts
 * import { nativeBackend } from '@pollout/backend-native'
 * import { createReactor } from '@pollout/core'
 *
 * await using reactor = createReactor({ backend: nativeBackend() })
 * ```
 */
export function createReactor(options: ReactorOptions): Reactor {
  return new Reactor(options)
}
