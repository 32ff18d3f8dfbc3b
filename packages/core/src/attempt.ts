/** One attempt: drives the state machine of `attempt-machine.ts` with a backend's answers. */
import type { SocketAddress } from './address.js'
import {
  type AttemptAction,
  type AttemptEvent,
  type AttemptState,
  isSettled,
  transition,
} from './attempt-machine.js'
import { ConnectStatus, type Handle } from './backend.js'
import type { Timer } from './clock.js'
import { errno } from './errno.js'
import { type AttemptRecord, connectFailure, type Failure, ownFailure } from './errors.js'
import type { ReactorCore, ReadinessListener } from './reactor-core.js'
import { Interest } from './readiness.js'

export interface AttemptOwner {
  /** Called once, never from inside `start()`, and not at all after `cancel()`. */
  attemptSettled(attempt: Attempt): void
}

/** A TCP socket that connected to itself got an unlucky local port; the third time the port range is to blame. */
const MAX_SELF_CONNECTS = 2
/** How long to wait for a place in a unix listener's backlog: 1, 2, 4, ... ms, and no longer than this. */
const LONGEST_BACKLOG_WAIT_MS = 50

export class Attempt implements ReadinessListener {
  readonly address: SocketAddress
  state: AttemptState = 'idle'
  /** Why it failed, once `state` says so. */
  failure: Failure | undefined
  readonly #core: ReactorCore
  readonly #startedAt: number
  #owner: AttemptOwner | undefined
  #handle = -1 as Handle
  #token = 0
  #starting = false
  #selfConnects = 0
  #backlogWaits = 0
  #timer: Timer | undefined

  constructor(core: ReactorCore, address: SocketAddress, owner: AttemptOwner, now: number) {
    this.#core = core
    this.address = address
    this.#owner = owner
    this.#startedAt = now
  }

  start(): void {
    this.#starting = true
    this.#advance('start')
    this.#starting = false
  }

  /** The registration reported. */
  ready(): void {
    this.#token = 0
    this.#advance('ready')
  }

  /** Its time is up; harmless where it has just failed by itself and the owner is yet to be told. */
  expire(failure: Failure): void {
    if (isSettled(this.state)) return
    this.failure = failure
    this.#advance('deadline')
  }

  /** Closes the socket; the owner hears nothing more. */
  cancel(): void {
    this.#owner = undefined
    if (!isSettled(this.state)) this.#advance('cancel')
  }

  /** The connected socket, given away: closing it is the caller's from now on. */
  takeHandle(): Handle {
    const handle = this.#handle
    this.#handle = -1 as Handle
    return handle
  }

  record(now: number): AttemptRecord {
    return {
      address: this.address,
      elapsedMs: now - this.#startedAt,
      result: this.failure?.code ?? (this.state === 'connected' ? 'connected' : 'ABORT_ERR'),
    }
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
          this.failure = ownFailure(
            'ERR_BACKEND_BROKEN',
            'local',
            action,
            'the backend threw',
            cause,
          )
          return 'failed'
        }
    }
  }

  #proceed(action: Exclude<AttemptAction, 'deliver' | 'fail' | 'abandon'>) {
    switch (action) {
      case 'open':
        return this.#open()
      case 'connect':
        return this.#connect()
      case 'register':
        return this.#register()
      case 'finish':
        return this.#finish()
      case 'wait':
        return this.#wait()
      case 'reopen':
        this.#close()
        return this.#open()
    }
  }

  #open(): AttemptEvent {
    const result = this.#core.backend.open({ family: this.address.family, type: 'stream' })
    if (result < 0) return this.#fail(result, 'socket')
    this.#handle = result as Handle
    return 'opened'
  }

  #connect(): AttemptEvent {
    const result = this.#core.backend.connect(this.#handle, this.address)
    // EINTR: the connect goes on asynchronously, just as with EINPROGRESS: connect(2).
    if (result >= 0 || result === -errno.EINPROGRESS || result === -errno.EINTR) return 'started'
    return this.#refusal(result)
  }

  #register(): AttemptEvent | undefined {
    const result = this.#core.register(this.#handle, Interest.WRITABLE, this)
    if (result < 0) return this.#fail(result, 'epoll_ctl')
    this.#token = result
    return undefined
  }

  #finish(): AttemptEvent {
    const status = this.#core.backend.finishConnect(this.#handle)
    if (status < 0) return this.#refusal(status)
    if (status === ConnectStatus.PENDING) return 'spurious'
    if (status === ConnectStatus.CONNECTED) return 'established'
    if (++this.#selfConnects <= MAX_SELF_CONNECTS) return 'selfConnected'
    return this.#fail(-errno.EADDRNOTAVAIL, 'connect')
  }

  /** EAGAIN means a full backlog on a unix socket, and nothing was started: unix(7). */
  #refusal(result: number): AttemptEvent {
    if (result === -errno.EAGAIN && this.address.family === 'unix') return 'backlogFull'
    return this.#fail(result, 'connect')
  }

  #wait(): undefined {
    const delayMs = Math.min(2 ** this.#backlogWaits++, LONGEST_BACKLOG_WAIT_MS)
    const retry = () => this.#advance('retryDue')
    this.#timer = this.#core.clock.setTimer(delayMs, retry)
  }

  #fail(result: number, syscall: string): 'failed' {
    this.failure = connectFailure(result, syscall)
    return 'failed'
  }

  #tell(): undefined {
    if (this.#starting) this.#core.later(() => this.#owner?.attemptSettled(this))
    else this.#owner?.attemptSettled(this)
  }

  #close(): undefined {
    this.#timer?.cancel()
    if (this.#handle < 0) return
    this.#core.close(this.#handle, this.#token, 'reset')
    this.#token = 0
    this.#handle = -1 as Handle
  }
}
