/** Why something failed, as plain data. */
import type { SocketAddress } from '../backend/address.js'
import type { ConnectTimeline } from './timeline.js'

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
