/** What became of one target of `connectMany()`. */
import type { SocketAddress } from '../backend/address.js'
import type { Connection } from '../connection/connection.js'
import type { Endpoint } from '../endpoint/endpoint.js'
import { isDenial, isUnreachable } from '../errors/blame.js'
import type { ConnectError } from '../errors/connect-error.js'
import type { AttemptRecord, ConnectPhase, Failure } from '../errors/failure.js'
import type { ConnectTimeline } from '../errors/timeline.js'

/**
 * A target: an endpoint, its URI, or an endpoint with anything else on it, which comes back in the outcome.
 *
 * @example
 * ```ts
 * import { createReactor, type Target, tcp } from 'pollout'
 *
 * const plain: Target = 'tcp://192.0.2.1:22'
 * const withMore = { ...tcp('192.0.2.2', 22), rack: 'b4' }
 * createReactor()
 *   .connectMany([withMore])
 *   .subscribe(({ target, kind }) => console.log(target.rack, kind))
 * ```
 */
export type Target = Endpoint | string

/**
 * How it ended:
 * - `connected`;
 * - `refused`: the peer's machine said that nobody listens (ECONNREFUSED);
 * - `timed-out`: no answer, from the kernel or by `timeoutMs` (ETIMEDOUT; `timedOutBy` tells which);
 * - `unreachable`: the network said that there is no way, or none that is allowed (EHOSTUNREACH, ENETUNREACH, ...; also
 *   EACCES, ENOPROTOOPT, EPROTO, EOPNOTSUPP, ENONET where a packet said so, as a firewall does);
 * - `denied`: the destination policy forbids it, nothing was tried (ERR_DENIED; the message names the rule);
 * - `local`: this side could not try; says nothing about the target;
 * - `invalid`: the target is not an endpoint, nothing was tried;
 * - `other`: anything else; `code` and `phase` tell.
 *
 * @example
 * ```ts
 * import { createReactor, type OutcomeKind } from 'pollout'
 *
 * const counts = new Map<OutcomeKind, number>()
 * createReactor()
 *   .connectMany(['tcp://192.0.2.1:22', 'tcp://192.0.2.2:22'])
 *   .subscribe(({ kind }) => counts.set(kind, (counts.get(kind) ?? 0) + 1))
 * ```
 */
export type OutcomeKind =
  | 'connected'
  | 'refused'
  | 'timed-out'
  | 'unreachable'
  | 'denied'
  | 'local'
  | 'invalid'
  | 'other'

interface OutcomeBase<T> {
  /** The target as it was given. */
  readonly target: T
  /** From the first system call for it to its end, in milliseconds. */
  readonly elapsedMs: number
  /** The moments of the connect; of the last one, where it had to be put aside and tried again. */
  readonly timeline: ConnectTimeline
}

/**
 * The target has a listener: it connected.
 *
 * @example
 * ```ts
 * import { type ConnectedOutcome, formatAddress } from 'pollout'
 *
 * function line({ target, address, timeline }: ConnectedOutcome<string>): string {
 *   return `${target} at ${formatAddress(address)} in ${timeline.handshakeMs} ms`
 * }
 * ```
 */
export interface ConnectedOutcome<T = Target> extends OutcomeBase<T> {
  readonly kind: 'connected'
  /** The address that answered. */
  readonly address: SocketAddress
  /**
   * What the connection had met by the time it was looked at: `ECONNRESET` where the peer had accepted and reset it,
   * `EPIPE` where it had ended it first. The port was open all the same. Undefined where there was nothing yet; a reset that
   * comes later is told by the connection. With `keep`, the next receive or send tells it too.
   */
  readonly followedBy: string | undefined
  /** The addresses of a name that did not: failed, denied, or cut short (`ABORT_ERR`) as this one was faster. */
  readonly failedAttempts: readonly AttemptRecord[]
  /**
   * With `onConnected: 'keep'`: the subscriber's from now on, to be closed by it. The object may be made at the first look;
   * the socket is open whether looked at or not, until it is closed or the reactor destroyed.
   */
  readonly connection: Connection | undefined
}

/**
 * It did not connect. All but `error` is plain data, so that refusals by the million cost no stack traces.
 *
 * @example
 * ```ts
 * import type { FailedOutcome } from 'pollout'
 *
 * function line({ target, kind, code, phase }: FailedOutcome<string>): string {
 *   return `${target} ${kind}: ${code} while ${phase}`
 * }
 * ```
 */
export interface FailedOutcome<T = Target> extends OutcomeBase<T> {
  readonly kind: Exclude<OutcomeKind, 'connected'>
  /** As in {@link ConnectError}, and so are the next four. */
  readonly code: string
  readonly errno: number | undefined
  readonly phase: ConnectPhase
  readonly localFault: boolean
  readonly timedOutBy: 'kernel' | 'deadline' | undefined
  /** The whole error, with a message; made when asked for. */
  readonly error: ConnectError
}

/**
 * What became of one target; `kind` tells the two apart.
 *
 * @example
 * ```ts
 * import { formatAddress, type Outcome } from 'pollout'
 *
 * function line(outcome: Outcome<string>): string {
 *   if (outcome.kind === 'connected') return `${outcome.target} ${formatAddress(outcome.address)}`
 *   return `${outcome.target} ${outcome.error.message}`
 * }
 * ```
 */
export type Outcome<T = Target> = ConnectedOutcome<T> | FailedOutcome<T>

export function kindOf(failure: Failure): FailedOutcome['kind'] {
  if (failure.phase === 'parse') return 'invalid'
  if (isDenial(failure)) return 'denied'
  if (failure.localFault) return 'local'
  if (failure.phase === 'resolve') return 'other'
  if (failure.code === 'ECONNREFUSED') return 'refused'
  if (failure.code === 'ETIMEDOUT') return 'timed-out'
  return isUnreachable(failure) ? 'unreachable' : 'other'
}
