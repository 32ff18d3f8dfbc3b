/** The one error of this library, in Node's own shape, and what each errno says about whose trouble it is. */

import { knowAcrossCopies } from './across-copies.js'
import { formatAddress, type SocketAddress } from './backend/address.js'
import type { Backend, Handle, SocketSpec } from './backend/backend.js'
import { errno, errnoDescription, errnoName } from './backend/errno.js'
import type { ConnectTimeline } from './connect/timeline.js'
import type { Endpoint } from './endpoint/endpoint.js'
import { formatEndpoint } from './endpoint/endpoint-text.js'

/**
 * How far things had got:
 * - `parse`: the target's text is not an endpoint (`connectMany` only; elsewhere that throws);
 * - `resolve`: the host name gave no address;
 * - `policy`: the destination policy denied every address, or all that could be had; nothing was sent;
 * - `local`: this machine or process could not try, or its own rules forbade it;
 * - `connect`: the peer, or the network on the way, said no or nothing;
 * - `tls`: there is a connection, but the TLS handshake on it failed, or did not end in time;
 * - `receive`, `send`: on a connection;
 * - `aborted`: by an AbortSignal, by closing the connection, or by destroying the reactor.
 *
 * @example
 * ```ts
 * import type { ConnectPhase } from 'pollout'
 *
 * // What may go away by itself.
 * const worthAnotherTry: readonly ConnectPhase[] = ['resolve', 'connect', 'receive', 'send']
 * ```
 */
export type ConnectPhase =
  | 'parse'
  | 'resolve'
  | 'policy'
  | 'local'
  | 'connect'
  | 'tls'
  | 'receive'
  | 'send'
  | 'aborted'

/**
 * Why something failed, as plain data: what outcomes carry, and what a {@link ConnectError} is made from.
 *
 * @example
 * ```ts
 * import { ConnectError, type Failure } from 'pollout'
 *
 * // What a test double of a connection rejects with.
 * const reset: Failure = {
 *   code: 'ECONNRESET',
 *   errno: -104,
 *   syscall: 'recv',
 *   phase: 'receive',
 *   localFault: false,
 *   reason: 'connection reset by peer',
 * }
 * const error = new ConnectError(reset)
 * ```
 */
export interface Failure {
  /** `ECONNREFUSED`, ... as the operating system names it, or one of `ERR_...`, `ABORT_ERR`. */
  readonly code: string
  /** Negated errno as Node writes it (-111), or undefined where no system call failed. */
  readonly errno: number | undefined
  /** The system call, or the step, that failed: `socket`, `connect`, `getaddrinfo`, `recv`, ... */
  readonly syscall: string
  readonly phase: ConnectPhase
  /** The trouble is on this side, and says nothing about the peer. */
  readonly localFault: boolean
  /** For ETIMEDOUT of a connect: the kernel gave up, or `timeoutMs` did. */
  readonly timedOutBy?: 'kernel' | 'deadline'
  /** Of bind(2): what could not be bound, in place of where to. */
  readonly localAddress?: SocketAddress | undefined
  /** One line for people, without code and address. */
  readonly reason: string
  readonly cause?: unknown
}

/**
 * One try at one address: with a socket, unless the policy denied it (`ERR_DENIED`).
 *
 * @example
 * ```ts
 * import { type AttemptRecord, formatAddress } from 'pollout'
 *
 * function line({ address, elapsedMs, result }: AttemptRecord): string {
 *   return `${formatAddress(address)} ${result} after ${elapsedMs.toFixed(1)} ms`
 * }
 * ```
 */
export interface AttemptRecord {
  readonly address: SocketAddress
  /** From the first system call to the end, in milliseconds. */
  readonly elapsedMs: number
  /** `connected`, or the code that it failed with; `ABORT_ERR` where it was cut short. */
  readonly result: string
  /** Its moments; `queuedAt` and `startedAt` are those of this attempt. */
  readonly timeline: ConnectTimeline
}

/**
 * Of what connect(2) *returns* and send(2) says of itself, that which says nothing about the peer: exhausted, forbidden or
 * mistaken on this side. What SO_ERROR *reports* once a connect is under way is never in here, whatever its number.
 */
const LOCAL = new Set<number>(
  [
    errno.EMFILE,
    errno.ENFILE,
    errno.ENOBUFS,
    errno.ENOMEM,
    errno.EADDRNOTAVAIL,
    errno.EADDRINUSE,
    errno.EACCES,
    errno.EPERM,
    errno.EAFNOSUPPORT,
    errno.EPROTONOSUPPORT,
    errno.ENOPROTOOPT,
    errno.EINVAL,
    errno.ENODEV,
    errno.ENETDOWN,
    errno.EBADF,
    errno.ENOSPC,
    errno.ENAMETOOLONG,
    errno.EEXIST,
    // On a unix socket it is the peer's backlog, and is waited for; on others, no port is left: udp_v4_get_port().
    errno.EAGAIN,
  ].map((number) => -number),
)

/**
 * What a router or a firewall says with an ICMP packet that there is no way: `icmp_err_convert` of net/ipv4/icmp.c,
 * `tab_unreach` of net/ipv6/icmp.c, and "parameter problem". Two of these are local where a call returns them.
 */
const NO_WAY = new Set(
  [
    'EHOSTUNREACH',
    'ENETUNREACH',
    'EHOSTDOWN',
    'ENONET',
    'ENOPROTOOPT',
    'EOPNOTSUPP',
    'EPROTO',
    'EACCES',
  ].map((name) => -((errno as Readonly<Record<string, number>>)[name] ?? Number.NaN)),
)

/** The network said that there is no way to the peer, or none that is allowed. */
export function isUnreachable({ errno: number, localFault }: Failure): boolean {
  return number !== undefined && !localFault && NO_WAY.has(number)
}

/** Whether an ICMP packet may have said it. */
function isCarried(negatedErrno: number): boolean {
  return NO_WAY.has(negatedErrno)
}

/** What the process or the machine as a whole has run out of: descriptors and memory. */
const EXHAUSTION = new Set<number>(
  [errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM].map((number) => -number),
)

/** Something has run out that the end of any other connect may give back. */
export function isExhaustion({ errno: number, localFault }: ErrnoFault): boolean {
  return localFault && number !== undefined && EXHAUSTION.has(number)
}

type ErrnoFault = Pick<Failure, 'errno' | 'localFault'>

/** The destination policy said no. */
export function isDenial({ phase }: Failure): boolean {
  return phase === 'policy'
}

const PORT_EXHAUSTION = new Set<number>(
  [errno.EADDRNOTAVAIL, errno.EADDRINUSE, errno.EAGAIN].map((number) => -number),
)

/**
 * No local port is left for this destination: only the end of a connect to the same one, or from the same port, gives
 * one back. From bind(2), EADDRNOTAVAIL is another thing: the address is not of this machine.
 */
export function isPortExhaustion({ errno: number, syscall, localFault }: Failure): boolean {
  if (!localFault) return false
  if (number === -errno.EADDRNOTAVAIL && syscall === 'bind') return false
  return number !== undefined && PORT_EXHAUSTION.has(number)
}

/**
 * What a system call of a connect returned. connect(2) may speak of the peer; socket(2), setsockopt(2), bind(2) and
 * epoll_ctl(2) ask nobody else, so all that they say is this side's own trouble.
 */
export function connectFailure(negatedErrno: number, syscall: string, spec?: SocketSpec): Failure {
  const localFault = syscall !== 'connect' || isOwnWord(negatedErrno, spec)
  return failureOf(negatedErrno, localFault ? 'local' : 'connect', syscall, localFault)
}

/** What SO_ERROR reported of a connect that was under way: the peer's word, or the network's. Never local. */
export function reportedFailure(negatedErrno: number): Failure {
  return failureOf(negatedErrno, 'connect', 'connect', false)
}

/** What `finishConnect()` answered: mostly what SO_ERROR reported; where the backend says so, what a call returned. */
export function finishedFailure(backend: Backend, handle: Handle, negatedErrno: number): Failure {
  return isFinishedHere(backend, handle, negatedErrno)
    ? connectFailure(negatedErrno, 'connect')
    : reportedFailure(negatedErrno)
}

/** Whether it was a call of this side's that failed, and nothing was reported. */
export function isFinishedHere(backend: Backend, handle: Handle, negatedErrno: number): boolean {
  // A backend that does not say which it was may tell with readiness what connect(2) returned: that no packet could say it.
  return backend.failedHere?.(handle) ?? !isCarried(negatedErrno)
}

/**
 * A failed system call on a connection. recv(2) and send(2) also return, in their own name, what the socket was told by a
 * packet; `isOwn`: this was not that.
 */
export function transferFailure(
  negatedErrno: number,
  phase: 'receive' | 'send',
  syscall: string,
  spec?: SocketSpec,
  isOwn = false,
): Failure {
  const localFault = isOwnWord(negatedErrno, spec) && (isOwn || !isCarried(negatedErrno))
  return failureOf(negatedErrno, phase, syscall, localFault)
}

function isOwnWord(negatedErrno: number, spec: SocketSpec | undefined): boolean {
  // The peer is connected to somebody else: unix_may_send() of net/unix/af_unix.c. Landlock's EPERM looks the same, and is rarer.
  const isTaken = negatedErrno === -errno.EPERM && spec?.family === 'unix' && spec.type === 'dgram'
  return !isTaken && LOCAL.has(negatedErrno)
}

function failureOf(
  negatedErrno: number,
  phase: ConnectPhase,
  syscall: string,
  localFault: boolean,
): Failure {
  const code = errnoName(negatedErrno)
  const reason = errnoDescription(negatedErrno)
  const failure: Failure = { code, errno: negatedErrno, syscall, phase, localFault, reason }
  const isTimeout = negatedErrno === -errno.ETIMEDOUT && phase === 'connect'
  return isTimeout ? { ...failure, timedOutBy: 'kernel' } : failure
}

/** `timeoutMs` is over: while the name was being resolved, which says nothing about the peer, or while connecting. */
export function deadlineFailure(
  timeoutMs: number,
  phase: 'resolve' | 'connect',
  asks?: { readonly syscall: string; readonly whom?: string | undefined },
): Failure {
  const whom = phase === 'resolve' && asks?.whom ? ` from ${asks.whom}` : ''
  return {
    code: 'ETIMEDOUT',
    errno: -errno.ETIMEDOUT,
    syscall: phase === 'resolve' ? (asks?.syscall ?? 'resolve') : 'connect',
    phase,
    localFault: false,
    timedOutBy: 'deadline',
    reason: `no answer within ${Math.round(timeoutMs)} ms${whom}`,
  }
}

/** A failure that no system call reported; `step` stands in the message where the system call would. */
export function ownFailure(
  code: string,
  phase: ConnectPhase,
  step: string,
  reason: string,
  cause?: unknown,
): Failure {
  const localFault = phase === 'local' || phase === 'parse' || phase === 'policy'
  const failure: Failure = { code, errno: undefined, syscall: step, phase, localFault, reason }
  return cause === undefined ? failure : { ...failure, cause }
}

export function unsupportedFailure(backend: string, what: string): Failure {
  const reason = `the ${backend} backend does not support ${what}`
  return ownFailure('ERR_UNSUPPORTED', 'local', 'socket', reason)
}

export function abortedFailure(cause: unknown, step = 'connect'): Failure {
  return ownFailure('ABORT_ERR', 'aborted', step, 'aborted by its signal', cause)
}

export function destroyedFailure(): Failure {
  return ownFailure('ERR_REACTOR_DESTROYED', 'aborted', 'connect', 'the reactor was destroyed')
}

export function brokenFailure(cause: Error): Failure {
  return ownFailure('ERR_BACKEND_BROKEN', 'aborted', 'connect', 'the backend has failed', cause)
}

/**
 * What went wrong where, to make the error's message and its address fields.
 *
 * @example
 * ```ts
 * import { ConnectError, type ErrorContext, type Failure, tcp } from 'pollout'
 *
 * const where: ErrorContext = {
 *   endpoint: tcp('db.example.net', 5432),
 *   address: { family: 'inet', address: '192.0.2.1', port: 5432 },
 * }
 * function errorOf(failure: Failure): ConnectError {
 *   return new ConnectError(failure, where)
 * }
 * ```
 */
export interface ErrorContext {
  readonly endpoint?: Endpoint | undefined
  readonly address?: SocketAddress | undefined
  readonly attempts?: readonly AttemptRecord[]
  readonly timeline?: ConnectTimeline | undefined
}

/**
 * Why a connect, or a transfer on a connection, failed. Network outcomes come only this way, through the
 * observable or promise at hand; programmer errors are thrown at once, as TypeError or RangeError.
 *
 * @example
 * ```ts
 * import { ConnectError, createReactor } from 'pollout'
 *
 * createReactor()
 *   .connect('tcp://192.0.2.1:443', { timeoutMs: 1_000 })
 *   .subscribe({
 *     next: (connection) => connection.reset(),
 *     error: (error: unknown) => {
 *       if (!(error instanceof ConnectError)) throw error
 *       if (error.localFault) console.error('trouble on this side:', error.message)
 *       else
 *         console.error(`${error.code} from ${error.address}, tried ${error.attempts.length} times`)
 *     },
 *   })
 * ```
 */
export class ConnectError extends Error {
  override readonly name = 'ConnectError'
  /** `ECONNREFUSED`, ... as the operating system names it, or one of `ERR_...`, `ABORT_ERR`. */
  readonly code: string
  /** Negated errno as Node writes it (-111); undefined where no system call failed. */
  readonly errno: number | undefined
  /** The system call, or the step, that failed: `socket`, `connect`, `getaddrinfo`, `recv`, ... */
  readonly syscall: string
  /**
   * Address literal, unix path or vsock context identifier that was tried last; of bind(2) the local one, with its port
   * where one was asked for.
   */
  readonly address: string | undefined
  readonly port: number | undefined
  /** What was to be connected to; undefined on a bare socket. */
  readonly endpoint: Endpoint | undefined
  /** How far things had got. */
  readonly phase: ConnectPhase
  /** The trouble is on this side, and says nothing about the peer. */
  readonly localFault: boolean
  /** For ETIMEDOUT of a connect: the kernel gave up, or `timeoutMs` did. */
  readonly timedOutBy: 'kernel' | 'deadline' | undefined
  /** Every address that was tried, in the order of their starts; empty where none was. */
  readonly attempts: readonly AttemptRecord[]
  /** The moments of the connect that failed; undefined for what was no connect, or never began to be one. */
  readonly timeline: ConnectTimeline | undefined
  readonly #reason: string

  constructor(failure: Failure, context: ErrorContext = {}) {
    const { endpoint, attempts = [], timeline } = context
    const address = failure.localAddress ?? context.address
    const where = address ? formatAddress(address) : endpoint ? formatEndpoint(endpoint) : undefined
    const subject = [failure.syscall, failure.code, where].filter(Boolean).join(' ')
    super(
      `${subject}: ${failure.reason}`,
      failure.cause === undefined ? {} : { cause: failure.cause },
    )
    this.code = failure.code
    this.errno = failure.errno
    this.syscall = failure.syscall
    this.address = address && hostOf(address)
    // Port 0 is what was asked of bind(2), and no port.
    this.port = address && 'port' in address && address.port !== 0 ? address.port : undefined
    this.endpoint = endpoint
    this.phase = failure.phase
    this.localFault = failure.localFault
    this.timedOutBy = failure.timedOutBy
    this.attempts = attempts
    this.timeline = timeline
    this.#reason = failure.reason
  }

  /** @internal The message without code and address, in which there may be anything. */
  get reason(): string {
    return this.#reason
  }
}
knowAcrossCopies(ConnectError, 'ConnectError')

function hostOf(address: SocketAddress): string {
  if (address.family === 'unix') return address.path
  return address.family === 'vsock' ? String(address.cid) : address.address
}

/**
 * An error made in a turn of the event loop. Its stack would hold none of the user's frames, and capturing it costs
 * some 5 µs, a third of a whole refused connect; so it has none.
 */
export function errorWithoutStack(failure: Failure, context: ErrorContext): ConnectError {
  const { stackTraceLimit } = Error
  // Not by assignment: that throws where the intrinsics are frozen.
  Reflect.set(Error, 'stackTraceLimit', 0)
  try {
    return new ConnectError(failure, context)
  } finally {
    Reflect.set(Error, 'stackTraceLimit', stackTraceLimit)
  }
}
