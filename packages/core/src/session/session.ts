/** `session()`: a connection that lives as long as what is made of it. */
import { from, Observable, type ObservableInput } from 'rxjs'
import { onAbort } from '../base/abort.js'
import { connect } from '../connect/connect.js'
import type { ConnectOptions } from '../connect/connect-options.js'
import type { Connection } from '../connection/connection.js'
import type { Endpoint } from '../endpoint/endpoint.js'
import { ConnectError } from '../errors/connect-error.js'
import { abortedFailure } from '../errors/failures.js'
import type { OutboundCore } from '../outbound/outbound-core.js'

/** See {@link Reactor.session}. */
export function session<T>(
  core: OutboundCore,
  target: Endpoint | string,
  use: (connection: Connection) => ObservableInput<T>,
  options: ConnectOptions = {},
): Observable<T> {
  return talking(connect(core, target, options), use, options.signal)
}

/** The session itself: on a connection of its own for each subscriber, which `connecting` makes. */
export function talking<T>(
  connecting: Observable<Connection>,
  use: (connection: Connection) => ObservableInput<T>,
  signal: AbortSignal | undefined,
): Observable<T> {
  return new Observable((subscriber) => {
    let connection: Connection | undefined
    const fail = (error: unknown): void => {
      connection?.reset()
      subscriber.error(error)
    }
    const talk = (connected: Connection): void => {
      connection = connected
      const { endpoint, peerAddress: address } = connected
      const aborted = (): void =>
        fail(new ConnectError(abortedFailure(signal?.reason, 'session'), { endpoint, address }))
      subscriber.add(onAbort(signal, aborted))
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
