/** `adopt()`: a descriptor from elsewhere as an observable of its connection. */
import type { Observable } from 'rxjs'
import { checkDescriptor, checkNames, checkSignal, checkTimeout } from '../base/options.js'
import type { Connection } from '../connection/connection.js'
import type { Endpoint } from '../endpoint/endpoint.js'
import { toEndpoint } from '../endpoint/endpoint-text.js'
import type { Failure } from '../errors/failure.js'
import type { OutboundCore } from '../outbound/outbound-core.js'
import { Adoptable, AdoptRequest } from './adopt-request.js'
import { connections } from './connect.js'

/**
 * Options of {@link Reactor.adopt}.
 *
 * @example
 * ```ts
 * import { type AdoptOptions, createReactor } from 'pollout'
 *
 * const inherited: AdoptOptions = { endpoint: 'unix:/run/app.sock', timeoutMs: 1_000 }
 * createReactor()
 *   .adopt(3, inherited)
 *   .subscribe({ next: (connection) => connection.reset(), error: console.error })
 * ```
 */
export interface AdoptOptions {
  /** Time for what is left of the connect, in milliseconds. Default 30,000; Infinity leaves it to the kernel. */
  readonly timeoutMs?: number | undefined
  /** Cancels it, with a `ConnectError` of code `ABORT_ERR`, and closes the descriptor. */
  readonly signal?: AbortSignal | undefined
  /** What to call it; made of the peer's address where it is left out. */
  readonly endpoint?: Endpoint | string | undefined
}

/** See {@link Reactor.adopt}. */
export function adopt(
  core: OutboundCore,
  descriptor: number,
  options: AdoptOptions = {},
): Observable<Connection> {
  checkDescriptor(descriptor)
  checkNames(options, ['timeoutMs', 'signal', 'endpoint'])
  const timeoutMs = checkTimeout('timeoutMs', options.timeoutMs)
  const signal = checkSignal(options.signal)
  const endpoint = options.endpoint === undefined ? undefined : toEndpoint(options.endpoint)
  const adoptable = new Adoptable(descriptor)
  const calledOff = (why: Failure) => adoptable.discard(core, why)
  return connections(core, { endpoint, signal, calledOff }, (queuedAt, owner) => {
    return new AdoptRequest(core, adoptable, { timeoutMs, queuedAt, endpoint }, owner)
  })
}
