/**
 * The engine of `connectMany()` and `connectBatches()`: pulls targets, keeps so many attempts in flight, and gives each one
 * outcome. It knows no observables.
 *
 * This is the policy; attempts are run by one of two lanes. TCP to a literal goes to the backend's bulk lane, where there is
 * one (`bulk-run.ts`), and is handed over ahead of its time, so that the lane never waits for JavaScript; anything else
 * is a `ConnectRequest`. Both share the limit of what is in flight, the pacer, and the caps.
 *
 * How many are in flight is for `allowance.ts` to say, when each is due for `timetable.ts`. Local exhaustion is told only
 * when waiting has not helped in time, and then as local trouble.
 */

import { Fifo } from '../base/fifo.js'
import { guarded } from '../base/uncaught.js'
import { Pass } from '../connect/attempt-gate.js'
import { ConnectRequest } from '../connect/connect-request.js'
import { type EncodedSetup, encodedSetup } from '../connect/encoded-setup.js'
import { ConnectError } from '../errors/connect-error.js'
import type { Failure } from '../errors/failure.js'
import type { OutboundCore } from '../outbound/outbound-core.js'
import type { Owned } from '../reactor/reactor-core.js'
import { Ahead } from './ahead.js'
import { Allowance } from './allowance.js'
import { countDecided } from './bulk-diagnostics.js'
import { BulkEnd } from './bulk-end.js'
import { BulkRun, type BulkRunOwner } from './bulk-run.js'
import { Caps } from './caps.js'
import type { FanOutListener, FanOutOptions, Feed } from './fan-out-sides.js'
import { Gate } from './gate.js'
import type { Tried } from './put-aside.js'
import type { SourceListener } from './target-source.js'
import { addressOfTask, endpointOfTask, isUnspecified, type Task, type TaskOwner } from './task.js'
import { TaskPool } from './task-pool.js'
import { Timetable } from './timetable.js'

/** One pass does no more work than this, so that filling a large `concurrency` does not hold up the loop, ... */
const WORK_PER_PASS = 2_048
/** ... where a request makes system calls at once, and a task for the lane none; ... */
const WORK_OF_REQUEST = 16
/** ... nor takes longer than this, as far as it looks: code that runs for the first time takes ten times as long. */
const PASS_MS = 1
const WORK_BETWEEN_LOOKS = 64
/** The source waits when so many targets have been put aside: for one place's ports, say, that others do not need. */
const MOST_ASIDE = 10_000
/** How long before its time a paced start is handed to the lane. A busy loop has that long, and half of it goes by between two times. */
const AHEAD_MS = 50

export class FanOut<T> implements Owned, SourceListener, TaskOwner<T>, BulkRunOwner<T> {
  readonly #core: OutboundCore
  readonly #options: FanOutOptions
  readonly #listener: FanOutListener<T>
  readonly #allowance: Allowance<T>
  readonly #ahead = new Ahead()
  readonly #times: Timetable<T>
  /** For every connect(2) but the first of a literal; undefined where there is neither a pace nor a cap. */
  readonly #gate: Gate<T> | undefined
  readonly #caps: Caps<T> | undefined
  readonly #tasks = new TaskPool<T>(this)
  #feed: Feed<T> | undefined
  #exhausted = false
  #sourceError: { readonly error: unknown } | undefined
  /** In flight by a request of their own. */
  readonly #requested = new Set<Task<T>>()
  /** The bulk lane, from the first task for it; undefined where there is none. */
  #bulk: BulkRun<T> | undefined
  #encodedSetup: EncodedSetup | undefined
  /** Decided without an attempt, and told in a later turn; they count as in flight. */
  #decided: Task<T>[] = []
  readonly #end = new BulkEnd()
  /** Back from waiting; they go first. */
  readonly #again = new Fifo<Task<T>>()
  /** The next one, for which there was no room, or no time by `rate`. */
  #held: Task<T> | undefined
  #passScheduled = false
  #ended = false

  constructor(core: OutboundCore, options: FanOutOptions, listener: FanOutListener<T>) {
    const { caps, rate } = options
    this.#core = core
    this.#options = options
    this.#listener = listener
    this.#times = new Timetable(core, options, () => this.#pass())
    this.#allowance = new Allowance(core, options, (task) => this.#back(task))
    if (caps) this.#caps = new Caps(caps, (one) => this.#back(one))
    if (caps || rate !== Number.POSITIVE_INFINITY) {
      this.#gate = new Gate(core.clock, this.#times.pacer, this.#caps, () => this.#schedulePass())
    }
    this.#encodedSetup = core.backend.bulk && encodedSetup(core.backend, options.setup)
  }

  /** Tells nothing before it has returned. */
  start(open: (listener: SourceListener) => Feed<T>): void {
    this.#core.own(this)
    // An observable may push while it is being subscribed to: that is for the first pass to find.
    this.#passScheduled = true
    try {
      this.#feed = open(this)
    } catch (error) {
      this.#exhausted = true
      this.#sourceError = { error }
    }
    this.#passScheduled = false
    if (this.#ended) return this.#cancelSource()
    this.#schedulePass()
  }

  /** Stops at once: nothing more is told. Sockets are closed when this returns; those of the bulk lane by its threads, soon after. */
  cancel(): void {
    if (this.#ended) return
    this.#ended = true
    this.#core.disown(this)
    this.#times.clear()
    this.#allowance.clear()
    this.#bulk?.cancel()
    for (const task of this.#requested) task.request?.cancel()
    this.#requested.clear()
    this.#cancelSource()
    this.#times.watch?.tell(this.#times.pacer.makeUpMs)
  }

  /** Its clean-up is the user's code, and must not keep anybody from hearing of the end. */
  #cancelSource(): void {
    if (!this.#exhausted) guarded(() => this.#feed?.cancel())
  }

  reactorGone(why: Failure): void {
    this.cancel()
    this.#listener.error(new ConnectError(why))
  }

  available(): void {
    this.#schedulePass()
  }

  failed(error: unknown): void {
    // What the source gave before may still wait to be pulled; its feed says when that is all.
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

  /** Tells what was decided here, starts what may be started now, and ends when there is nothing more to come. */
  #pass(): void {
    if (this.#ended) return
    if (this.#decided.length > 0) this.#tellDecided()
    this.#startMore()
    if (this.#ended) return
    this.#bulk?.flush()
    if (this.#decided.length > 0) this.#schedulePass()
    this.#endWhenDone()
  }

  /** There is room for it now. */
  #back(one: Task<T> | Pass): void {
    if (one instanceof Pass) this.#gate?.back(one)
    else {
      this.#again.push(one)
      this.#schedulePass()
    }
  }

  /** The policy loop. A source, a policy or a diagnostics channel is the user's code, and may cancel all this at any point. */
  #startMore(): void {
    const now = this.#core.clock.now()
    const { watch, pacer } = this.#times
    if (this.#gate?.serve(now) === false) {
      if (watch) watch.heldBy = 'busy'
      return this.#times.askAgain(now + pacer.waitMs(now), now)
    }
    let nextLook = WORK_BETWEEN_LOOKS
    for (let work = 0; !this.#ended; ) {
      if (work >= nextLook) {
        const isLong = this.#core.clock.now() - now >= PASS_MS
        if (isLong || work >= WORK_PER_PASS) {
          if (watch) watch.heldBy = 'busy'
          return this.#schedulePass()
        }
        nextLook = work + WORK_BETWEEN_LOOKS
      }
      const task = this.#next(now)
      if (task === undefined || this.#ended) return this.#stoppedAt(undefined)
      const isBulk = this.#isForBulk(task)
      const aheadMs = isBulk ? AHEAD_MS : 0
      if (!this.#hasRoom(isBulk) || !this.#times.isDue(task, aheadMs, now)) {
        this.#held = task
        return this.#stoppedAt(task)
      }
      work += isBulk ? 1 : WORK_OF_REQUEST
      if (task.verdict) this.#decided.push(task)
      else if (this.#caps === undefined || this.#caps.admit(task)) this.#begin(task, isBulk, now)
    }
  }

  /** What the pass has stopped at: with a task in hand, or for want of one. */
  #stoppedAt(held: Task<T> | undefined): void {
    const { watch } = this.#times
    if (watch === undefined) return
    const { limit, aside, starved } = this.#allowance
    const { concurrency, adaptive } = this.#options
    const isFull = this.#underWay >= limit
    // It is not due, and a timer may come late; but a look-up is none of the attempts.
    if (held && this.#hasRoom(this.#isForBulk(held))) {
      watch.heldBy = this.#times.isOfConnects(held) ? 'busy' : undefined
    } else if (aside > 0 && (starved > 0 || isFull)) watch.heldBy = 'exhaustion'
    else if (isFull) watch.heldBy = limit < concurrency && !adaptive ? 'exhaustion' : 'concurrency'
    else if (this.#waiting > 0) watch.heldBy = aside > 0 ? 'exhaustion' : 'caps'
    else watch.heldBy = this.#exhausted ? undefined : 'source'
  }

  /** The next task there is; from the source only where there may be room for it. */
  #next(now: number): Task<T> | undefined {
    const held = this.#held
    this.#held = undefined
    if (held) return held
    if (this.#again.size > 0) return this.#again.take()
    const mayPull = this.#hasRoom(true) && !this.#exhausted && this.#waiting < MOST_ASIDE
    // For want of what all need there is no use in asking for more.
    if (!mayPull || this.#allowance.starved >= this.#options.concurrency) return undefined
    try {
      const pulled = this.#feed?.pull(this.#tasks, now)
      if (pulled !== 'end') return pulled
      this.#exhausted = true
    } catch (error) {
      this.#exhausted = true
      this.#sourceError = { error }
    }
    return undefined
  }

  /** Put aside, or over a cap. */
  get #waiting(): number {
    return this.#allowance.aside + (this.#caps?.waiting ?? 0)
  }

  get #underWay(): number {
    return (this.#bulk?.outstanding ?? 0) + this.#requested.size + this.#decided.length
  }

  #isForBulk(task: Task<T>): boolean {
    const { version, isTcp } = task
    const families = this.#encodedSetup?.families
    if (!isTcp || version === 0 || families === undefined || isUnspecified(task)) return false
    return version === 4 ? families.inet : families.inet6
  }

  /** Ahead of its time only where all goes to the lane: what waits in there can't make room for a request. */
  #hasRoom(isBulk: boolean): boolean {
    const { limit } = this.#allowance
    const underWay = this.#underWay
    if (underWay < limit) return true
    const mayBeAhead = isBulk && this.#encodedSetup !== undefined && this.#requested.size === 0
    return mayBeAhead && underWay < limit + this.#ahead.of(limit)
  }

  #begin(task: Task<T>, isBulk: boolean, now: number): void {
    const startAt = this.#times.take(task, now)
    this.#allowance.started(task)
    const bulk = isBulk ? (this.#bulk ?? this.#openBulk()) : undefined
    if (bulk === undefined) return this.#request(task)
    task.verdict = bulk.prepare(task)
    // A policy was asked.
    if (this.#ended) return
    if (task.verdict) this.#decided.push(task)
    else bulk.submit(task, startAt)
  }

  /** Undefined where the system has nothing left for a lane: then all goes without one. */
  #openBulk(): BulkRun<T> | undefined {
    const connector = this.#core.backend.bulk
    const setup = this.#encodedSetup
    if (connector === undefined || setup === undefined) return undefined
    const { onConnected, timeoutMs, destination } = this.#options
    const { limit } = this.#allowance
    const { intervalMs } = this.#times.pacer
    const sources = this.#options.setup?.sources
    const { policy } = destination
    const options = { limit, onConnected, timeoutMs, intervalMs, setup, sources, policy }
    try {
      this.#bulk = new BulkRun(this.#core, connector, options, this.#tasks, this)
    } catch {
      this.#encodedSetup = undefined
    }
    return this.#bulk
  }

  #request(task: Task<T>): void {
    const { timeoutMs, setup, destination } = this.#options
    const gate = this.#gate
    const options = { timeoutMs, setup, destination, gate, queuedAt: task.queuedAt }
    this.#requested.add(task)
    task.request = new ConnectRequest(this.#core, endpointOfTask(task), options, task)
    task.request.start()
  }

  /** On the lane a connect(2) is to be called once more. */
  bulkStartAt(): number {
    return this.#times.takeOnceMore()
  }

  bulkBatch(tell: () => void): void {
    this.#listener.batch(tell)
    if (this.#ended) return
    const { limit } = this.#allowance
    if (this.#underWay < limit) this.#ahead.ranDry(limit)
    this.#allowance.tell(this.#bulk)
    this.#pass()
  }

  bulkEnded(task: Task<T>, end: BulkEnd): void {
    const { failure } = end
    this.#times.watch?.began(end.startedAt)
    this.#caps?.release(task)
    this.#allowance.ended(task, failure?.timedOutBy !== undefined)
    if (failure?.localFault) {
      const tried = (): Tried => ({
        address: addressOfTask(task),
        exhaustedSource: task.walk?.exhaustedAt,
        routes: this.#options.setup?.routes ?? false,
      })
      const inFlight = end.inFlight + this.#requested.size
      if (this.#allowance.keeps(task, failure, inFlight, tried)) return
    } else this.#allowance.sufficed(end.finishedAt)
    this.#listener.ended(task, end)
    this.#tasks.give(task)
  }

  requestSettled(task: Task<T>, request: ConnectRequest): void {
    this.#requested.delete(task)
    const { failure } = request
    this.#caps?.release(task)
    this.#allowance.ended(task, failure?.timedOutBy !== undefined)
    let isKept = false
    if (failure?.localFault) {
      const tried = (): Tried => ({
        address: request.address,
        exhaustedSource: request.exhaustedSource,
        routes: request.setup?.routes ?? false,
      })
      const inFlight = this.#requested.size + (this.#bulk?.outstanding ?? 0)
      isKept = this.#allowance.keeps(task, failure, inFlight, tried)
    } else this.#allowance.sufficed(request.finishedAt)
    this.#allowance.tell(this.#bulk)
    if (!isKept) {
      this.#listener.requestEnded(task, request)
      this.#tasks.give(task)
    }
    // Not here and now: then every outcome of a batch would pull a share of targets, and the reactor's queue grow.
    this.#schedulePass()
  }

  #tellDecided(): void {
    const decided = this.#decided
    this.#decided = []
    this.#listener.batch(() => {
      for (const task of decided) if (!this.#ended) this.#tellVerdict(task)
    })
  }

  #tellVerdict(task: Task<T>): void {
    const now = this.#core.clock.now()
    const verdict = task.verdict as Failure
    const isInvalid = verdict.phase === 'parse'
    this.#end.decide(verdict, isInvalid ? Number.NaN : now, now)
    if (!isInvalid) {
      this.#caps?.release(task)
      this.#allowance.ended(task, false)
      countDecided(this.#core, task, this.#end)
    }
    if (this.#ended) return
    this.#listener.ended(task, this.#end)
    this.#tasks.give(task)
  }

  #endWhenDone(): void {
    const waiting = this.#waiting + this.#again.size + (this.#held ? 1 : 0)
    if (this.#underWay + waiting > 0 || !this.#exhausted || this.#ended) return
    this.#bulk?.end()
    this.#bulk = undefined
    this.cancel()
    if (this.#sourceError) this.#listener.error(this.#sourceError.error)
    else this.#listener.complete()
  }
}
