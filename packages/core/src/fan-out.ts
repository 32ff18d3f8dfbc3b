/**
 * The engine of `connectMany()`: pulls targets, keeps so many attempts in flight, and gives each one outcome.
 *
 * It knows no observables. Local exhaustion (descriptors, ports, memory) lowers the number in flight and puts the
 * target aside to be tried again: it is told only when that has not helped in time, and then as local trouble.
 */
import type { Timer } from './clock.js'
import { ConcurrencyLimit } from './concurrency-limit.js'
import { establish } from './connect.js'
import { ConnectRequest, type RequestOwner } from './connect-request.js'
import type { Connection } from './connection.js'
import { type Endpoint, toEndpoint } from './endpoint.js'
import { ConnectError, type Failure, isExhaustion, ownFailure } from './errors.js'
import { Failed, type Outcome, type Target } from './outcome.js'
import { Pacer } from './pacer.js'
import type { Owned, ReactorCore } from './reactor-core.js'
import { openSource, type Puller, type SourceListener, type TargetSource } from './target-source.js'

/** What to do with a socket that has connected. */
export type OnConnected = 'keep' | 'close' | 'reset'

export interface FanOutOptions {
  readonly concurrency: number
  readonly rate: number
  readonly timeoutMs: number
  readonly onConnected: OnConnected
}

export interface FanOutListener<T> {
  outcome(outcome: Outcome<T>): void
  /** Every target has had its outcome. */
  complete(): void
  /** The source failed, after the outcomes of all it gave; or the reactor is gone. */
  error(error: unknown): void
}

/** One pass starts no more than this, so that filling a large `concurrency` does not hold up the loop. */
const STARTS_PER_PASS = 64
/** A target put aside is tried again after 10, 20, 40, ... ms, and no longer than this. */
const LONGEST_RETRY_WAIT_MS = 200
/**
 * While something of this fan-out is in flight, its end will free what is missing. With nothing in flight, others
 * hold it: then exhaustion that lasts for this long, or for `timeoutMs`, is told as the target's outcome, `local`.
 */
const LONGEST_EXHAUSTION_MS = 10_000

export class FanOut<T extends Target> implements Owned, SourceListener {
  readonly #core: ReactorCore
  readonly #options: FanOutOptions
  readonly #listener: FanOutListener<T>
  readonly #limit: ConcurrencyLimit
  readonly #pacer: Pacer
  #source: Puller<T> | undefined
  #exhausted = false
  #sourceError: { readonly error: unknown } | undefined
  readonly #inFlight = new Set<Task<T>>()
  /** Invalid targets whose outcome is told in a later turn; they count as in flight. */
  #untold = 0
  /** Put aside by local exhaustion, each with the timer that brings it back. */
  readonly #aside = new Map<Task<T>, Timer>()
  /** Back from being put aside, or waiting for their time by `rate`; they go first. */
  readonly #again: Task<T>[] = []
  #paceTimer: Timer | undefined
  #passScheduled = false
  #passing = false
  #ended = false

  constructor(core: ReactorCore, options: FanOutOptions, listener: FanOutListener<T>) {
    this.#core = core
    this.#options = options
    this.#listener = listener
    this.#limit = new ConcurrencyLimit(options.concurrency)
    this.#pacer = new Pacer(options.rate)
  }

  /** Tells nothing before it has returned. */
  start(source: TargetSource<T>): void {
    this.#core.own(this)
    // An observable may push while it is being subscribed to: that is for the first pass to find.
    this.#passScheduled = true
    try {
      this.#source = openSource(source, this)
    } catch (error) {
      this.#exhausted = true
      this.#sourceError = { error }
    }
    this.#passScheduled = false
    this.#schedulePass()
  }

  /** Stops at once: every socket is closed when this returns, and nothing more is told. */
  cancel(): void {
    if (this.#ended) return
    this.#ended = true
    this.#core.disown(this)
    this.#paceTimer?.cancel()
    for (const timer of this.#aside.values()) timer.cancel()
    this.#aside.clear()
    for (const task of this.#inFlight) task.request?.cancel()
    this.#inFlight.clear()
    if (!this.#exhausted) this.#source?.cancel()
  }

  reactorGone(why: Failure): void {
    this.cancel()
    this.#listener.error(new ConnectError(why))
  }

  available(): void {
    this.#schedulePass()
  }

  failed(error: unknown): void {
    // What the source gave before may still wait to be pulled; its puller says when that is all.
    this.#sourceError = { error }
    this.#schedulePass()
  }

  /** In a later turn, so that whoever calls it may be in the middle of anything. */
  #schedulePass(): void {
    if (this.#passScheduled || this.#ended) return
    this.#passScheduled = true
    this.#core.later(() => {
      this.#passScheduled = false
      this.#pass()
    })
  }

  /** Starts what may be started now. */
  #pass(): void {
    if (this.#passing || this.#ended) return
    this.#passing = true
    try {
      for (let started = 0; this.#inFlight.size + this.#untold < this.#limit.current; started++) {
        if (started === STARTS_PER_PASS) {
          this.#schedulePass()
          break
        }
        const task = this.#again.shift() ?? this.#pull()
        // A source may well cancel all this while it is asked.
        if (task === undefined || this.#ended) break
        if (!this.#paced()) {
          this.#again.unshift(task)
          break
        }
        this.#begin(task)
      }
    } finally {
      this.#passing = false
    }
    this.#endWhenDone()
  }

  /** May one more start now? If not, a timer will ask again. */
  #paced(): boolean {
    if (this.#options.rate === Number.POSITIVE_INFINITY) return true
    const waitMs = this.#pacer.waitMs(this.#core.clock.now())
    if (waitMs === 0) return true
    this.#paceTimer?.cancel()
    this.#paceTimer = this.#core.clock.setTimer(waitMs, () => this.#pass(), this.#core.keepAlive)
    return false
  }

  #pull(): Task<T> | undefined {
    // Those put aside are bounded as those in flight are: the source waits for them too.
    if (this.#exhausted || this.#aside.size >= this.#options.concurrency) return undefined
    try {
      const pulled = this.#source?.pull()
      if (pulled === undefined) return undefined
      if (!pulled.done) return new Task(this, pulled.value)
      this.#exhausted = true
    } catch (error) {
      this.#exhausted = true
      this.#sourceError = { error }
    }
    return undefined
  }

  #begin(task: Task<T>): void {
    this.#pacer.take(this.#core.clock.now())
    let endpoint: Endpoint
    try {
      endpoint = toEndpoint(task.target)
    } catch (error) {
      return this.#tellInvalid(task, error)
    }
    this.#inFlight.add(task)
    task.request = new ConnectRequest(this.#core, endpoint, this.#options.timeoutMs, task)
    task.request.start()
  }

  #tellInvalid(task: Task<T>, error: unknown): void {
    const message = error instanceof Error ? error.message : String(error)
    const failure = ownFailure('ERR_INVALID_ENDPOINT', 'parse', message, error)
    this.#untold++
    this.#core.later(() => {
      if (this.#ended) return
      this.#untold--
      this.#tell(new Failed(task.target, 0, { ...failure, syscall: 'parse' }, {}))
    })
  }

  /** Called by a task whose request has settled. */
  settled(task: Task<T>, request: ConnectRequest): void {
    this.#inFlight.delete(task)
    const { failure } = request
    if (failure && isExhaustion(failure) && this.#putAside(task)) return this.#schedulePass()
    if (!failure?.localFault) this.#limit.sufficed()
    this.#tell(
      failure
        ? new Failed(task.target, request.elapsedMs, failure, request)
        : this.#connected(task, request),
    )
  }

  /** False when waiting is of no use any more. */
  #putAside(task: Task<T>): boolean {
    const { clock, keepAlive } = this.#core
    const now = clock.now()
    if (this.#inFlight.size > 0) task.stuckSince = undefined
    else task.stuckSince ??= now
    const patienceMs = Math.min(this.#options.timeoutMs, LONGEST_EXHAUSTION_MS)
    if (task.stuckSince !== undefined && now - task.stuckSince >= patienceMs) return false
    // Once a target: one that can never have what it lacks must not slow down all the others for ever.
    if (task.retries === 0) this.#limit.exhausted(this.#inFlight.size)
    const delayMs = Math.min(10 * 2 ** task.retries++, LONGEST_RETRY_WAIT_MS)
    const retry = (): void => {
      this.#aside.delete(task)
      this.#again.push(task)
      this.#pass()
    }
    this.#aside.set(task, clock.setTimer(delayMs, retry, keepAlive))
    return true
  }

  #connected(task: Task<T>, request: ConnectRequest): Outcome<T> {
    const { address, elapsedMs } = request
    const { onConnected } = this.#options
    let connection: Connection | undefined
    if (onConnected === 'keep') connection = establish(this.#core, request)
    else this.#core.close(request.takeHandle(), 0, onConnected === 'close' ? 'graceful' : 'reset')
    return {
      kind: 'connected',
      target: task.target,
      elapsedMs,
      address: address as NonNullable<typeof address>,
      connection,
    }
  }

  #tell(outcome: Outcome<T>): void {
    this.#listener.outcome(outcome)
    this.#pass()
  }

  #endWhenDone(): void {
    const busy = this.#inFlight.size + this.#untold + this.#aside.size + this.#again.length > 0
    if (busy || !this.#exhausted || this.#ended) return
    this.cancel()
    if (this.#sourceError) this.#listener.error(this.#sourceError.error)
    else this.#listener.complete()
  }
}

/** One target on its way to its outcome. */
class Task<T extends Target> implements RequestOwner {
  readonly #fanOut: FanOut<T>
  readonly target: T
  request: ConnectRequest | undefined
  /** Since when it has found something exhausted with nothing in flight. */
  stuckSince: number | undefined
  retries = 0

  constructor(fanOut: FanOut<T>, target: T) {
    this.#fanOut = fanOut
    this.target = target
  }

  requestSettled(request: ConnectRequest): void {
    this.#fanOut.settled(this, request)
  }
}
