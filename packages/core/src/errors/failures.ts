/** The failures that there are: of system calls, of deadlines, and our own. */
import type { SocketSpec } from '../backend/address.js'
import type { Backend, Handle } from '../backend/backend.js'
import { errno, errnoDescription, errnoName } from '../backend/errno.js'
import { isCarried, isOwnWord } from './blame.js'
import type { ConnectPhase, Failure } from './failure.js'

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
