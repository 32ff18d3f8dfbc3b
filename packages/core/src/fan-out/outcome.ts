/** What became of one target of `connectMany()`. */
import type { SocketAddress } from '../backend/address.js'
import type { ConnectTimeline } from '../connect/timeline.js'
import type { Connection } from '../connection/connection.js'
import type { Endpoint } from '../endpoint/endpoint.js'
import {
  type AttemptRecord,
  type ConnectError,
  type ConnectPhase,
  type ErrorContext,
  errorWithoutStack,
  type Failure,
  isDenial,
} from '../errors.js'

/** A target: an endpoint, its URI, or an endpoint with anything else on it, which comes back in the outcome. */
export type Target = Endpoint | string

/**
 * How it ended:
 * - `connected`;
 * - `refused`: the peer's machine said that nobody listens (ECONNREFUSED);
 * - `timed-out`: no answer, from the kernel or by `timeoutMs` (ETIMEDOUT; `timedOutBy` tells which);
 * - `unreachable`: the network said that there is no way (EHOSTUNREACH, ENETUNREACH, ...);
 * - `denied`: the destination policy forbids it, nothing was tried (ERR_DENIED; the message names the rule);
 * - `local`: this side could not try; says nothing about the target;
 * - `invalid`: the target is not an endpoint, nothing was tried;
 * - `other`: anything else; `code` and `phase` tell.
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

export interface ConnectedOutcome<T = Target> extends OutcomeBase<T> {
  readonly kind: 'connected'
  /** The address that answered. */
  readonly address: SocketAddress
  /** The addresses of a name that did not: failed, denied, or cut short (`ABORT_ERR`) as this one was faster. */
  readonly failedAttempts: readonly AttemptRecord[]
  /** With `onConnected: 'keep'`: the subscriber's from now on, to be closed by it. */
  readonly connection: Connection | undefined
}

export interface FailedOutcome<T = Target> extends OutcomeBase<T> {
  readonly kind: Exclude<OutcomeKind, 'connected'>
  readonly code: string
  readonly errno: number | undefined
  readonly phase: ConnectPhase
  readonly localFault: boolean
  readonly timedOutBy: 'kernel' | 'deadline' | undefined
  /** The whole error, with a message; made when asked for. */
  readonly error: ConnectError
}

export type Outcome<T = Target> = ConnectedOutcome<T> | FailedOutcome<T>

const UNREACHABLE = new Set(['EHOSTUNREACH', 'ENETUNREACH', 'EHOSTDOWN'])

function kindOf(failure: Failure): FailedOutcome['kind'] {
  if (failure.phase === 'parse') return 'invalid'
  if (isDenial(failure)) return 'denied'
  if (failure.localFault) return 'local'
  if (failure.phase === 'resolve') return 'other'
  if (failure.code === 'ECONNREFUSED') return 'refused'
  if (failure.code === 'ETIMEDOUT') return 'timed-out'
  return UNREACHABLE.has(failure.code) ? 'unreachable' : 'other'
}

/** A class for the sake of its getter: an Error, with its stack, costs more than all the rest of a refusal. */
export class Failed<T> implements FailedOutcome<T> {
  readonly kind: FailedOutcome['kind']
  readonly target: T
  readonly elapsedMs: number
  readonly timeline: ConnectTimeline
  readonly code: string
  readonly errno: number | undefined
  readonly phase: ConnectPhase
  readonly localFault: boolean
  readonly timedOutBy: 'kernel' | 'deadline' | undefined
  readonly #failure: Failure
  readonly #origin: ErrorContext
  #error: ConnectError | undefined

  constructor(
    target: T,
    elapsedMs: number,
    timeline: ConnectTimeline,
    failure: Failure,
    origin: ErrorContext,
  ) {
    this.kind = kindOf(failure)
    this.target = target
    this.elapsedMs = elapsedMs
    this.timeline = timeline
    this.code = failure.code
    this.errno = failure.errno
    this.phase = failure.phase
    this.localFault = failure.localFault
    this.timedOutBy = failure.timedOutBy
    this.#failure = failure
    this.#origin = origin
  }

  get error(): ConnectError {
    this.#error ??= errorWithoutStack(this.#failure, this.#origin)
    return this.#error
  }
}
