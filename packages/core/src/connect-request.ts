/**
 * One connect as a user asked for it: an endpoint's way to a connected socket, within a deadline.
 *
 * Resolves the name where there is one, then tries its addresses one after the other, each with an attempt of
 * its own, until one connects. `connect()` and `connectMany()` both stand on this.
 */
import { type InetAddress, isInet, type SocketAddress, type SocketType } from './address.js'
import { Attempt } from './attempt.js'
import {
  addressOf,
  type Endpoint,
  socketTypeOf,
  type TcpEndpoint,
  type UdpEndpoint,
} from './endpoint.js'
import { type AttemptRecord, type Failure, isExhaustion, unsupportedFailure } from './errors.js'
import type { ReactorCore } from './reactor-core.js'
import { NO_ATTEMPTS, Request, type RequestOptions, type RequestOwner } from './request.js'
import { resolveAddresses, resolveFailure } from './resolver.js'
import type { SocketSetup } from './socket-setup.js'
import { Timeline } from './timeline.js'

export interface ConnectRequestOptions extends RequestOptions {
  readonly setup: SocketSetup | undefined
}

export class ConnectRequest extends Request {
  readonly endpoint: Endpoint
  readonly type: SocketType
  readonly setup: SocketSetup | undefined
  /** The local address that had no port, where `failure` is about that. */
  exhaustedSource: SocketAddress | undefined
  #attemptedAt = 0
  /** Addresses that a name has besides the one being tried, best first. */
  #alternatives: InetAddress[] = []
  /** Attempts before the current one; most requests make only one. */
  #earlier: AttemptRecord[] | undefined

  constructor(
    core: ReactorCore,
    endpoint: Endpoint,
    options: ConnectRequestOptions,
    owner: RequestOwner,
  ) {
    super(core, options, owner)
    this.endpoint = endpoint
    this.type = socketTypeOf(endpoint)
    this.setup = options.setup
  }

  get failedAttempts(): readonly AttemptRecord[] {
    return this.#earlier ?? NO_ATTEMPTS
  }

  get attempts(): readonly AttemptRecord[] {
    if (this.attempt === undefined) return this.failedAttempts
    return [...this.failedAttempts, this.#record(this.attempt, this.startedAt + this.elapsedMs)]
  }

  attemptSettled(attempt: Attempt): void {
    const { failure } = attempt
    const address = attempt.address as SocketAddress
    if (failure === undefined) return this.connected(address)
    if (this.failure === undefined || tellsLittle(this.failure)) {
      this.failure = failure
      this.address = address
      this.exhaustedSource = attempt.exhaustedSource
    }
    const next = isExhaustion(failure) ? undefined : this.#alternatives.shift()
    if (next === undefined) return this.fail(this.failure)
    this.#earlier ??= []
    const now = this.core.clock.now()
    this.#earlier.push(this.#record(attempt, now))
    this.#try(next, now)
  }

  protected proceed(): void {
    const address = addressOf(this.endpoint)
    const missing = this.#missing(address)
    if (missing) {
      const failure = unsupportedFailure(this.core.backend.name, missing)
      return this.core.later(() => this.fail(failure))
    }
    if (address) this.#try(address, this.startedAt)
    else this.#resolve(this.endpoint as TcpEndpoint | UdpEndpoint)
  }

  /** What the backend lacks for this, in words; `address` is undefined where a name is yet to be resolved. */
  #missing(address: SocketAddress | undefined): string | undefined {
    const { backend } = this.core
    const { sockets, abstractUnix } = backend.capabilities
    const { scheme } = this.endpoint
    if (address === undefined) {
      const hasType = sockets.inet.includes(this.type) || sockets.inet6.includes(this.type)
      if (!hasType) return `${scheme} sockets`
    } else if (!sockets[address.family].includes(this.type)) {
      return isInet(address) ? `${scheme} sockets over ${address.family}` : `${scheme} sockets`
    } else if (address.family === 'unix' && address.path.startsWith('\0') && !abstractUnix) {
      return 'abstract unix names'
    }
    return this.setup?.lackedBy(backend)
  }

  #resolve({ host, port }: TcpEndpoint | UdpEndpoint): void {
    resolveAddresses(this.core.resolver, host, port).then(
      (addresses) => this.#resolved(addresses),
      (cause: unknown) => this.fail(resolveFailure(host, cause)),
    )
  }

  #resolved([first, ...others]: readonly [InetAddress, ...InetAddress[]]): void {
    if (!this.isUnderWay) return
    this.#alternatives = others
    this.#try(first, this.core.clock.now())
  }

  #try(address: SocketAddress, now: number): void {
    const { deadlines } = this.core
    const last = this.#alternatives.length === 0
    if (this.#earlier || !last) {
      // A share of the time that is left, so that an address that never answers leaves some to the others.
      const leftMs = this.startedAt + this.timeoutMs - now
      this.patienceMs = leftMs / (this.#alternatives.length + 1)
      deadlines.remove(this)
      deadlines.add(this, this.patienceMs, now)
    }
    this.#attemptedAt = now
    const spec = { family: address.family, type: this.type }
    this.attempt = new Attempt(this.core, spec, address, this, this.setup)
    this.attempt.start(now)
  }

  #record(attempt: Attempt, now: number): AttemptRecord {
    const startedAt = this.#attemptedAt
    return {
      address: attempt.address as SocketAddress,
      elapsedMs: now - startedAt,
      result: attempt.result,
      timeline: new Timeline(startedAt, startedAt, now, attempt),
    }
  }
}

const TELLS_LITTLE = new Set(['ENETUNREACH', 'EHOSTUNREACH'])

/** Of an endpoint's several addresses, a peer's own refusal tells more than a network without a way to it does. */
function tellsLittle({ localFault, code }: Failure): boolean {
  return localFault || TELLS_LITTLE.has(code)
}
