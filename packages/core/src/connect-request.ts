/**
 * One connect as a user asked for it: an endpoint's way to a connected socket, within a deadline.
 *
 * Resolves the name where there is one, then tries its addresses one after the other, each with an attempt of
 * its own, until one connects. `connect()` and `connectMany()` both stand on this.
 */
import { literalFamily, type SocketAddress } from './address.js'
import { Attempt, type AttemptOwner } from './attempt.js'
import type { Handle } from './backend.js'
import { Expirable } from './deadlines.js'
import * as diagnostics from './diagnostics.js'
import type { Endpoint, TcpEndpoint } from './endpoint.js'
import {
  type AttemptRecord,
  ConnectError,
  deadlineFailure,
  type Failure,
  isExhaustion,
  unsupportedFailure,
} from './errors.js'
import type { Owned, ReactorCore, Startable } from './reactor-core.js'
import { resolveFailure, toInetAddress } from './resolver.js'

export interface RequestOwner {
  /** Called once, never from inside `start()`, and not at all after `cancel()`. */
  requestSettled(request: ConnectRequest): void
}

export class ConnectRequest extends Expirable implements Owned, Startable, AttemptOwner {
  readonly endpoint: Endpoint
  /** Why it failed; undefined once settled means connected. */
  failure: Failure | undefined
  /** From the first step (waiting to be started is not counted) to the end, in milliseconds. */
  elapsedMs = 0
  readonly #core: ReactorCore
  readonly #timeoutMs: number
  #owner: RequestOwner | undefined
  #begun = false
  #startedAt = 0
  #attempt: Attempt | undefined
  /** Addresses that a name has besides the one being tried, best first. */
  #alternatives: SocketAddress[] = []
  /** Attempts before the current one; most requests make only one. */
  #earlier: AttemptRecord[] | undefined
  /** The failure that says most about the endpoint, when several addresses failed. */
  #worst: Failure | undefined

  constructor(core: ReactorCore, endpoint: Endpoint, timeoutMs: number, owner: RequestOwner) {
    super()
    this.#core = core
    this.endpoint = endpoint
    this.#timeoutMs = timeoutMs
    this.#owner = owner
  }

  /** Never calls back before it has returned. */
  start(): void {
    this.#core.counters.inFlight++
    this.#core.own(this)
    this.#core.start(this)
  }

  /** The address tried last; undefined while there was none. */
  get address(): SocketAddress | undefined {
    return this.#attempt?.address
  }

  /** Attempts before the last one. */
  get failedAttempts(): readonly AttemptRecord[] {
    return this.#earlier ?? NONE
  }

  /** All attempts, the last one included. */
  get attempts(): readonly AttemptRecord[] {
    if (this.#attempt === undefined) return this.failedAttempts
    return [...this.failedAttempts, this.#attempt.record(this.#startedAt + this.elapsedMs)]
  }

  /** The connected socket, given away: closing it is the caller's from now on. */
  takeHandle(): Handle {
    return (this.#attempt as Attempt).takeHandle()
  }

  error(): ConnectError {
    return new ConnectError(this.failure as Failure, this)
  }

  /** Called by the reactor when it is this request's turn. */
  begin(): void {
    if (this.#owner === undefined) return
    this.#begun = true
    this.#startedAt = this.#core.clock.now()
    this.#core.counters.started++
    this.#core.deadlines.add(this, this.#timeoutMs, this.#startedAt)
    if (diagnostics.connectStart.hasSubscribers) {
      diagnostics.connectStart.publish(this.#message())
    }
    const unsupported = this.#unsupported()
    if (unsupported) this.#core.later(() => this.#fail(unsupported))
    else if (this.endpoint.scheme === 'unix')
      this.#try({ family: 'unix', path: this.endpoint.path })
    else this.#resolve(this.endpoint)
  }

  /** The deadline: the whole request fails, not only the current address. */
  expire(): void {
    const failure = deadlineFailure(this.#timeoutMs)
    if (this.#attempt === undefined) return this.#fail(failure)
    this.#alternatives = []
    this.#worst = undefined
    this.#attempt.expire(failure)
  }

  /** Gives the socket back at once; the owner hears nothing more. Harmless once settled. */
  cancel(): void {
    if (this.#owner === undefined) return
    this.#settle()
    this.#core.counters.cancelled++
    this.#publishError('ABORT_ERR')
    this.#attempt?.cancel()
  }

  reactorGone(why: Failure): void {
    this.#attempt?.cancel()
    this.#fail(why)
  }

  attemptSettled(attempt: Attempt): void {
    const failure = attempt.failure
    if (failure === undefined) return this.#connected()
    this.#worst = moreTelling(this.#worst, failure)
    const next = isExhaustion(failure) ? undefined : this.#alternatives.shift()
    if (next === undefined) return this.#fail(this.#worst)
    this.#earlier ??= []
    this.#earlier.push(attempt.record(this.#core.clock.now()))
    this.#try(next)
  }

  #unsupported(): Failure | undefined {
    const { backend } = this.#core
    const { endpoint } = this
    if (endpoint.scheme !== 'unix') return undefined
    if (!backend.capabilities.families.includes('unix')) {
      return unsupportedFailure(backend.name, 'unix sockets')
    }
    if (endpoint.path.startsWith('\0') && !backend.capabilities.abstractUnix) {
      return unsupportedFailure(backend.name, 'abstract unix names')
    }
    return undefined
  }

  #resolve({ host, port }: TcpEndpoint): void {
    const family = literalFamily(host)
    if (family) return this.#try({ family, address: host, port })
    // Within a promise, so that a resolver that throws fails the connect, and in a later turn.
    const asked = new Promise<readonly string[]>((resolve) => {
      resolve(this.#core.resolver.resolve(host))
    })
    asked.then(
      (addresses) => this.#resolved(host, port, addresses),
      (cause: unknown) => this.#fail(resolveFailure(host, cause)),
    )
  }

  #resolved(host: string, port: number, addresses: readonly string[]): void {
    if (this.#owner === undefined) return
    const found = addresses.flatMap((address) => toInetAddress(address, port) ?? [])
    const first = found.shift()
    this.#alternatives = found
    if (first) this.#try(first)
    else this.#fail(resolveFailure(host, new Error(`the resolver gave no address for ${host}`)))
  }

  #try(address: SocketAddress): void {
    this.#attempt = new Attempt(this.#core, address, this, this.#core.clock.now())
    this.#attempt.start()
  }

  #connected(): void {
    const owner = this.#settle()
    this.#core.counters.connected++
    if (diagnostics.connectConnected.hasSubscribers) {
      const { address, elapsedMs } = this
      diagnostics.connectConnected.publish({ ...this.#message(), address, elapsedMs })
    }
    owner?.requestSettled(this)
  }

  /** Harmless once settled: a resolver may answer late, a deferred failure may meet a cancellation. */
  #fail(failure: Failure): void {
    if (this.#owner === undefined) return
    this.failure = failure
    const owner = this.#settle()
    this.#core.counters.failed++
    this.#publishError(failure.code)
    owner?.requestSettled(this)
  }

  /** Takes the request off the reactor's books before anybody is told of its end. */
  #settle(): RequestOwner | undefined {
    const owner = this.#owner
    this.#owner = undefined
    this.elapsedMs = this.#begun ? this.#core.clock.now() - this.#startedAt : 0
    this.#core.deadlines.remove(this)
    this.#core.disown(this)
    this.#core.counters.inFlight--
    return owner
  }

  #message(): diagnostics.ConnectMessage {
    return { request: this, endpoint: this.endpoint, backend: this.#core.backend.name }
  }

  #publishError(code: string): void {
    if (!this.#begun || !diagnostics.connectError.hasSubscribers) return
    diagnostics.connectError.publish({ ...this.#message(), code, elapsedMs: this.elapsedMs })
  }
}

/** Of an endpoint's several addresses, a peer's own refusal tells more than an unreachable network does. */
function moreTelling(a: Failure | undefined, b: Failure): Failure {
  if (a === undefined) return b
  return TELLS_LITTLE.has(a.code) || a.localFault ? b : a
}

const NONE: readonly AttemptRecord[] = []
const TELLS_LITTLE = new Set(['ENETUNREACH', 'EHOSTUNREACH'])
