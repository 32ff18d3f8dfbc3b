/** One attempt: drives the state machine of `attempt-machine.ts` with a backend's answers. */
import type { SocketAddress, SocketSpec } from '../backend/address.js'
import { ConnectStatus, type Handle, hasConnected, lostBy } from '../backend/backend.js'
import { errno } from '../backend/errno.js'
import { Interest } from '../backend/readiness.js'
import type { AttemptRecord, Failure } from '../errors/failure.js'
import { connectFailure, finishedFailure, ownFailure, reportedFailure } from '../errors/failures.js'
import { type SocketMoments, Timeline } from '../errors/timeline.js'
import type { OutboundCore } from '../outbound/outbound-core.js'
import { denialByEither } from '../policy/denial.js'
import type { DestinationPolicy } from '../policy/policy.js'
import type { Timer } from '../reactor/clock.js'
import type { ReadinessListener } from '../reactor/reactor-core.js'
import { type AttemptGate, Pass } from './attempt-gate.js'
import {
  type AttemptAction,
  type AttemptEvent,
  type AttemptState,
  isSettled,
  transition,
} from './attempt-machine.js'
import { reachedAddress } from './reached.js'
import { SocketPreparation, type SocketSetup } from './socket-setup.js'

export interface AttemptOwner {
  /** Called once, never from inside `start()` or `adopt()`, and not at all after `cancel()`. */
  attemptSettled(attempt: Attempt): void
  /** It waits for its turn on this side to call connect(2) again; or not any more. May be called from inside `start()`. */
  attemptHeld(attempt: Attempt, isHeld: boolean): void
}

/** A TCP socket that connected to itself got an unlucky local port; the third time the port range is to blame. */
export const MAX_SELF_CONNECTS = 2
/** How long to wait for a place in a unix listener's backlog: 1, 2, 4, ... ms, and no longer than this. */
const LONGEST_BACKLOG_WAIT_MS = 50

export class Attempt implements ReadinessListener, SocketMoments {
  /** Where to; undefined for an adopted socket. */
  readonly address: SocketAddress | undefined
  state: AttemptState = 'idle'
  /** Why it failed, once `state` says so. */
  failure: Failure | undefined
  /** Of a connected one: the negated errno by which it was lost before it was looked at, or 0. */
  lostBy = 0
  calledAt = Number.NaN
  sentAt = Number.NaN
  readyAt = Number.NaN
  readonly #core: OutboundCore
  readonly #spec: SocketSpec
  readonly #preparation: SocketPreparation | undefined
  readonly #policy: DestinationPolicy | undefined
  #owner: AttemptOwner | undefined
  #handle = -1 as Handle
  #token = 0
  #starting = false
  #startedAt = Number.NaN
  #connects = 0
  #selfConnects = 0
  #backlogWaits = 0
  #timer: Timer | undefined
  readonly #gate: AttemptGate | undefined
  /** For the next connect(2), where that is not the first. */
  #pass: Pass | undefined

  /** `gate` is asked before each connect(2) but the first, which whoever starts this has seen to. */
  constructor(
    core: OutboundCore,
    spec: SocketSpec,
    address: SocketAddress | undefined,
    owner: AttemptOwner,
    setup?: SocketSetup,
    policy?: DestinationPolicy,
    gate?: AttemptGate,
  ) {
    this.#core = core
    this.#spec = spec
    this.address = address
    this.#owner = owner
    this.#preparation = setup && new SocketPreparation(setup, core.backend, spec)
    this.#policy = policy
    this.#gate = gate
  }

  /** `now` stands for when connect(2) is called first: a few system calls later. */
  start(now: number): void {
    this.#startedAt = now
    this.#begin('start')
  }

  /** In place of `start()`: a socket of this backend from elsewhere, which this attempt owns from now on. */
  adopt(handle: Handle): void {
    this.#handle = handle
    this.#begin('adopted')
  }

  /** The local address that had no port, where that is what failed. */
  get exhaustedSource(): SocketAddress | undefined {
    return this.#preparation?.exhaustedAt
  }

  /** The registration reported. */
  ready(): void {
    this.#token = 0
    this.#advance('ready')
  }

  /** Its time is up; harmless where it has just ended by itself and the owner is yet to be told. */
  expire(failure: Failure): void {
    if (isSettled(this.state)) return
    this.failure = failure
    this.#advance('deadline')
  }

  /** Closes the socket; the owner hears nothing more. */
  cancel(): void {
    this.#owner = undefined
    if (!isSettled(this.state)) this.#advance('cancel')
    // Adopted, found connected, and not told yet.
    else this.#close()
  }

  /** The address that has answered, once it is connected. */
  get reached(): SocketAddress {
    return reachedAddress(this.#core.backend, this.#handle, this.address as SocketAddress)
  }

  /** The connected socket, given away: closing it is the caller's from now on. */
  takeHandle(): Handle {
    const handle = this.#handle
    this.#handle = -1 as Handle
    return handle
  }

  /** `connected`, or the code that it failed with; `ABORT_ERR` where it was cut short. */
  get result(): string {
    return this.failure?.code ?? (this.state === 'connected' ? 'connected' : 'ABORT_ERR')
  }

  /** What there is to tell of it at `now`: not of an adopted one, which went nowhere. */
  record(now: number): AttemptRecord {
    const startedAt = this.#startedAt
    return {
      address: this.address as SocketAddress,
      elapsedMs: now - startedAt,
      result: this.result,
      timeline: new Timeline(startedAt, startedAt, now, this),
    }
  }

  #begin(event: 'start' | 'adopted'): void {
    this.#starting = true
    this.#advance(event)
    this.#starting = false
  }

  #advance(first: AttemptEvent): void {
    let event: AttemptEvent | undefined = first
    while (event !== undefined) {
      const next = transition(this.state, event)
      this.state = next.to
      event = this.#perform(next.action)
    }
  }

  /** Returns what came of the action, or undefined where the answer comes later or there is none. */
  #perform(action: AttemptAction): AttemptEvent | undefined {
    switch (action) {
      case 'deliver':
        return this.#tell()
      case 'fail':
        this.#close()
        return this.#tell()
      case 'abandon':
        return this.#close()
      default:
        try {
          return this.#proceed(action)
        } catch (cause) {
          // A backend must not throw. One that does fails its attempt, and not the rest of the batch.
          const reason = 'the backend threw'
          return this.#fail(ownFailure('ERR_BACKEND_BROKEN', 'local', action, reason, cause))
        }
    }
  }

  #proceed(action: Exclude<AttemptAction, 'deliver' | 'fail' | 'abandon'>) {
    switch (action) {
      case 'open':
        return this.#open()
      case 'configure':
        return this.#configure()
      case 'connect':
        return this.#connect()
      case 'register':
        return this.#register()
      case 'finish':
        return this.#finish()
      case 'wait':
        return this.#wait()
      case 'queue':
        this.#owner?.attemptHeld(this, true)
        return undefined
      case 'reopen':
        this.#close()
        return this.#open()
    }
  }

  #open(): AttemptEvent | undefined {
    const denial = this.#denial()
    if (this.#isCalledOff) return undefined
    if (denial) return this.#fail(denial)
    const result = this.#core.backend.open(this.#spec)
    if (result < 0) return this.#fail(connectFailure(result, 'socket'))
    this.#handle = result as Handle
    return 'opened'
  }

  #configure(): AttemptEvent {
    if (this.#preparation === undefined) return 'configured'
    const failure = this.#preparation.configure(this.#handle)
    if (failure) return this.#fail(failure)
    const path = this.#preparation.boundPath
    if (path !== undefined) this.#core.boundPaths.made(this.#handle, path)
    return 'configured'
  }

  /** What both policies have to allow: the reactor's, and the connect's own. */
  #denial(): Failure | undefined {
    if (this.address === undefined) return undefined
    return denialByEither(this.#core.policy, this.#policy, this.address)
  }

  /** A policy is the user's, and may have put an end to all this when it was asked. */
  get #isCalledOff(): boolean {
    return this.state === 'cancelled'
  }

  #connect(): AttemptEvent | undefined {
    if (this.#gate && this.#connects > 0 && !this.#isAdmitted(this.#gate)) return 'notDue'
    // It was asked before the socket was opened; but that may be a while ago.
    const denial = this.#connects > 0 ? this.#denial() : undefined
    if (this.#isCalledOff) return undefined
    if (denial) return this.#fail(denial)
    this.calledAt = this.#connects++ === 0 ? this.#startedAt : this.#core.clock.now()
    this.sentAt = this.readyAt = Number.NaN
    const result = this.#core.backend.connect(this.#handle, this.address as SocketAddress)
    // EINTR: the connect goes on asynchronously, just as with EINPROGRESS: connect(2).
    if (result >= 0 || result === -errno.EINPROGRESS || result === -errno.EINTR) return 'started'
    const event = this.#refusal(connectFailure(result, 'connect', this.#spec))
    if (event === 'failed') this.readyAt = this.#core.clock.now()
    return event
  }

  #isAdmitted(gate: AttemptGate): boolean {
    const pass = this.#pass
    this.#pass = undefined
    if (pass) return true
    this.#pass = new Pass(undefined, () => {
      this.#owner?.attemptHeld(this, false)
      this.#advance('retryDue')
    })
    if (!gate.enter(this.#pass)) return false
    this.#pass = undefined
    return true
  }

  #register(): AttemptEvent | undefined {
    const result = this.#core.register(this.#handle, Interest.WRITABLE, this)
    if (result < 0) return this.#fail(connectFailure(result, 'epoll_ctl'))
    this.#token = result
    return undefined
  }

  #finish(): AttemptEvent {
    const { backend, times } = this.#core
    times[0] = times[1] = Number.NaN
    const status = backend.finishConnect(this.#handle, times)
    if (status === ConnectStatus.PENDING) return 'spurious'
    this.sentAt = times[0] as number
    this.readyAt = times[1] as number
    if (status < 0 && this.#hasPeerAllTheSame()) return 'established'
    if (status < 0) return this.#refusal(finishedFailure(backend, this.#handle, status))
    if (hasConnected(status)) return this.#established(lostBy(status))
    // A port that was asked for meets itself again each time: the next one, if there is one.
    const failure = connectFailure(-errno.EADDRNOTAVAIL, 'connect')
    if (this.#preparation?.choosesPort) return this.#refusal(failure)
    if (this.address && ++this.#selfConnects <= MAX_SELF_CONNECTS) return 'selfConnected'
    return this.#fail(failure)
  }

  #established(lost: number): AttemptEvent {
    this.lostBy = lost
    // What was handed over in that state was no connection any more.
    if (lost !== 0 && this.address === undefined) return this.#fail(reportedFailure(lost))
    return 'established'
  }

  /** connect(2) or the handshake said no. */
  #refusal(said: Failure): AttemptEvent {
    // A full backlog on a unix socket, and nothing was started: unix(7).
    if (said.errno === -errno.EAGAIN && this.address?.family === 'unix') return 'backlogFull'
    const failure = this.#preparation ? this.#preparation.connectFailed(said) : said
    return failure ? this.#fail(failure) : 'sourceExhausted'
  }

  /** An adopted datagram socket keeps its peer, whatever ICMP has said of a message to it. */
  #hasPeerAllTheSame(): boolean {
    if (this.address !== undefined || this.#spec.type !== 'dgram') return false
    return this.#core.backend.peerAddress(this.#handle) !== undefined
  }

  #wait(): undefined {
    this.readyAt = Number.NaN
    const delayMs = Math.min(2 ** this.#backlogWaits++, LONGEST_BACKLOG_WAIT_MS)
    const retry = () => this.#advance('retryDue')
    this.#timer = this.#core.clock.setTimer(delayMs, retry)
  }

  #fail(failure: Failure): 'failed' {
    this.failure = failure
    return 'failed'
  }

  #tell(): undefined {
    if (this.#starting) this.#core.later(() => this.#owner?.attemptSettled(this))
    else this.#owner?.attemptSettled(this)
  }

  #close(): undefined {
    this.#timer?.cancel()
    if (this.#pass) this.#gate?.leave(this.#pass)
    this.#pass = undefined
    if (this.#handle < 0) return
    this.#core.close(this.#handle, this.#token, 'reset')
    this.#token = 0
    this.#handle = -1 as Handle
  }
}
