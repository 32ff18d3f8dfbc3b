/**
 * The backend interface: all that the reactor needs from an operating system, and nothing else.
 *
 * A backend is a set of non-blocking sockets and a poller. It keeps no deadlines, makes no retries, and
 * knows nothing of attempts, observables or errors as objects. What it promises:
 *
 * - No call blocks, and none throws for a network condition: each returns what the Linux system call of
 *   that name returns, a result >= 0, or the negated errno (`-111` is ECONNREFUSED; see `errno.ts`).
 * - No call delivers an event before it returns, `poll()` excepted: the sink is called from the event loop.
 * - Readiness comes in batches, one call of the sink a loop turn, and the sink may call anything in return:
 *   close a socket that stands later in the same batch, open others, destroy the backend.
 * - A registration is one shot: it reports once, then has to be made anew (`watch()`, which a backend may have, makes
 *   one that stays). Its level is that of the time of the call, so what was ready before is reported too (in a later
 *   loop turn). While one is armed the process is kept alive, unless `unref()`; with none armed the backend keeps
 *   nothing alive.
 * - A handle is never used again for another socket. A call on a closed one returns `-EBADF`.
 * - Tokens are the caller's; a backend hands them back and gives them no meaning.
 */
import type { AddressFamily, SocketAddress, SocketSpec, SocketType } from './address.js'
import type { BulkConnector } from './bulk.js'
import { errno } from './errno.js'
import type { ExchangeConnector } from './exchange.js'
import type { Interest } from './readiness.js'
import type { SocketOptionName, SocketOptionValue } from './socket-options.js'

declare const handleBrand: unique symbol
declare const tokenBrand: unique symbol

/**
 * A backend's name for one open socket: a non-negative safe integer, never reused.
 *
 * @example
 * ```ts
 * import type { Handle } from '@pollout/core'
 *
 * let last = 0
 * function nextHandle(): Handle {
 *   last++
 *   return last as Handle
 * }
 * ```
 */
export type Handle = number & { readonly [handleBrand]: true }

/**
 * The reactor's name for one registration: a positive safe integer, never reused.
 *
 * @example
 * ```ts
 * import type { Handle, Interest, SystemResult, Token } from '@pollout/core'
 *
 * const interests = new Map<Handle, { token: Token; interest: Interest }>()
 * function register(handle: Handle, token: Token, interest: Interest): SystemResult {
 *   interests.set(handle, { token, interest })
 *   return 0
 * }
 * ```
 */
export type Token = number & { readonly [tokenBrand]: true }

/**
 * A system call's answer: a result >= 0, or a negated errno.
 *
 * @example
 * ```ts
 * import { errno, type SystemResult } from '@pollout/core'
 *
 * function isUnderWay(result: SystemResult): boolean {
 *   return result === -errno.EINPROGRESS || result === -errno.EINTR
 * }
 * ```
 */
export type SystemResult = number

/**
 * What a backend can do, as data: documentation, test skips and "unsupported" errors come from it.
 *
 * @example
 * ```ts
 * import { type Capabilities, createReactor } from 'pollout'
 *
 * await using reactor = createReactor()
 * const { abstractUnix, options }: Capabilities = reactor.capabilities
 * if (!abstractUnix) console.log(`${reactor.backend} knows no abstract unix names`)
 * if (options.includes('fastOpen')) console.log('data can go out with the SYN')
 * ```
 */
export interface Capabilities {
  /** For each address family, the types of its sockets that can be opened; an empty list where there is none. */
  readonly sockets: Readonly<Record<AddressFamily, readonly SocketType[]>>
  /** Unix addresses in the abstract namespace: unix(7). */
  readonly abstractUnix: boolean
  /** Readiness is the kernel's own; without it, it is synthesized from another library's events. */
  readonly kernelReadiness: boolean
  /**
   * `connect()` itself returns errors that the kernel knows at once; without it they come with readiness, and
   * {@link Backend.failedHere} tells them from what the network said.
   */
  readonly immediateErrors: boolean
  /** There is {@link Backend.bind}: local addresses and ports can be chosen. */
  readonly bind: boolean
  /** Options that {@link Backend.setOption} takes, of one type of sockets or another; see `socket-options.ts`. */
  readonly options: readonly SocketOptionName[]
  /** Those of one type, where that is not all of {@link options} that mean anything to it. */
  readonly optionsByType?: Readonly<Partial<Record<SocketType, readonly SocketOptionName[]>>>
  /** The times of a connect are taken when they happen; without it, when JavaScript gets to them. */
  readonly eventTimes: boolean
  /** There is {@link Backend.kernel}: options by number, TCP_INFO, descriptors from and to elsewhere, a connect that waits. */
  readonly kernelSockets: boolean
}

/**
 * What `open()` answers for a socket that the capabilities leave out, a negated errno; 0 where they have it.
 *
 * @example
 * ```ts
 * import { type Capabilities, type SocketSpec, specFault } from '@pollout/core'
 *
 * declare const capabilities: Capabilities
 * function open(spec: SocketSpec): number {
 *   const fault = specFault(capabilities, spec) // 0, or -EAFNOSUPPORT, -EPROTONOSUPPORT
 *   if (fault < 0) return fault
 *   // ... and here the socket is made
 *   return 0
 * }
 * ```
 */
export function specFault({ sockets }: Capabilities, { family, type }: SocketSpec): SystemResult {
  const types: readonly SocketType[] | undefined = sockets[family]
  if (types === undefined || types.length === 0) return -errno.EAFNOSUPPORT
  return types.includes(type) ? 0 : -errno.EPROTONOSUPPORT
}

/**
 * The outcome of {@link Backend.finishConnect}; a negative number is a negated errno.
 *
 * @example
 * ```ts
 * import { type Backend, ConnectStatus, errnoName, type Handle } from '@pollout/core'
 *
 * function outcome(backend: Backend, handle: Handle): string {
 *   const status: ConnectStatus = backend.finishConnect(handle)
 *   if (status < 0) return errnoName(status)
 *   if (status >= ConnectStatus.LOST) return `connected, then ${errnoName(ConnectStatus.LOST - status)}`
 *   return status === ConnectStatus.CONNECTED ? 'connected' : 'wait on, or try anew'
 * }
 * ```
 */
export const ConnectStatus = {
  /** The socket has a peer. */
  CONNECTED: 0,
  /** Readiness was spurious: register again and wait on. */
  PENDING: 1,
  /** TCP's simultaneous open hit the socket itself: the caller closes it and tries anew. */
  SELF_CONNECTED: 2,
  /**
   * This plus an errno, a positive one: TCP's handshake had ended, and the connection was lost before anybody looked, by a
   * reset mostly. The socket is connected like any other; that errno is told by its next `receive()` or `send()`, once.
   * `finishConnect()` answers so however often it is asked of what was lost, with ECONNRESET once the errno is told.
   */
  LOST: 65_536,
} as const

/** One of {@link ConnectStatus}, or a negated errno. */
export type ConnectStatus = number

/** @internal Of an answer of `finishConnect()`: there is a connection, or was one. */
export function hasConnected(status: ConnectStatus): boolean {
  return status === ConnectStatus.CONNECTED || status >= ConnectStatus.LOST
}

/** @internal The negated errno by which it was lost since; 0 for none. */
export function lostBy(status: ConnectStatus): number {
  return status >= ConnectStatus.LOST ? ConnectStatus.LOST - status : 0
}

/**
 * How a socket goes: its data sent and then FIN, or at once with RST where the protocol has one.
 *
 * @example
 * ```ts
 * import { type CloseMode, createReactor } from 'pollout'
 *
 * const mode: CloseMode = 'reset'
 * await using reactor = createReactor()
 * reactor.socket('inet').close(mode)
 * ```
 */
export type CloseMode = 'graceful' | 'reset'

/**
 * Where `finishConnect()` writes the times of a connect, in milliseconds as `performance.now()` of the calling thread
 * counts them: at [0] when connect(2) was called, at [1] when the handshake ended or the failure became known.
 *
 * @example
 * ```ts
 * import type { Backend, ConnectTimes, Handle } from '@pollout/core'
 *
 * const times: ConnectTimes = new Float64Array(2)
 * function handshakeMs(backend: Backend, handle: Handle): number {
 *   backend.finishConnect(handle, times)
 *   const [startedAt = Number.NaN, readyAt = Number.NaN] = times
 *   return readyAt - startedAt
 * }
 * ```
 */
export type ConnectTimes = Float64Array

/**
 * Where a backend delivers; the reactor is one.
 *
 * @example
 * ```ts
 * import { Readiness, type ReadinessSink } from '@pollout/core'
 *
 * const sink: ReadinessSink = {
 *   ready(tokens, readiness, count) {
 *     for (let i = 0; i < count; i++) {
 *       if ((readiness[i] ?? 0) & Readiness.WRITABLE) console.log(`${tokens[i]} can be written to`)
 *     }
 *   },
 *   broken(cause) {
 *     throw cause
 *   },
 * }
 * ```
 */
export interface ReadinessSink {
  /**
   * For each i < count, the registration `tokens[i]` was found ready for the bits `readiness[i]` and, unless
   * `watch()` made it, is no longer armed. The arrays are the backend's and hold other things once the call has returned.
   */
  ready(tokens: Float64Array, readiness: Uint8Array, count: number): void
  /** The poller itself has failed and will deliver nothing more. */
  broken(cause: Error): void
}

/**
 * What a reactor stands on: non-blocking sockets and a poller. The promises that bind all of its calls stand at the top of
 * this file, and in docs/writing-a-backend.md; `describeBackend()` of `@pollout/conformance` tests them.
 *
 * @example
 * ```ts
 * import type { SocketAddress, SystemResult, Token } from '@pollout/core'
 * import { type Backend, errno, type Handle, Interest } from '@pollout/core'
 *
 * // How a reactor begins a connect.
 * function begin(backend: Backend, handle: Handle, to: SocketAddress, token: Token): SystemResult {
 *   const result = backend.connect(handle, to)
 *   if (result !== 0 && result !== -errno.EINPROGRESS) return result
 *   return backend.register(handle, token, Interest.WRITABLE)
 * }
 * ```
 */
export interface Backend {
  /** Short and lower case: `native`, `net`. Appears in errors, events and output. */
  readonly name: string
  readonly capabilities: Capabilities
  /** Sockets opened and not yet closed; 0 after `destroy()`. Leak checks count it. */
  readonly openHandles: number

  /** A new non-blocking, close-on-exec socket: socket(2). The caller closes it. */
  open(spec: SocketSpec): SystemResult | Handle

  /**
   * Starts to connect: connect(2). 0 and `-EINPROGRESS` (and `-EINTR`) both mean "register for WRITABLE, then
   * `finishConnect()`"; `-EAGAIN` from a Unix socket means that nothing was started: the peer's backlog is full.
   */
  connect(handle: Handle, to: SocketAddress): SystemResult

  /** Arms, or re-arms, the one registration of this socket. Returns 0 or a negated errno. */
  register(handle: Handle, token: Token, interest: Interest): SystemResult

  /**
   * As `register()` for READABLE, but stays armed: it is reported in every batch for as long as there is data, an end or an
   * error to read, until another registration takes its place, `deregister()` or `close()`. For streams that go on being
   * read; core does without where it is missing.
   */
  watch?(handle: Handle, token: Token): SystemResult

  /** Disarms; a readiness already gathered may still be delivered. Harmless on an unregistered or closed handle. */
  deregister(handle: Handle): void

  /**
   * Has the connect ended? Reads SO_ERROR, which is read-once, then asks for the peer: docs/semantics.md,
   * "The completion rule". Also removes a stale error queue. To be called once per reported readiness. Writes `times`
   * (two elements) unless it answers PENDING.
   */
  finishConnect(handle: Handle, times?: ConnectTimes): ConnectStatus

  /**
   * Of the negated errno that `finishConnect()`, `receive()` or `send()` has answered last on this handle: true where a
   * call of this side's own said it, so that it may be about this side; false where it was the socket's error (SO_ERROR),
   * which the peer or the network has caused. Without it, whatever an ICMP packet can say is taken for the network's.
   */
  failedHere?(handle: Handle): boolean

  /** Gives the socket a local address: bind(2). Port 0 leaves the port to the system, an empty unix path the name. */
  bind?(handle: Handle, at: SocketAddress): SystemResult

  /**
   * Forgets the peer: connect(2) with AF_UNSPEC. A datagram socket then receives from anybody again, and an automatic
   * local address is given up too.
   */
  disconnect?(handle: Handle): SystemResult

  /** Sets one option: setsockopt(2). `-ENOPROTOOPT` for one that is not among its capabilities. */
  setOption?(handle: Handle, name: SocketOptionName, value: SocketOptionValue): SystemResult

  /**
   * Reads into `into`: recv(2). Bytes read, 0 at the end of the stream, `-EAGAIN` when there is nothing yet. A datagram
   * or packet is read whole, what has no room is cut off; an empty datagram or packet is 0 too.
   */
  receive(handle: Handle, into: Uint8Array): SystemResult

  /** Whether a 0 that `receive()` has just answered on a packet socket was the end. Without it, it is taken for that. */
  ended?(handle: Handle): boolean

  /** Sends from `data`, starting at `offset`: send(2), no SIGPIPE. Bytes taken, possibly fewer, or `-EAGAIN`. */
  send(handle: Handle, data: Uint8Array, offset: number): SystemResult

  /** Ends the sending side: shutdown(2) with SHUT_WR. */
  shutdown(handle: Handle): SystemResult

  /** Deregisters and gives the descriptor back. Harmless on a closed handle. */
  close(handle: Handle, mode: CloseMode): void

  /** What only a backend on the kernel's own sockets has. */
  readonly kernel?: KernelSockets

  /** Whole attempts by the batch; without it, core runs each one on the calls above. */
  readonly bulk?: BulkConnector

  /** Whole exchanges by the batch; without it, `@pollout/load` runs each one on a connection. */
  readonly exchanges?: ExchangeConnector | undefined

  /** The socket's own address: getsockname(2); undefined where it has none, or is closed. */
  localAddress(handle: Handle): SocketAddress | undefined

  /** The peer's address: getpeername(2); undefined where it has none, or is closed. */
  peerAddress(handle: Handle): SocketAddress | undefined

  /**
   * Delivers at once whatever is ready now, without waiting; does nothing when called from inside the sink.
   * The reactor calls it before it lets deadlines expire, so that a stalled loop is not told as a slow peer.
   */
  poll(): void

  /** Armed registrations keep the process alive (the default). */
  ref(): void
  /** Armed registrations do not keep the process alive. */
  unref(): void

  /**
   * Resets every open socket, delivers nothing more, and resolves when every descriptor is given back. What was closed
   * gracefully before still goes out, for a bounded time where the backend itself has to see to it. Idempotent.
   */
  destroy(): Promise<void>
}

/**
 * The part of a backend that only the kernel's own sockets can have. Handles are those of its backend.
 *
 * @example
 * ```ts
 * import { errno, type Handle, type KernelSockets } from '@pollout/core'
 *
 * const SOL_SOCKET = 1
 * const SO_INCOMING_CPU = 49
 *
 * // The processor that handles a socket's packets.
 * function processorOf(kernel: KernelSockets | undefined, handle: Handle): number {
 *   const value = new Int32Array(1)
 *   const bytes = new Uint8Array(value.buffer)
 *   const result = kernel?.getOption(handle, SOL_SOCKET, SO_INCOMING_CPU, bytes) ?? -errno.ENOSYS
 *   return result < 0 ? result : (value[0] ?? -1)
 * }
 * ```
 */
export interface KernelSockets {
  /** setsockopt(2) with the numbers and the bytes of this platform. */
  setOption(handle: Handle, level: number, option: number, value: Uint8Array): SystemResult
  /** getsockopt(2): how many bytes were written into `into`. */
  getOption(handle: Handle, level: number, option: number, into: Uint8Array): SystemResult
  /**
   * A connect that waits, and the thread with it, for `timeoutMs` at most (Infinity: as long as the kernel does):
   * connect(2) on a blocking socket with SO_SNDTIMEO, socket(7). Signals do not end the wait. 0, or a negated errno:
   * `-EINPROGRESS` when the time is over, and then the connect goes on as one that was not waited for.
   */
  connectAndWait(handle: Handle, to: SocketAddress, timeoutMs: number): SystemResult
  /**
   * Takes over a descriptor from elsewhere, in whatever state, and makes it non-blocking and close-on-exec. It is this
   * backend's from now on; where the answer is a negated errno (`-EBADF`, `-ENOTSOCK`, `-EINVAL` for one that listens,
   * `-EAFNOSUPPORT`, `-EPROTONOSUPPORT`) it stays the caller's and is left as it was.
   */
  adopt(descriptor: number): SystemResult | Handle
  /** What kind of socket it is; undefined on a closed handle. */
  specOf(handle: Handle): SocketSpec | undefined
  /** Gives the descriptor away, deregistered, still non-blocking: closing it is the caller's. The handle is closed. */
  detach(handle: Handle): SystemResult
}

/**
 * Makes a backend that delivers to `sink`; what `createReactor({ backend })` takes. Throws where it cannot work here.
 *
 * @example
 * ```ts
 * import { type BackendFactory, createReactor, nativeBackend, netBackend } from 'pollout'
 *
 * const backend: BackendFactory = process.env['PORTABLE'] ? netBackend() : nativeBackend()
 * const reactor = createReactor({ backend })
 * ```
 */
export type BackendFactory = (sink: ReadinessSink) => Backend
