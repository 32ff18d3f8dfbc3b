/** `connect()` and `session()`: connects as observables. */
import { from, Observable, type ObservableInput } from 'rxjs'
import { captureContext } from './async-context.js'
import { ConnectRequest } from './connect-request.js'
import { Connection } from './connection.js'
import type { Endpoint } from './endpoint.js'
import { toEndpoint } from './endpoint.js'
import { abortedFailure, ConnectError, type Failure } from './errors.js'
import { checkSignal, checkTimeout } from './options.js'
import type { ReactorCore } from './reactor-core.js'

export interface ConnectOptions {
  /**
   * Time for the whole connect: names, and every address tried. Default 30,000 ms; Infinity leaves it to the
   * kernel (about 134 s on Linux). It starts to run when the connect takes its first step.
   */
  readonly timeoutMs?: number | undefined
  /** Cancels the connect, with a {@link ConnectError} of code `ABORT_ERR`. Has no say once the connection is emitted. */
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
        signal?.removeEventListener('abort', abort)
        if (request.failure) return inContext(() => subscriber.error(request.error()))
        const connection = establish(core, request)
        inContext(() => {
          subscriber.next(connection)
          subscriber.complete()
        })
      },
    })
    const abort = (): void => {
      request.cancel()
      inContext(() => subscriber.error(new ConnectError(abortedFailure(signal?.reason), request)))
    }
    signal?.addEventListener('abort', abort, { once: true })
    request.start()
    return () => {
      signal?.removeEventListener('abort', abort)
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

/** See {@link Reactor.session}. */
export function session<T>(
  core: ReactorCore,
  target: Endpoint | string,
  use: (connection: Connection) => ObservableInput<T>,
  options: ConnectOptions = {},
): Observable<T> {
  const connecting = connect(core, target, options)
  return new Observable((subscriber) => {
    let connection: Connection | undefined
    const fail = (error: unknown): void => {
      connection?.reset()
      subscriber.error(error)
    }
    const talk = (connected: Connection): void => {
      connection = connected
      try {
        subscriber.add(
          from(use(connected)).subscribe({
            next: (value) => subscriber.next(value),
            error: fail,
            // Completes when the connection is gone, so that "complete" means that nothing is left open.
            complete: () => void connected.close().then(() => subscriber.complete()),
          }),
        )
      } catch (error) {
        fail(error)
      }
    }
    subscriber.add(connecting.subscribe({ next: talk, error: fail }))
    return () => {
      // Whoever leaves in the middle does not wait for a peer that takes nothing; close() is not awaited here.
      if (connection === undefined) return
      if (connection.unsentBytes > 0) connection.reset()
      else void connection.close()
    }
  })
}
