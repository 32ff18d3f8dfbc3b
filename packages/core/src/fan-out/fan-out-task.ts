/** One target of a fan-out on its way to its outcome. */
import type { ConnectRequest } from '../connect/connect-request.js'
import type { RequestOwner } from '../connect/request.js'
import { type Endpoint, InvalidEndpointError, quote } from '../endpoint/endpoint.js'
import { formatEndpoint, toEndpoint } from '../endpoint/endpoint-text.js'
import type { Target } from './outcome.js'

export interface TaskOwner<T extends Target> {
  /** A task's request has settled. */
  settled(task: Task<T>, request: ConnectRequest): void
}

export class Task<T extends Target> implements RequestOwner {
  readonly target: T
  /** When it was pulled. */
  readonly queuedAt: number
  /** Made at once, so that what the source does with its object afterwards changes nothing; undefined where invalid. */
  readonly endpoint: Endpoint | undefined
  /** Why the target is invalid. */
  readonly error: unknown
  request: ConnectRequest | undefined
  /** When it first found something exhausted. */
  lacksSince: number | undefined
  retries = 0
  readonly #owner: TaskOwner<T>

  constructor(owner: TaskOwner<T>, target: T, queuedAt: number) {
    this.#owner = owner
    this.target = target
    this.queuedAt = queuedAt
    try {
      this.endpoint = checked(toEndpoint(target))
    } catch (error) {
      this.error = error
    }
  }

  requestSettled(): void {
    if (this.request) this.#owner.settled(this, this.request)
  }
}

/** Told as invalid, and not as connected where only TCP has: connectMany() makes no handshakes of TLS. */
function checked(endpoint: Endpoint): Endpoint {
  if (endpoint.scheme !== 'tls') return endpoint
  const uri = quote(formatEndpoint(endpoint))
  throw new InvalidEndpointError(
    `connectMany() does not do TLS, so ${uri} is no target: write tcp://, and upgradeToTls() where it is kept`,
  )
}
