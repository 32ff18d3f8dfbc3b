/** `readiness()`: poll(2) of one low-level socket, as an observable. */
import { Observable } from 'rxjs'
import type { Interest, Readiness } from '../backend/readiness.js'
import { onAbort } from '../base/abort.js'
import { captureContext } from '../base/async-context.js'
import { checkNames, checkSignal } from '../base/options.js'
import { ConnectError } from '../errors/connect-error.js'
import type { Failure } from '../errors/failure.js'
import { abortedFailure } from '../errors/failures.js'
import type { OutboundCore } from '../outbound/outbound-core.js'
import { Socket } from './socket.js'

/** See {@link Reactor.readiness}. */
export function readiness(
  core: OutboundCore,
  socket: Socket,
  interest: Interest,
  options: { readonly signal?: AbortSignal | undefined } = {},
): Observable<Readiness> {
  if (!Number.isInteger(interest) || interest < 1 || interest > 3) {
    throw new RangeError('interest must be Interest.READABLE, Interest.WRITABLE or both')
  }
  checkNames(options, ['signal'])
  const signal = checkSignal(options.signal)
  if (!(socket instanceof Socket)) {
    throw new TypeError('readiness() takes a socket, as reactor.socket() makes one')
  }
  socket.assertOf(core)
  return new Observable((subscriber) => {
    const inContext = captureContext()
    const fail = (failure: Failure): void =>
      inContext(() => subscriber.error(new ConnectError(failure)))
    const abort = (): void => fail(abortedFailure(signal?.reason, 'poll'))
    if (signal?.aborted) return core.later(abort)
    const stop = socket.watch(interest, {
      ready: (bits) =>
        inContext(() => {
          subscriber.next(bits)
          subscriber.complete()
        }),
      error: fail,
    })
    const stopWatching = onAbort(signal, abort)
    return () => {
      stopWatching()
      stop()
    }
  })
}
