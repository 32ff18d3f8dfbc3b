/**
 * The engine of `connectMany()`: pulls targets, keeps so many attempts in flight, and gives each one outcome.
 *
 * It knows no observables. Local exhaustion (descriptors, ports, memory) lowers the number in flight and puts the
 * target aside to be tried again: it is told only when that has not helped in time, and then as local trouble.
 */
import { establish } from '../connect/connect.js'
import { ConnectRequest, type Destination } from '../connect/connect-request.js'
import type { SocketSetup } from '../connect/socket-setup.js'
import { type ConnectTimeline, Timeline } from '../connect/timeline.js'
import type { Connection } from '../connection/connection.js'
import { ConnectError, type Failure, isExhaustion, ownFailure } from '../errors.js'
import type { Timer } from '../reactor/clock.js'
import type { Owned, ReactorCore } from '../reactor/reactor-core.js'
import { guarded } from '../reactor/uncaught.js'
import { ConcurrencyLimit } from './concurrency-limit.js'
import { Task, type TaskOwner } from './fan-out-task.js'
import { Failed, type Outcome, type Target } from './outcome.js'
import { Pacer } from './pacer.js'
import { PutAside } from './put-aside.js'
import { openSource, type Puller, type SourceListener, type TargetSource } from './target-source.js'

/** What to do with a socket that has connected. */
export type OnConnected = 'keep' | 'close' | 'reset'

export interface FanOutOptions {
  readonly concurrency: number
  readonly rate: number
  readonly timeoutMs: number
  readonly onConnected: OnConnected
  readonly setup: SocketSetup | undefined
  readonly destination: Destination
}

export interface FanOutListener<T> {
  outcome(outcome: Outcome<T>): void
  /** Every target has had its outcome. */
  complete(): void
  /** The source failed, after the outcomes of all it gave; or the reactor is gone. */
  error(error: unknown): void
}

/** One pass starts no more than this, so that filling a large `concurrency` does not hold up the loop. */
const STARTS_PER_PASS = 128
/** The source waits when so many targets have been put aside: for one place's ports, say, that others do not need. */
const MOST_ASIDE = 10_000

export class FanOut<T extends Target> implements Owned, SourceListener, TaskOwner<T> {
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
  /** Those that local exhaustion keeps waiting. */
  readonly #aside: PutAside<T>
  /** Back from being put aside, or waiting for their time by `rate`; they go first. */
  readonly #again: Task<T>[] = []
  #paceTimer: Timer | undefined
  #passScheduled = false
  #ended = false

  constructor(core: ReactorCore, options: FanOutOptions, listener: FanOutListener<T>) {
    this.#core = core
    this.#options = options
    this.#listener = listener
    this.#limit = new ConcurrencyLimit(options.concurrency)
    this.#pacer = new Pacer(options.rate)
    this.#aside = new PutAside(core, options.timeoutMs, (task) => {
      this.#again.push(task)
      this.#schedulePass()
    })
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
    if (this.#ended) return this.#cancelSource()
    this.#schedulePass()
  }

  /** Stops at once: every socket is closed when this returns, and nothing more is told. */
  cancel(): void {
    if (this.#ended) return
    this.#ended = true
    this.#core.disown(this)
    this.#paceTimer?.cancel()
    this.#aside.clear()
    for (const task of this.#inFlight) task.request?.cancel()
    this.#inFlight.clear()
    this.#cancelSource()
  }

  /** Its clean-up is the user's code, and must not keep anybody from hearing of the end. */
  #cancelSource(): void {
    if (!this.#exhausted) guarded(() => this.#source?.cancel())
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
    if (this.#ended) return
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
    this.#endWhenDone()
  }

  /** Takes the permission for one more start, if there is one now; if not, a timer will ask again. */
  #paced(): boolean {
    if (this.#options.rate === Number.POSITIVE_INFINITY) return true
    const now = this.#core.clock.now()
    const waitMs = this.#pacer.waitMs(now)
    if (waitMs === 0) {
      this.#pacer.take(now)
      return true
    }
    this.#paceTimer ??= this.#core.setTimer(waitMs, () => {
      this.#paceTimer = undefined
      this.#pass()
    })
    return false
  }

  #pull(): Task<T> | undefined {
    if (this.#exhausted || this.#aside.size >= MOST_ASIDE) return undefined
    // For want of what all need there is no use in asking for more.
    if (this.#aside.starved >= this.#options.concurrency) return undefined
    try {
      const pulled = this.#source?.pull()
      if (pulled === undefined) return undefined
      if (!pulled.done) return this.#task(pulled.value)
      this.#exhausted = true
    } catch (error) {
      this.#exhausted = true
      this.#sourceError = { error }
    }
    return undefined
  }

  #task(target: T): Task<T> {
    return new Task(this, target, this.#core.clock.now())
  }

  #begin(task: Task<T>): void {
    const { endpoint, queuedAt } = task
    if (endpoint === undefined) return this.#tellInvalid(task)
    this.#inFlight.add(task)
    const { timeoutMs, setup, destination } = this.#options
    const options = { timeoutMs, setup, destination, queuedAt }
    task.request = new ConnectRequest(this.#core, endpoint, options, task)
    task.request.start()
  }

  #tellInvalid(task: Task<T>): void {
    const { error } = task
    const message = error instanceof Error ? error.message : String(error)
    const failure = ownFailure('ERR_INVALID_ENDPOINT', 'parse', 'parse', message, error)
    this.#untold++
    this.#core.later(() => {
      if (this.#ended) return
      this.#untold--
      const timeline = new Timeline(task.queuedAt, undefined, this.#core.clock.now())
      this.#tell(new Failed(task.target, 0, timeline, failure, {}))
    })
  }

  settled(task: Task<T>, request: ConnectRequest): void {
    this.#inFlight.delete(task)
    const { failure } = request
    if (failure && this.#aside.offer(task, request, failure)) {
      if (isExhaustion(failure)) this.#limit.exhausted(this.#inFlight.size)
      return this.#schedulePass()
    }
    if (!failure?.localFault) {
      this.#limit.sufficed()
      this.#aside.sufficed(request.finishedAt)
    }
    const timeline = request.timeline as ConnectTimeline
    this.#tell(
      failure
        ? new Failed(task.target, request.elapsedMs, timeline, failure, request)
        : this.#connected(task, request, timeline),
    )
  }

  #connected(task: Task<T>, request: ConnectRequest, timeline: ConnectTimeline): Outcome<T> {
    const { address, elapsedMs, failedAttempts } = request
    const { onConnected } = this.#options
    let connection: Connection | undefined
    if (onConnected === 'keep') connection = establish(this.#core, request)
    else this.#core.close(request.takeHandle(), 0, onConnected === 'close' ? 'graceful' : 'reset')
    return {
      kind: 'connected',
      target: task.target,
      elapsedMs,
      timeline,
      address: address as NonNullable<typeof address>,
      failedAttempts,
      connection,
    }
  }

  #tell(outcome: Outcome<T>): void {
    this.#listener.outcome(outcome)
    // Not here and now: then every outcome of a batch would pull a share of targets, and the reactor's queue grow.
    this.#schedulePass()
  }

  #endWhenDone(): void {
    const busy = this.#inFlight.size + this.#untold + this.#aside.size + this.#again.length > 0
    if (busy || !this.#exhausted || this.#ended) return
    this.cancel()
    if (this.#sourceError) this.#listener.error(this.#sourceError.error)
    else this.#listener.complete()
  }
}
