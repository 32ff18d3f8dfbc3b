/**
 * One connect as a user asked for it: an endpoint's way to a connected socket, within a deadline.
 *
 * Resolves the name where there is one, then tries its addresses one after the other, each with an attempt of
 * its own, until one connects. `connect()` and `connectMany()` both stand on this.
 */
import { type InetAddress, literalFamily, type SocketAddress } from './address.js'
import { Attempt, type AttemptOwner } from './attempt.js'
import type { Handle } from './backend.js'
import { Expirable } from './deadlines.js'
import * as diagnostics from './diagnostics.js'
import type { Endpoint, TcpEndpoint } from './endpoint.js'
import {
  type AttemptRecord,
  type ConnectError,
  deadlineFailure,
  errorWithoutStack,
  type Failure,
  isExhaustion,
  unsupportedFailure,
} from './errors.js'
import type { Owned, ReactorCore, Startable } from './reactor-core.js'
import { resolveAddresses, resolveFailure } from './resolver.js'

export interface RequestOwner {
  /** Called once, never from inside `start()`, and not at all after `cancel()`. */
  requestSettled(request: ConnectRequest): void
}

export class ConnectRequest extends Expirable implements Owned, Startable, AttemptOwner {
  readonly endpoint: Endpoint
  /** Why it failed; undefined once settled means connected. */
  failure: Failure | undefined
  /** The address that connected, or that `failure` is about; undefined where none was tried. */
  address: SocketAddress | undefined
  /** From the first step (waiting to be started is not counted) to the end, in milliseconds. */
  elapsedMs = 0
  readonly #core: ReactorCore
  readonly #timeoutMs: number
  /** Undefined once it has been told, or has left. */
  #owner: RequestOwner | undefined
  #state: 'queued' | 'begun' | 'settled' = 'queued'
  #startedAt = 0
  /** The deadline that runs: all of `#timeoutMs`, or one address's share of it. */
  #patienceMs: number
  #attempt: Attempt | undefined
  /** Addresses that a name has besides the one being tried, best first. */
  #alternatives: InetAddress[] = []
  /** Attempts before the current one; most requests make only one. */
  #earlier: AttemptRecord[] | undefined

  constructor(core: ReactorCore, endpoint: Endpoint, timeoutMs: number, owner: RequestOwner) {
    super()
    this.#core = core
    this.endpoint = endpoint
    this.#timeoutMs = timeoutMs
    this.#patienceMs = timeoutMs
    this.#owner = owner
  }

  /** Never calls back before it has returned. */
  start(): void {
    this.#core.counters.inFlight++
    this.#core.counters.queued++
    this.#core.hold()
    this.#core.own(this)
    this.#core.start(this)
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
    return errorWithoutStack(this.failure as Failure, this)
  }

  /** Called by the reactor when it is this request's turn. */
  begin(): void {
    if (this.#state !== 'queued') return
    this.#state = 'begun'
    this.#startedAt = this.#core.clock.now()
    this.#core.counters.queued--
    this.#core.counters.started++
    this.#core.deadlines.add(this, this.#timeoutMs, this.#startedAt)
    if (diagnostics.connectStart.hasSubscribers) {
      diagnostics.connectStart.publish(this.#message())
      if (this.#owner === undefined) return // cancelled by a subscriber of the channel
    }
    const unsupported = this.#unsupported()
    if (unsupported) this.#core.later(() => this.#fail(unsupported))
    else if (this.endpoint.scheme === 'unix')
      this.#try({ family: 'unix', path: this.endpoint.path })
    else this.#resolve(this.endpoint)
  }

  /** The deadline of the name, of one of several addresses, or of the whole. */
  expire(): void {
    if (this.#attempt) this.#attempt.expire(deadlineFailure(this.#patienceMs, 'connect'))
    else this.#fail(deadlineFailure(this.#patienceMs, 'resolve'))
  }

  /** Gives the socket back at once; the owner hears nothing more. Harmless once the owner was told. */
  cancel(): void {
    if (this.#owner === undefined) return
    this.#owner = undefined
    if (this.#state === 'settled') {
      // Between the end and the telling of it: by a subscriber of a diagnostics channel.
      if (this.failure === undefined) this.#core.close(this.takeHandle(), 0, 'reset')
      return
    }
    const wasBegun = this.#state === 'begun'
    this.#settle()
    this.#core.counters.cancelled++
    if (wasBegun) this.#publishError('ABORT_ERR')
    this.#attempt?.cancel()
  }

  reactorGone(why: Failure): void {
    this.#attempt?.cancel()
    this.#fail(why)
  }

  attemptSettled(attempt: Attempt): void {
    const { failure } = attempt
    if (failure === undefined) return this.#connected(attempt)
    if (this.failure === undefined || tellsLittle(this.failure)) {
      this.failure = failure
      this.address = attempt.address
    }
    const next = isExhaustion(failure) ? undefined : this.#alternatives.shift()
    if (next === undefined) return this.#fail(this.failure)
    this.#earlier ??= []
    this.#earlier.push(attempt.record(this.#core.clock.now()))
    this.#try(next)
  }

  #unsupported(): Failure | undefined {
    const { backend } = this.#core
    const { endpoint } = this
    if (endpoint.scheme !== 'unix') return undefined
    if (!backend.capabilities.sockets.unix.includes('stream')) {
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
    resolveAddresses(this.#core.resolver, host, port).then(
      (addresses) => this.#resolved(addresses),
      (cause: unknown) => this.#fail(resolveFailure(host, cause)),
    )
  }

  #resolved([first, ...others]: readonly [InetAddress, ...InetAddress[]]): void {
    if (this.#state !== 'begun') return
    this.#alternatives = others
    this.#try(first)
  }

  #try(address: SocketAddress): void {
    const now = this.#core.clock.now()
    const last = this.#alternatives.length === 0
    if (this.#earlier || !last) {
      // A share of the time that is left, so that an address that never answers leaves some to the others.
      const leftMs = this.#startedAt + this.#timeoutMs - now
      this.#patienceMs = leftMs / (this.#alternatives.length + 1)
      this.#core.deadlines.remove(this)
      this.#core.deadlines.add(this, this.#patienceMs, now)
    }
    this.#attempt = new Attempt(this.#core, address, this, now)
    this.#attempt.start()
  }

  #connected(attempt: Attempt): void {
    this.failure = undefined
    this.address = attempt.address
    this.#settle()
    this.#core.counters.connected++
    if (diagnostics.connectConnected.hasSubscribers) {
      const { address, elapsedMs } = this
      diagnostics.connectConnected.publish({ ...this.#message(), address, elapsedMs })
      // A subscriber of the channel may have destroyed the reactor, and the socket with it.
      this.failure = this.#core.gone
    }
    this.#tell()
  }

  /** Harmless once settled: a resolver may answer late, a deferred failure may meet a cancellation. */
  #fail(failure: Failure): void {
    if (this.#state === 'settled') return
    this.failure = failure
    this.#settle()
    this.#core.counters.failed++
    this.#publishError(failure.code)
    this.#tell()
  }

  /** Takes the request off the reactor's books, before anybody is told of its end. */
  #settle(): void {
    const { counters, clock } = this.#core
    if (this.#state === 'begun') this.elapsedMs = clock.now() - this.#startedAt
    else counters.queued--
    this.#state = 'settled'
    this.#core.deadlines.remove(this)
    this.#core.disown(this)
    this.#core.release()
    counters.inFlight--
  }

  #tell(): void {
    const owner = this.#owner
    this.#owner = undefined
    owner?.requestSettled(this)
  }

  #message(): diagnostics.ConnectMessage {
    return { request: this, endpoint: this.endpoint, backend: this.#core.backend.name }
  }

  #publishError(code: string): void {
    if (!diagnostics.connectError.hasSubscribers) return
    diagnostics.connectError.publish({ ...this.#message(), code, elapsedMs: this.elapsedMs })
  }
}

const NONE: readonly AttemptRecord[] = []
const TELLS_LITTLE = new Set(['ENETUNREACH', 'EHOSTUNREACH'])

/** Of an endpoint's several addresses, a peer's own refusal tells more than a network without a way to it does. */
function tellsLittle({ localFault, code }: Failure): boolean {
  return localFault || TELLS_LITTLE.has(code)
}
