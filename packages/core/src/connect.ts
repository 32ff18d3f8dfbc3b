/** `connect()`: a connect as an observable. */
import { Observable } from 'rxjs'
import { onAbort } from './abort.js'
import { captureContext } from './async-context.js'
import { ConnectRequest } from './connect-request.js'
import { Connection } from './connection.js'
import { type Endpoint, toEndpoint } from './endpoint.js'
import { abortedFailure, ConnectError, type Failure } from './errors.js'
import { checkSignal, checkTimeout } from './options.js'
import type { ReactorCore } from './reactor-core.js'

export interface ConnectOptions {
  /**
   * Time for the whole connect: names, and every address tried. Default 30,000 ms; Infinity leaves it to the
   * kernel (about 134 s on Linux). It starts to run when the connect takes its first step.
   */
  readonly timeoutMs?: number | undefined
  /**
   * Cancels the connect, with a {@link ConnectError} of code `ABORT_ERR`; has no say once the connection is emitted. In a
   * session it ends that too.
   */
  readonly signal?: AbortSignal | undefined
}

/** See {@link Reactor.connect}. */
export function connect(
  core: ReactorCore,
  target: Endpoint | string,
  options: ConnectOptions = {},
): Observable<Connection> {
  const endpoint = toEndpoint(target)
  const timeoutMs = checkTimeout('timeoutMs', options.timeoutMs)
  const signal = checkSignal(options.signal)
  return new Observable((subscriber) => {
    const inContext = captureContext()
    const fail = (failure: Failure): void => {
      const error = new ConnectError(failure, { endpoint })
      core.later(() => inContext(() => subscriber.error(error)))
    }
    if (core.gone) return fail(core.gone)
    if (signal?.aborted) return fail(abortedFailure(signal.reason))

    const request = new ConnectRequest(core, endpoint, timeoutMs, {
      requestSettled() {
        stopWatching()
        if (request.failure) return inContext(() => subscriber.error(request.error()))
        const connection = establish(core, request)
        inContext(() => {
          subscriber.next(connection)
          subscriber.complete()
        })
      },
    })
    const stopWatching = onAbort(signal, () => {
      request.cancel()
      inContext(() => subscriber.error(new ConnectError(abortedFailure(signal?.reason), request)))
    })
    request.start()
    return () => {
      stopWatching()
      request.cancel()
    }
  })
}

/** Makes a connection of a request's connected socket. */
export function establish(core: ReactorCore, request: ConnectRequest): Connection {
  const { endpoint, failedAttempts } = request
  const address = request.address as NonNullable<typeof request.address>
  return new Connection(core, request.takeHandle(), { endpoint, address, failedAttempts })
}
