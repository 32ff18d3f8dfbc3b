/** `connect()`: a connect as an observable. */
import { Observable } from 'rxjs'
import { onAbort } from '../base/abort.js'
import { captureContext } from '../base/async-context.js'
import { checkCallback, checkSignal, checkTimeout } from '../base/options.js'
import type { ConnectProgress } from '../connection/connect-progress.js'
import { Connection, type ConnectionOrigin } from '../connection/connection.js'
import type { Endpoint } from '../endpoint/endpoint.js'
import { toEndpoint } from '../endpoint/endpoint-text.js'
import { ConnectError } from '../errors/connect-error.js'
import type { Failure } from '../errors/failure.js'
import { abortedFailure } from '../errors/failures.js'
import type { ConnectTimeline } from '../errors/timeline.js'
import { Link } from '../link/link.js'
import { SocketChannel } from '../link/socket-channel.js'
import type { OutboundCore } from '../outbound/outbound-core.js'
import { timeLeft, timeWaited } from '../reactor/patience.js'
import { Handshake } from '../tls/handshake.js'
import { checkTls, type TlsSetup } from '../tls/tls-options.js'
import {
  type ConnectOptions,
  checkDestination,
  checkSetup,
  DESTINATION_NAMES,
} from './connect-options.js'
import { ConnectRequest } from './connect-request.js'
import type { Request, RequestOptions, RequestOwner } from './request.js'

const OWN_OPTIONS = [
  ...['timeoutMs', 'idleTimeoutMs', 'signal', 'onAttempt', 'tls'],
  ...DESTINATION_NAMES,
]

/** See {@link Reactor.connect}. */
export function connect(
  core: OutboundCore,
  target: Endpoint | string,
  options: ConnectOptions = {},
  progress?: ConnectProgress,
): Observable<Connection> {
  const endpoint = toEndpoint(target)
  const timeoutMs = checkTimeout('timeoutMs', options.timeoutMs)
  const idleTimeoutMs = checkTimeout(
    'idleTimeoutMs',
    options.idleTimeoutMs ?? Number.POSITIVE_INFINITY,
  )
  const signal = checkSignal(options.signal)
  const destination = checkDestination(options)
  const listener = checkCallback('onAttempt', options.onAttempt)
  const setup = checkSetup(options, OWN_OPTIONS)
  const tls = checkedTls(core, endpoint, options)
  const each = { endpoint, signal, tls, timeoutMs, idleTimeoutMs, progress }
  return connections(core, each, (queuedAt, owner) => {
    const onAttempt = listener && inSubscriber(listener)
    const request = { timeoutMs, queuedAt, setup, destination, onAttempt, progress }
    return new ConnectRequest(core, endpoint, request, owner)
  })
}

/** In the async context of whoever subscribes at this moment. */
function inSubscriber<T>(listener: (value: T) => void): (value: T) => void {
  const inContext = captureContext()
  return (value) => inContext(listener, value)
}

function checkedTls(core: OutboundCore, endpoint: Endpoint, { tls }: ConnectOptions) {
  if (endpoint.scheme === 'tls') return checkTls(core, endpoint, tls ?? {})
  if (tls === undefined) return undefined
  throw new TypeError(`options of tls are for endpoints tls://, not ${endpoint.scheme}`)
}

export interface ConnectionsOptions {
  /** For the errors of what never became a request. */
  readonly endpoint: Endpoint | undefined
  readonly signal: AbortSignal | undefined
  /** A handshake is to follow, within what is left of this time. */
  readonly tls?: TlsSetup | undefined
  readonly timeoutMs?: number
  /** For what is emitted. */
  readonly idleTimeoutMs?: number
  readonly progress?: ConnectProgress | undefined
  /** No request is made, for this reason; returns what to tell. */
  readonly calledOff?: (why: Failure) => Failure
}

/** For each subscription a request, and of that one connection or one error. */
export function connections(
  core: OutboundCore,
  {
    endpoint,
    signal,
    tls,
    timeoutMs = Number.POSITIVE_INFINITY,
    idleTimeoutMs,
    progress,
    calledOff,
  }: ConnectionsOptions,
  makeRequest: (queuedAt: RequestOptions['queuedAt'], owner: RequestOwner) => Request,
): Observable<Connection> {
  return new Observable((subscriber) => {
    const inContext = captureContext()
    const fail = (why: Failure): void => {
      const error = new ConnectError(calledOff?.(why) ?? why, { endpoint })
      core.later(() => inContext(() => subscriber.error(error)))
    }
    if (core.gone) return fail(core.gone)
    if (signal?.aborted) return fail(abortedFailure(signal.reason))

    let handshake: Handshake | undefined
    const waitedMs = tls && timeWaited(core)
    const emit = (connection: Connection): void => {
      stopWatching()
      if (idleTimeoutMs !== undefined) connection.idleTimeout(idleTimeoutMs)
      inContext(() => {
        subscriber.next(connection)
        subscriber.complete()
      })
    }
    const failed = (error: ConnectError): void => {
      stopWatching()
      inContext(() => subscriber.error(error))
    }
    const request = makeRequest(core.clock.now(), {
      requestSettled() {
        if (request.failure) return failed(request.error())
        if (tls === undefined) return emit(establish(core, request))
        const origin = originOf(request)
        const link = new Link(core, new SocketChannel(core, request.takeHandle(), origin), origin)
        const tookMs = Math.min(
          kernelMs(request, origin.timeline),
          waitedMs?.() ?? Number.POSITIVE_INFINITY,
        )
        const leftMs = timeLeft(timeoutMs, tookMs)
        const options = { setup: tls, timeoutMs: leftMs, limitMs: timeoutMs }
        handshake = new Handshake(link, options, {
          secured: (channel, info) => emit(new Connection(core, channel, { ...origin, tls: info })),
          failed: (failure) => failed(new ConnectError(failure, request)),
        })
        handshake.start()
        // Not before: who is told may cancel what is under way.
        const ends = {
          peerAddress: origin.address,
          get localAddress() {
            return link.channel.localAddress
          },
        }
        progress?.reached(ends, link)
      },
    })
    const cancel = (): void => {
      request.cancel()
      handshake?.cancel()
    }
    const stopWatching = onAbort(signal, () => {
      cancel()
      const why = request.toldInPlaceOf(abortedFailure(signal?.reason))
      inContext(() => subscriber.error(new ConnectError(why, request)))
    })
    request.start()
    return () => {
      stopWatching()
      cancel()
    }
  })
}

/** Where the kernel says when it was connected, a loop that was held up since is not counted. */
function kernelMs({ elapsedMs }: Request, { startedAt, readyAt }: ConnectTimeline): number {
  const untilReadyMs = (readyAt ?? Number.NaN) - (startedAt ?? Number.NaN)
  return untilReadyMs < elapsedMs ? untilReadyMs : elapsedMs
}

/** Makes a connection of a request's connected socket. */
export function establish(core: OutboundCore, request: Request): Connection {
  const origin = originOf(request)
  return new Connection(core, new SocketChannel(core, request.takeHandle(), origin), origin)
}

/** Of a request that has connected all of this is known. */
function originOf(request: Request): ConnectionOrigin {
  const { failedAttempts, type } = request
  const endpoint = request.endpoint as Endpoint
  const address = request.address as NonNullable<typeof request.address>
  const timeline = request.timeline as NonNullable<typeof request.timeline>
  return { endpoint, address, type, failedAttempts, timeline }
}
