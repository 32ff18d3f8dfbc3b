/** `connect()`: a connect as an observable. */
import { Observable } from 'rxjs'
import { onAbort } from './abort.js'
import { captureContext } from './async-context.js'
import { type ConnectOptions, checkSetup } from './connect-options.js'
import { ConnectRequest } from './connect-request.js'
import { Connection } from './connection.js'
import type { Endpoint } from './endpoint.js'
import { toEndpoint } from './endpoint-text.js'
import { abortedFailure, ConnectError, type Failure } from './errors.js'
import { checkSignal, checkTimeout } from './options.js'
import type { ReactorCore } from './reactor-core.js'
import type { Request, RequestOptions, RequestOwner } from './request.js'

/** See {@link Reactor.connect}. */
export function connect(
  core: ReactorCore,
  target: Endpoint | string,
  options: ConnectOptions = {},
): Observable<Connection> {
  const endpoint = toEndpoint(target)
  const timeoutMs = checkTimeout('timeoutMs', options.timeoutMs)
  const signal = checkSignal(options.signal)
  const setup = checkSetup(options, ['timeoutMs', 'signal'])
  return connections(core, { endpoint, signal }, (queuedAt, owner) => {
    return new ConnectRequest(core, endpoint, { timeoutMs, queuedAt, setup }, owner)
  })
}

export interface ConnectionsOptions {
  /** For the errors of what never became a request. */
  readonly endpoint: Endpoint | undefined
  readonly signal: AbortSignal | undefined
}

/** For each subscription a request, and of that one connection or one error. */
export function connections(
  core: ReactorCore,
  { endpoint, signal }: ConnectionsOptions,
  makeRequest: (queuedAt: RequestOptions['queuedAt'], owner: RequestOwner) => Request,
): Observable<Connection> {
  return new Observable((subscriber) => {
    const inContext = captureContext()
    const fail = (failure: Failure): void => {
      const error = new ConnectError(failure, { endpoint })
      core.later(() => inContext(() => subscriber.error(error)))
    }
    if (core.gone) return fail(core.gone)
    if (signal?.aborted) return fail(abortedFailure(signal.reason))

    const request = makeRequest(core.clock.now(), {
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
export function establish(core: ReactorCore, request: Request): Connection {
  const { failedAttempts, type } = request
  // Of a request that has connected all of these are known.
  const endpoint = request.endpoint as Endpoint
  const address = request.address as NonNullable<typeof request.address>
  const timeline = request.timeline as NonNullable<typeof request.timeline>
  const origin = { endpoint, address, type, failedAttempts, timeline }
  return new Connection(core, request.takeHandle(), origin)
}
