/**
 * One connect as a user asked for it: an endpoint's way to a connected socket, within a deadline.
 *
 * A literal has one address, and gets one attempt. A name is looked up; where it has several addresses, or may have,
 * they race (`address-race.ts`). `connect()` and `connectMany()` both stand on this.
 */
import {
  type InetAddress,
  isInet,
  type SocketAddress,
  type SocketType,
} from '../backend/address.js'
import type { InetFamily } from '../backend/ip-text.js'
import { guarded } from '../base/uncaught.js'
import type { ConnectProgress } from '../connection/connect-progress.js'
import * as diagnostics from '../diagnostics/diagnostics.js'
import { addressOf, type Endpoint, socketTypeOf } from '../endpoint/endpoint.js'
import { errorWithoutStack } from '../errors/connect-error.js'
import type { AttemptRecord } from '../errors/failure.js'
import { deadlineFailure, unsupportedFailure } from '../errors/failures.js'
import { LookUp, type LookUpListener } from '../names/look-up.js'
import { resolveFailure } from '../names/resolver.js'
import type { OutboundCore } from '../outbound/outbound-core.js'
import type { DestinationPolicy } from '../policy/policy.js'
import { AddressRace, type RaceOwner } from './address-race.js'
import { Attempt } from './attempt.js'
import type { AttemptGate } from './attempt-gate.js'
import { NO_ATTEMPTS, Request, type RequestOptions, type RequestOwner } from './request.js'
import type { SocketSetup } from './socket-setup.js'

/** Where a connect may go, and how it takes its way there among several addresses; checked. */
export interface Destination {
  readonly policy: DestinationPolicy | undefined
  readonly attemptDelayMs: number
  readonly maxAddresses: number
}

export interface ConnectRequestOptions extends RequestOptions {
  readonly setup: SocketSetup | undefined
  readonly destination: Destination
  /** Who is asked before each attempt at a name's address, and each further one at any other; undefined: nobody. */
  readonly gate?: AttemptGate | undefined
  /** Told of each attempt's end. */
  readonly onAttempt?: ((record: AttemptRecord) => void) | undefined
  readonly progress?: ConnectProgress | undefined
}

export class ConnectRequest extends Request implements RaceOwner, LookUpListener {
  readonly endpoint: Endpoint
  readonly type: SocketType
  readonly setup: SocketSetup | undefined
  /** The local address that had no port, where `failure` is about that. */
  exhaustedSource: SocketAddress | undefined
  readonly #options: ConnectRequestOptions
  /** Where there are several addresses, or may be. */
  #race: AddressRace | undefined
  #lookUp: LookUp | undefined

  constructor(
    core: OutboundCore,
    endpoint: Endpoint,
    options: ConnectRequestOptions,
    owner: RequestOwner,
  ) {
    super(core, options, owner)
    this.endpoint = endpoint
    this.type = socketTypeOf(endpoint)
    this.setup = options.setup
    this.#options = options
  }

  get failedAttempts(): readonly AttemptRecord[] {
    return this.#race?.failedRecords ?? NO_ATTEMPTS
  }

  get attempts(): readonly AttemptRecord[] {
    if (this.#race) return this.#race.records
    if (this.attempt === undefined) return NO_ATTEMPTS
    return [this.attempt.record(this.finishedAt)]
  }

  /** The only attempt has ended. */
  attemptSettled(attempt: Attempt): void {
    if (this.#options.progress) {
      this.attemptLost(attempt)
      if (!this.isUnderWay) return
    }
    if (diagnostics.connectAttempt.hasSubscribers || this.#options.onAttempt) {
      this.attemptEnded(attempt.record(this.core.clock.now()))
      if (!this.isUnderWay) return
    }
    this.#decided(attempt)
  }

  attemptEnded(record: AttemptRecord): void {
    if (diagnostics.connectAttempt.hasSubscribers) {
      diagnostics.connectAttempt.publish({ ...this.message(), attempt: record })
    }
    const { onAttempt } = this.#options
    if (onAttempt && this.isUnderWay) guarded(() => onAttempt(record))
  }

  /** It was begun; connect(2) was called, unless what comes before it has failed. */
  attemptBegan({ address, calledAt }: Attempt): void {
    if (address && !Number.isNaN(calledAt)) this.#options.progress?.attemptBegan(address)
  }

  attemptOverdue({ address }: Attempt): void {
    if (address) this.#options.progress?.attemptOverdue(address)
  }

  /** It has ended, and has not connected: where connect(2) has failed that is told. */
  attemptLost({ address, calledAt, failure }: Attempt): void {
    const { progress } = this.#options
    if (progress === undefined || address === undefined || failure === undefined) return
    if (Number.isNaN(calledAt)) return
    const { endpoint } = this
    progress.attemptFailed(errorWithoutStack(failure, { endpoint, address }), address)
  }

  raceHeld(isHeld: boolean): void {
    this.held(isHeld)
  }

  raceSettled({ decisive, failure }: AddressRace): void {
    this.attempt = decisive
    if (decisive) this.#decided(decisive, failure)
    else if (failure) this.fail(failure)
  }

  lookUpWaits(): void {
    if (this.isUnderWay) this.pause()
  }

  lookUpBegins(): void {
    if (this.isUnderWay) this.restart()
  }

  found(
    [first, ...others]: readonly [InetAddress, ...InetAddress[]],
    awaited: InetFamily | undefined,
  ): void {
    if (!this.isUnderWay) return
    if (this.#options.progress) {
      this.#options.progress.lookedUp([first, ...others])
      if (!this.isUnderWay) return
    }
    const { gate, destination } = this.#options
    const isOnly = this.#race === undefined && others.length === 0 && awaited === undefined
    if (isOnly && gate === undefined) return this.#try(first, this.core.clock.now())
    const { type, setup } = this
    this.#race ??= new AddressRace(this.core, { ...destination, type, setup, gate }, this)
    this.#race.answered([first, ...others], awaited)
  }

  noneFound(cause: unknown): void {
    if (!this.isUnderWay) return
    // The other family has no address, after the first had.
    if (this.#race) return this.#race.answered([], undefined)
    this.#options.progress?.notFound(cause)
    const { host } = this.endpoint as { host: string }
    this.fail(resolveFailure(host, cause, this.core.resolver.asks))
  }

  protected override settled(): void {
    this.#lookUp?.cancel()
  }

  protected override timedOut(): void {
    if (this.#race === undefined) return super.timedOut()
    const phase = this.#race.isConnecting ? 'connect' : 'resolve'
    this.#race.timeOut(deadlineFailure(this.timeoutMs, phase, this.core.resolver.asks))
  }

  protected override abandon(): void {
    if (this.#race) this.#race.cancel()
    else super.abandon()
  }

  protected proceed(): void {
    const address = addressOf(this.endpoint)
    const missing = this.#missing(address)
    if (missing) {
      const failure = unsupportedFailure(this.core.backend.name, missing)
      return this.core.later(() => this.fail(failure))
    }
    if (address) this.#try(address, this.startedAt)
    else this.#resolve(this.endpoint)
  }

  /** What the backend lacks for this, in words; `address` is undefined where a name is yet to be resolved. */
  #missing(address: SocketAddress | undefined): string | undefined {
    const { backend } = this.core
    const { sockets, abstractUnix } = backend.capabilities
    const { scheme } = this.endpoint
    if (address === undefined) {
      if (this.#families.length === 0) return `${scheme} sockets`
    } else if (!sockets[address.family].includes(this.type)) {
      return isInet(address) ? `${scheme} sockets over ${address.family}` : `${scheme} sockets`
    } else if (address.family === 'unix' && address.path.startsWith('\0') && !abstractUnix) {
      return 'abstract unix names'
    }
    const family = address?.family ?? this.#families[0] ?? 'inet'
    return this.setup?.lackedBy(backend, { family, type: this.type })
  }

  /** Those that there are sockets for, the preferred one first. */
  get #families(): readonly InetFamily[] {
    const { sockets } = this.core.backend.capabilities
    return (['inet6', 'inet'] as const).filter((family) => sockets[family].includes(this.type))
  }

  #resolve(endpoint: Endpoint): void {
    if (!('host' in endpoint)) return
    this.#lookUp = new LookUp(this)
    this.#lookUp.start(this.core.resolver, endpoint, this.#families)
  }

  #try(address: SocketAddress, now: number): void {
    const spec = { family: address.family, type: this.type }
    const { destination, gate } = this.#options
    this.attempt = new Attempt(this.core, spec, address, this, this.setup, destination.policy, gate)
    this.attempt.start(now)
    this.attemptBegan(this.attempt)
  }

  #decided(attempt: Attempt, failure = attempt.failure): void {
    if (failure === undefined) return this.connected(attempt.reached)
    this.address = attempt.address
    this.exhaustedSource = attempt.exhaustedSource
    this.fail(failure)
  }
}
