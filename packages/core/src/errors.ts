/** The one error of this library, in Node's own shape, and what each errno says about whose trouble it is. */
import { formatAddress, type SocketAddress } from './address.js'
import { type Endpoint, formatEndpoint } from './endpoint.js'
import { errno, errnoDescription, errnoName } from './errno.js'

/**
 * How far things had got:
 * - `parse`: the target's text is not an endpoint (`connectMany` only; elsewhere that throws);
 * - `resolve`: the host name gave no address;
 * - `local`: this machine or process could not try, or its own rules forbade it;
 * - `connect`: the peer, or the network on the way, said no or nothing;
 * - `receive`, `send`: on a connection;
 * - `aborted`: by an AbortSignal, by closing the connection, or by destroying the reactor.
 */
export type ConnectPhase =
  | 'parse'
  | 'resolve'
  | 'local'
  | 'connect'
  | 'receive'
  | 'send'
  | 'aborted'

/** Why something failed, as plain data: what outcomes carry, and what a {@link ConnectError} is made from. */
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
  /** One line for people, without code and address. */
  readonly reason: string
  readonly cause?: unknown
}

/** One socket's try at one address. */
export interface AttemptRecord {
  readonly address: SocketAddress
  /** From the first system call to the end, in milliseconds. */
  readonly elapsedMs: number
  /** `connected`, or the code that it failed with. */
  readonly result: string
}

/** Says nothing about the peer: exhausted, forbidden or mistaken on this side. connect(2), socket(2). */
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
    errno.EINVAL,
    errno.ENODEV,
    errno.ENETDOWN,
    errno.EBADF,
    errno.ENOSPC,
    errno.ENAMETOOLONG,
  ].map((number) => -number),
)

/** Passes when something of ours is closed or freed: worth slowing down and trying again. */
const EXHAUSTION = new Set<number>(
  [errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM, errno.EADDRNOTAVAIL].map(
    (number) => -number,
  ),
)

export function isExhaustion(failure: Failure): boolean {
  return failure.errno !== undefined && EXHAUSTION.has(failure.errno)
}

/** A failed system call of a connect; the phase follows from what the errno speaks of. */
export function connectFailure(negatedErrno: number, syscall: string): Failure {
  const code = errnoName(negatedErrno)
  const localFault = LOCAL.has(negatedErrno)
  const failure: Failure = {
    code,
    errno: negatedErrno,
    syscall,
    phase: localFault ? 'local' : 'connect',
    localFault,
    reason: errnoDescription(negatedErrno),
  }
  return negatedErrno === -errno.ETIMEDOUT ? { ...failure, timedOutBy: 'kernel' } : failure
}

/** A failed system call on a connection. */
export function transferFailure(
  negatedErrno: number,
  phase: 'receive' | 'send',
  syscall: string,
): Failure {
  return {
    code: errnoName(negatedErrno),
    errno: negatedErrno,
    syscall,
    phase,
    localFault: LOCAL.has(negatedErrno),
    reason: errnoDescription(negatedErrno),
  }
}

export function deadlineFailure(timeoutMs: number): Failure {
  return {
    code: 'ETIMEDOUT',
    errno: -errno.ETIMEDOUT,
    syscall: 'connect',
    phase: 'connect',
    localFault: false,
    timedOutBy: 'deadline',
    reason: `no answer within ${timeoutMs} ms`,
  }
}

/** A failure that no system call reported. */
export function ownFailure(
  code: string,
  phase: ConnectPhase,
  reason: string,
  cause?: unknown,
): Failure {
  const localFault = phase === 'local' || phase === 'parse'
  const failure: Failure = { code, errno: undefined, syscall: 'connect', phase, localFault, reason }
  return cause === undefined ? failure : { ...failure, cause }
}

export const unsupportedFailure = (backend: string, what: string): Failure =>
  ownFailure('ERR_UNSUPPORTED', 'local', `the ${backend} backend does not support ${what}`)

export const abortedFailure = (cause: unknown): Failure =>
  ownFailure('ABORT_ERR', 'aborted', 'aborted by its signal', cause)

export const destroyedFailure = (cause?: unknown): Failure =>
  cause === undefined
    ? ownFailure('ERR_REACTOR_DESTROYED', 'aborted', 'the reactor was destroyed')
    : ownFailure('ERR_BACKEND_BROKEN', 'aborted', 'the backend has failed', cause)

/** What went wrong where, to make the error's message and its address fields. */
export interface ErrorContext {
  readonly endpoint?: Endpoint | undefined
  readonly address?: SocketAddress | undefined
  readonly attempts?: readonly AttemptRecord[]
}

/**
 * Why a connect, or a transfer on a connection, failed. Network outcomes come only this way, through the
 * observable or promise at hand; programmer errors are thrown at once, as TypeError or RangeError.
 */
export class ConnectError extends Error {
  override readonly name = 'ConnectError'
  readonly code: string
  readonly errno: number | undefined
  readonly syscall: string
  /** Address literal or unix path that was tried last. */
  readonly address: string | undefined
  readonly port: number | undefined
  readonly endpoint: Endpoint | undefined
  readonly phase: ConnectPhase
  readonly localFault: boolean
  readonly timedOutBy: 'kernel' | 'deadline' | undefined
  /** Every socket that was tried, in order; empty where none was. */
  readonly attempts: readonly AttemptRecord[]

  constructor(failure: Failure, { endpoint, address, attempts = [] }: ErrorContext = {}) {
    const where = address ? formatAddress(address) : endpoint ? formatEndpoint(endpoint) : undefined
    const subject = [failure.syscall, failure.code, where].filter(Boolean).join(' ')
    super(
      `${subject}: ${failure.reason}`,
      failure.cause === undefined ? {} : { cause: failure.cause },
    )
    this.code = failure.code
    this.errno = failure.errno
    this.syscall = failure.syscall
    this.address = address?.family === 'unix' ? address.path : address?.address
    this.port = address?.family === 'unix' ? undefined : address?.port
    this.endpoint = endpoint
    this.phase = failure.phase
    this.localFault = failure.localFault
    this.timedOutBy = failure.timedOutBy
    this.attempts = attempts
  }
}
