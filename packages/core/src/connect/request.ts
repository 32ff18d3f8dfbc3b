/**
 * One thing that a user asked for and that ends in a connected socket, or not: its place on the reactor's books, its
 * deadline, its timeline, and the telling of its end. What is done for it is its kind's own: `connect-request.ts`,
 * `adopt-request.ts`.
 */
import type { SocketAddress, SocketType } from '../backend/address.js'
import type { Handle } from '../backend/backend.js'
import * as diagnostics from '../diagnostics/diagnostics.js'
import type { Endpoint } from '../endpoint/endpoint.js'
import { type ConnectError, errorWithoutStack } from '../errors/connect-error.js'
import type { AttemptRecord, Failure } from '../errors/failure.js'
import { deadlineFailure } from '../errors/failures.js'
import { type ConnectTimeline, Timeline } from '../errors/timeline.js'
import type { OutboundCore } from '../outbound/outbound-core.js'
import { Expirable } from '../reactor/deadlines.js'
import type { Owned, Startable } from '../reactor/reactor-core.js'
import type { Attempt, AttemptOwner } from './attempt.js'

export interface RequestOwner {
  /** Called once, never from inside `start()`, and not at all after `cancel()`. */
  requestSettled(request: Request): void
}

export interface RequestOptions {
  readonly timeoutMs: number
  /** When the user asked for it. */
  readonly queuedAt: number
}

/** What rounding may leave of a time that is over. */
const TOLERANCE_MS = 0.001

export abstract class Request extends Expirable implements Owned, Startable, AttemptOwner {
  /** What is connected to; for an adopted socket known late, or never. */
  abstract readonly endpoint: Endpoint | undefined
  /** The type of the socket. */
  abstract readonly type: SocketType
  /** Why it failed; undefined once settled means connected. */
  failure: Failure | undefined
  /** The address that connected, or that `failure` is about; undefined where none was tried. */
  address: SocketAddress | undefined
  /** From the first step (waiting for this side is not counted) to the end, in milliseconds. */
  elapsedMs = 0
  protected readonly core: OutboundCore
  protected readonly timeoutMs: number
  protected startedAt = Number.NaN
  /** The one that connected, or that `failure` is about. */
  protected attempt: Attempt | undefined
  /** Time that was spent waiting for this side, and since when it is again; NaN while it is not. */
  #heldMs = 0
  #heldSince = Number.NaN
  readonly #queuedAt: number
  /** When it settled, on the reactor's clock. */
  finishedAt = Number.NaN
  #timeline: ConnectTimeline | undefined
  /** Undefined once it has been told, or has left. */
  #owner: RequestOwner | undefined
  #state: 'queued' | 'begun' | 'settled' = 'queued'

  constructor(core: OutboundCore, { timeoutMs, queuedAt }: RequestOptions, owner: RequestOwner) {
    super()
    this.core = core
    this.timeoutMs = timeoutMs
    this.#queuedAt = queuedAt
    this.#owner = owner
  }

  /** The first step; may call `fail()` only in a later turn. */
  protected abstract proceed(): void
  abstract attemptSettled(attempt: Attempt): void
  /** Attempts other than the one that connected. */
  abstract readonly failedAttempts: readonly AttemptRecord[]
  /** All attempts, in the order of their starts. */
  abstract readonly attempts: readonly AttemptRecord[]

  /** Never calls back before it has returned. */
  start(): void {
    this.core.counters.inFlight++
    this.core.counters.queued++
    this.core.hold()
    this.core.own(this)
    this.core.start(this)
  }

  /** Of a connected one: the negated errno by which it was lost before it was looked at, or 0. */
  get lostBy(): number {
    return this.attempt?.lostBy ?? 0
  }

  /** To be asked for once it has settled; undefined before. */
  get timeline(): ConnectTimeline | undefined {
    if (this.#state !== 'settled') return undefined
    const startedAt = Number.isNaN(this.startedAt) ? undefined : this.startedAt
    this.#timeline ??= new Timeline(this.#queuedAt, startedAt, this.finishedAt, this.attempt)
    return this.#timeline
  }

  /** The connected socket, given away: closing it is the caller's from now on. */
  takeHandle(): Handle {
    return (this.attempt as Attempt).takeHandle()
  }

  error(): ConnectError {
    return errorWithoutStack(this.failure as Failure, this)
  }

  /** Called by the reactor when it is this request's turn. */
  begin(): void {
    if (this.#state !== 'queued') return
    this.#state = 'begun'
    this.startedAt = this.core.clock.now()
    this.core.counters.queued--
    this.core.counters.started++
    this.core.deadlines.add(this, this.timeoutMs, this.startedAt)
    if (diagnostics.connectStart.hasSubscribers) {
      diagnostics.connectStart.publish(this.message())
      if (this.#owner === undefined) return // cancelled by a subscriber of the channel
    }
    this.proceed()
  }

  /** It waits for this side: no time of its own goes by until {@link Request.restart}. */
  protected pause(): void {
    this.core.deadlines.remove(this)
  }

  /** Its first step is now: what was before was waiting. */
  protected restart(): void {
    this.startedAt = this.core.clock.now()
    this.core.deadlines.remove(this)
    this.core.deadlines.add(this, this.timeoutMs, this.startedAt)
  }

  attemptHeld(_attempt: Attempt, isHeld: boolean): void {
    this.held(isHeld)
  }

  /** Whether all it waits for is its turn on this side: then its time does not go by. */
  protected held(isHeld: boolean): void {
    const isSince = !Number.isNaN(this.#heldSince)
    if (isHeld === isSince || !this.isUnderWay) return
    const now = this.core.clock.now()
    if (isHeld) {
      this.#heldSince = now
      return
    }
    this.#heldMs += now - this.#heldSince
    this.#heldSince = Number.NaN
    // Its deadline came meanwhile, and was let pass.
    if (this.deadlineList === undefined) this.#goOn(now)
  }

  /** The deadline that it was given is there; it may have waited for this side meanwhile. */
  expire(): void {
    if (!Number.isNaN(this.#heldSince)) return
    const now = this.core.clock.now()
    if (this.#heldMs > 0 && this.#leftMs(now) > TOLERANCE_MS) return this.#goOn(now)
    this.timedOut()
  }

  #leftMs(now: number): number {
    return this.timeoutMs - (now - this.startedAt - this.#heldMs)
  }

  /** With what is left of its time: in powers of two, as deadlines have a list for each length. */
  #goOn(now: number): void {
    if (this.timeoutMs === Number.POSITIVE_INFINITY) return
    const partMs = 2 ** Math.floor(Math.log2(Math.max(1, this.#leftMs(now))))
    this.core.deadlines.add(this, partMs, now)
  }

  /** `timeoutMs` is over. */
  protected timedOut(): void {
    if (this.attempt) this.attempt.expire(deadlineFailure(this.timeoutMs, 'connect'))
    else this.fail(deadlineFailure(this.timeoutMs, 'resolve', this.core.resolver.asks))
  }

  /** Gives the socket back at once; the owner hears nothing more. Harmless once the owner was told. */
  cancel(): void {
    if (this.#owner === undefined) return
    this.#owner = undefined
    if (this.#state === 'settled') {
      // Between the end and the telling of it: by a subscriber of a diagnostics channel.
      if (this.failure === undefined) this.core.close(this.takeHandle(), 0, 'reset')
      return
    }
    const wasBegun = this.#state === 'begun'
    this.#settle()
    this.core.counters.cancelled++
    if (wasBegun) this.#publishError('ABORT_ERR')
    this.abandon()
  }

  reactorGone(why: Failure): void {
    this.abandon()
    this.fail(this.toldInPlaceOf(why))
  }

  /** Of one that is called off for `why`: what to tell, which may be what it has come to before. */
  toldInPlaceOf(why: Failure): Failure {
    return why
  }

  /** Closes what is under way, and hears no more of it. */
  protected abandon(): void {
    this.attempt?.cancel()
  }

  /** Begun, and not ended. */
  protected get isUnderWay(): boolean {
    return this.#state === 'begun'
  }

  /** It is off the books, and nobody has been told yet: what else is under way for it is of no use. */
  protected settled(): void {}

  protected connected(address: SocketAddress): void {
    this.failure = undefined
    this.address = address
    this.#settle()
    this.core.counters.connected++
    if (diagnostics.connectConnected.hasSubscribers) {
      const { elapsedMs } = this
      diagnostics.connectConnected.publish({ ...this.message(), address, elapsedMs })
      // A subscriber of the channel may have destroyed the reactor, and the socket with it.
      this.failure = this.core.gone
    }
    this.#tell()
  }

  /** Harmless once settled: a resolver may answer late, a deferred failure may meet a cancellation. */
  protected fail(failure: Failure): void {
    if (this.#state === 'settled') return
    this.failure = failure
    this.#settle()
    this.core.counters.failed++
    this.#publishError(failure.code)
    this.#tell()
  }

  /** Takes the request off the reactor's books, before anybody is told of its end. */
  #settle(): void {
    const { counters, clock } = this.core
    this.finishedAt = clock.now()
    if (this.#state === 'begun') {
      this.held(false)
      this.elapsedMs = this.finishedAt - this.startedAt - this.#heldMs
    } else counters.queued--
    this.#state = 'settled'
    this.core.deadlines.remove(this)
    this.core.disown(this)
    this.core.release()
    counters.inFlight--
    this.settled()
  }

  #tell(): void {
    const owner = this.#owner
    this.#owner = undefined
    owner?.requestSettled(this)
  }

  protected message(): diagnostics.ConnectMessage {
    return { request: this, endpoint: this.endpoint, backend: this.core.backend.name }
  }

  #publishError(code: string): void {
    if (!diagnostics.connectError.hasSubscribers) return
    diagnostics.connectError.publish({ ...this.message(), code, elapsedMs: this.elapsedMs })
  }
}

export const NO_ATTEMPTS: readonly AttemptRecord[] = []
