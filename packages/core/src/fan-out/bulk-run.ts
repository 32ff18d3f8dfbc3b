/**
 * The bulk lane of one fan-out: tasks go in, ends of their attempts come out.
 *
 * What the lane can't know it does: goes on with the next place of a source pool, tries anew what has connected to itself,
 * counts for `stats()`, publishes to diagnostics, keeps the process alive while attempts are in the lane.
 */
import { type Handle, hasConnected, lostBy } from '../backend/backend.js'
import {
  BULK_SELF_CONNECTED,
  type BulkConnector,
  type BulkLane,
  type BulkSink,
  BulkStep,
  OUTCOME_FIELDS,
  OutcomeField,
} from '../backend/bulk.js'
import { errno } from '../backend/errno.js'
import { MAX_SELF_CONNECTS } from '../connect/attempt.js'
import type { EncodedSetup } from '../connect/encoded-setup.js'
import { type SourceAddresses, SourceWalk } from '../connect/source-addresses.js'
import { isExhaustion } from '../errors/blame.js'
import type { Failure } from '../errors/failure.js'
import { connectFailure } from '../errors/failures.js'
import type { OutboundCore } from '../outbound/outbound-core.js'
import { denialByEither } from '../policy/denial.js'
import type { DestinationPolicy } from '../policy/policy.js'
import { publishEnd, publishError, publishStart } from './bulk-diagnostics.js'
import { BulkEnd } from './bulk-end.js'
import { BulkFailures } from './bulk-failures.js'
import { BulkSubmission } from './bulk-submission.js'
import type { OnConnected } from './fan-out-sides.js'
import { familyOf } from './literal.js'
import { addressOfTask, type Task } from './task.js'
import type { TaskPool } from './task-pool.js'

export interface BulkRunOptions {
  readonly limit: number
  readonly onConnected: OnConnected
  readonly timeoutMs: number
  readonly intervalMs: number
  readonly setup: EncodedSetup
  readonly sources: SourceAddresses | undefined
  /** The fan-out's own, besides the reactor's. */
  readonly policy: DestinationPolicy | undefined
}

export interface BulkRunOwner<T> {
  /** A batch of ends is there: `settle` tells of them, one by one. */
  bulkBatch(settle: () => void): void
  /** When an attempt may begin that takes the place of one which called connect(2); 0 for at once. */
  bulkStartAt(): number
  /** One task's attempt has ended; `end` holds other things once the call has returned. */
  bulkEnded(task: Task<T>, end: BulkEnd): void
}

export class BulkRun<T> implements BulkSink {
  readonly #core: OutboundCore
  readonly #options: BulkRunOptions
  readonly #owner: BulkRunOwner<T>
  readonly #tasks: TaskPool<T>
  readonly #lane: BulkLane
  readonly #submission: BulkSubmission
  readonly #failures: BulkFailures
  readonly #end = new BulkEnd()
  #limit: number
  #outstanding = 0
  /** Records handed to the lane, and records it has given back. */
  #submitted = 0
  #settled = 0
  /** Tasks handed to it, those tried anew not counted twice; and how many of them `stats()` knows to be started, and in flight. */
  #begun = 0
  #countedStarted = 0
  #countedInFlight = 0
  #hasStopped = false
  /** The batch that is being told, and how far that has got. */
  #batch: Float64Array | undefined
  #batchCount = 0
  #next = 0

  /** Throws what `BulkConnector.open()` does. */
  constructor(
    core: OutboundCore,
    connector: BulkConnector,
    options: BulkRunOptions,
    tasks: TaskPool<T>,
    owner: BulkRunOwner<T>,
  ) {
    const { limit, onConnected, intervalMs, setup, timeoutMs } = options
    this.#core = core
    this.#options = options
    this.#tasks = tasks
    this.#owner = owner
    this.#limit = limit
    this.#failures = new BulkFailures(setup.names, timeoutMs)
    const { options: encoded, sources } = setup
    this.#lane = connector.open(
      {
        limit,
        onConnected,
        intervalMs: Number.isFinite(intervalMs) ? intervalMs : 0,
        options: encoded,
        sources,
      },
      this,
    )
    this.#submission = new BulkSubmission(this.#lane)
  }

  /** Tasks in it, waiting there or in flight. */
  get outstanding(): number {
    return this.#outstanding
  }

  /** Something had run out, and nothing is started until `limit()`. */
  get hasStopped(): boolean {
    return this.#hasStopped
  }

  /** Makes a task ready to be submitted; or tells why it can't be, or must not. */
  prepare(task: Task<T>): Failure | undefined {
    const denial = this.#denial(task)
    if (denial) return denial
    task.startedAt = Number.NaN
    task.selfConnects = 0
    task.heldMs = 0
    task.walk = undefined
    const { sources } = this.#options
    if (sources === undefined) return undefined
    const walk = sources.walk(familyOf(task.version))
    if (!(walk instanceof SourceWalk)) return walk
    task.walk = walk
    return undefined
  }

  /** Takes a task in; `flush()` hands it over. Diagnostics may end all this before it returns. */
  submit(task: Task<T>, startAt: number): void {
    if (this.#outstanding++ === 0) this.#core.hold()
    this.#begun++
    this.#write(task, this.#options.timeoutMs, startAt)
    publishStart(this.#core, task)
  }

  flush(): void {
    this.#submission.flush()
    this.#count()
  }

  limit(most: number): void {
    if (most === this.#limit && !this.#hasStopped) return
    this.#limit = most
    this.#hasStopped = false
    this.#lane.limit(most)
    this.#count()
  }

  /** No task is in it, and none will come. */
  end(): void {
    this.#lane.end()
  }

  cancel(): void {
    this.#lane.cancel()
    this.#closeUntold()
    if (this.#outstanding === 0) return
    this.#outstanding = 0
    const { counters } = this.#core
    counters.cancelled += this.#countedInFlight
    counters.inFlight -= this.#countedInFlight
    this.#countedInFlight = 0
    this.#core.release()
    for (const task of this.#tasks) {
      if (task.key) publishError(this.#core, task, 'ABORT_ERR', 0)
    }
  }

  outcomes(records: Float64Array, count: number): void {
    this.#batch = records
    this.#batchCount = count
    this.#next = 0
    this.#owner.bulkBatch(this.#settleBatch)
    this.#batch = undefined
  }

  readonly #settleBatch = (): void => {
    this.#end.finishedAt = this.#core.clock.now()
    while (this.#next < this.#batchCount && this.#batch) this.#settle(this.#batch, this.#next++)
  }

  #settle(records: Float64Array, index: number): void {
    const at = index * OUTCOME_FIELDS
    const task = this.#tasks.at(records[at + OutcomeField.ID] as number)
    const status = records[at + OutcomeField.STATUS] as number
    const startedAt = records[at + OutcomeField.STARTED_AT] as number
    if (Number.isNaN(task.startedAt)) task.startedAt = startedAt
    else if (startedAt > task.againAt) task.heldMs += startedAt - task.againAt
    this.#settled++
    const end = this.#end
    end.failure = undefined
    end.handle = undefined
    end.lostBy = lostBy(status)
    if (!hasConnected(status)) {
      const step = records[at + OutcomeField.STEP] as number
      const failure = this.#failureOf(
        task,
        status,
        step,
        records[at + OutcomeField.HANDLE] as number,
      )
      end.failure = failure ?? this.#tryAgain(task, step)
      // A policy that was asked may have ended all this.
      if (end.failure === undefined || this.#batch === undefined) return
      if (isExhaustion(end.failure)) this.#exhausted(task)
    } else if (this.#options.onConnected === 'keep') {
      end.handle = records[at + OutcomeField.HANDLE] as Handle
    }
    end.startedAt = Math.max(task.startedAt, task.queuedAt)
    end.heldMs = task.heldMs
    end.sentAt = Math.max(end.startedAt, records[at + OutcomeField.SENT_AT] as number)
    end.readyAt = Math.max(end.sentAt, records[at + OutcomeField.READY_AT] as number)
    end.endedAt = Math.max(end.startedAt, records[at + OutcomeField.ENDED_AT] as number)
    this.#left(task)
  }

  /** Off the books before anybody is told. */
  #left(task: Task<T>): void {
    const { counters } = this.#core
    const end = this.#end
    if (end.failure) counters.failed++
    else counters.connected++
    this.#outstanding--
    this.#count()
    if (this.#outstanding === 0) this.#core.release()
    publishEnd(this.#core, task, end)
    task.key = undefined
    if (this.#batch !== undefined) return this.#owner.bulkEnded(task, end)
    // A subscriber of a diagnostics channel has ended all this; where the reactor went, the socket went with it.
    const isLeft = end.handle !== undefined && this.#core.gone === undefined
    if (isLeft) this.#core.close(end.handle as Handle, 0, 'reset')
  }

  /** Undefined where another try is to be made. */
  #failureOf(task: Task<T>, status: number, step: number, index: number): Failure | undefined {
    if (status === BULK_SELF_CONNECTED) return this.#selfConnected(task)
    const failure = this.#failures.of(task, status, step, index)
    const isPlace = step === BulkStep.BIND || step === BulkStep.CONNECT
    return isPlace && task.walk ? task.walk.failed(failure) : failure
  }

  #selfConnected(task: Task<T>): Failure | undefined {
    const failure = connectFailure(-errno.EADDRNOTAVAIL, 'connect')
    // A port that was asked for meets itself again each time: the next one, if there is one.
    if (task.walk && this.#options.sources?.leavesPort === false) return task.walk.failed(failure)
    return ++task.selfConnects <= MAX_SELF_CONNECTS ? undefined : failure
  }

  /** With what is left of its time; or tells why not. One that failed before it called connect(2) has its place in the pace still. */
  #tryAgain(task: Task<T>, step: number): Failure | undefined {
    const { finishedAt } = this.#end
    const leftMs = this.#options.timeoutMs - (finishedAt - task.startedAt - task.heldMs)
    if (leftMs <= 0) return this.#failures.deadline
    task.againAt = finishedAt
    const denial = this.#denial(task)
    if (denial) return denial
    const hasCalled = step >= BulkStep.CONNECT
    this.#write(task, leftMs, hasCalled ? this.#owner.bulkStartAt() : 0)
    return undefined
  }

  #denial(task: Task<T>): Failure | undefined {
    const { policy } = this.#options
    if (policy === undefined && this.#core.policy === undefined) return undefined
    const address = addressOfTask(task)
    return address && denialByEither(this.#core.policy, policy, address)
  }

  #write(task: Task<T>, timeoutMs: number, startAt: number): void {
    task.submission = this.#submitted++
    const { walk } = task
    if (walk === undefined) return this.#submission.add(task, timeoutMs, startAt, 0, 0)
    const first = task.version === 4 ? 1 : 1 + (this.#options.sources?.of('inet').length ?? 0)
    this.#submission.add(task, timeoutMs, startAt, first + walk.index, walk.port)
  }

  /** Attempts start in their order, so that all before this one had started, and none after it. */
  #exhausted(task: Task<T>): void {
    this.#hasStopped = true
    this.#end.inFlight = Math.max(0, task.submission - (this.#settled - 1))
  }

  /** What is in the lane beyond the limit waits there, and has not been started. */
  #count(): void {
    const { counters } = this.#core
    const inFlight = Math.min(this.#outstanding, this.#limit)
    counters.inFlight += inFlight - this.#countedInFlight
    this.#countedInFlight = inFlight
    const started = this.#begun - (this.#outstanding - inFlight)
    if (started <= this.#countedStarted) return
    counters.started += started - this.#countedStarted
    this.#countedStarted = started
  }

  /** Connected, kept, and in the rest of a batch that nobody will be told of. */
  #closeUntold(): void {
    const records = this.#batch
    this.#batch = undefined
    if (records === undefined || this.#options.onConnected !== 'keep') return
    for (let index = this.#next; index < this.#batchCount; index++) {
      const at = index * OUTCOME_FIELDS
      if (!hasConnected(records[at + OutcomeField.STATUS] as number)) continue
      this.#core.close(records[at + OutcomeField.HANDLE] as Handle, 0, 'reset')
    }
  }
}
