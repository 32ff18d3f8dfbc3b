/** One lane of the reference implementation: its queue, its pacing, its limit, and the telling of its outcomes. */
import {
  ATTEMPT_BYTES,
  AttemptField,
  type BulkLane,
  type BulkLaneOptions,
  type BulkSink,
  type Handle,
  hasConnected,
  MAKE_UP_MS,
  OUTCOME_FIELDS,
  OutcomeField,
  type Timer,
} from '@pollout/core'
import { Deadlines, Fifo, IS_LITTLE_ENDIAN } from '@pollout/core/internal'
import { type AttemptLane, type LaneGround, ReferenceAttempt } from './reference-attempt.js'

/** Attempts begun in one turn of the loop. */
const STARTS_PER_TURN = 128

export class ReferenceLane implements BulkLane, AttemptLane {
  readonly ground: LaneGround
  readonly options: BulkLaneOptions
  readonly deadlines: Deadlines
  readonly #sink: BulkSink
  readonly #onEnd: () => void
  readonly #queue = new Fifo<Uint8Array>()
  readonly #inFlight = new Set<ReferenceAttempt>()
  #limit: number
  #outcomes: number[] = []
  #hasStopped = false
  #lastDueAt = Number.NEGATIVE_INFINITY
  #timer: Timer | undefined
  #turnScheduled = false
  #delivering = false
  #ended = false

  constructor(ground: LaneGround, options: BulkLaneOptions, sink: BulkSink, onEnd: () => void) {
    this.ground = ground
    this.options = options
    this.#limit = options.limit
    this.#sink = sink
    this.#onEnd = onEnd
    const { clock, backend } = ground
    const defer = (callback: () => void): void => clock.defer(callback, false)
    this.deadlines = new Deadlines(clock, defer, () => backend.poll())
  }

  submit(attempts: Uint8Array, count: number): void {
    for (let i = 0; i < count; i++) {
      this.#queue.push(attempts.slice(i * ATTEMPT_BYTES, (i + 1) * ATTEMPT_BYTES))
    }
    this.#scheduleTurn()
  }

  limit(most: number): void {
    this.#limit = most
    this.#hasStopped = false
    this.#scheduleTurn()
  }

  cancel(): void {
    if (this.#ended) return
    const { STATUS, HANDLE } = OutcomeField
    for (let at = 0; at < this.#outcomes.length; at += OUTCOME_FIELDS) {
      const isConnected = hasConnected(this.#outcomes[at + STATUS] as number)
      const isKept = this.options.onConnected === 'keep' && isConnected
      if (isKept) this.ground.backend.close(this.#outcomes[at + HANDLE] as Handle, 'reset')
    }
    for (const attempt of this.#inFlight) attempt.cancel()
    this.#inFlight.clear()
    this.end()
  }

  end(): void {
    if (this.#ended) return
    this.#ended = true
    this.#timer?.cancel()
    this.deadlines.clear()
    this.#queue.clear()
    this.#outcomes = []
    this.#onEnd()
  }

  /** An attempt has ended: one outcome's fields. */
  ended(attempt: ReferenceAttempt, outcome: readonly number[], hasRunOut: boolean): void {
    this.#inFlight.delete(attempt)
    this.#outcomes.push(...outcome)
    if (hasRunOut) this.#hasStopped = true
    this.#scheduleTurn()
  }

  /** Tells what there is to tell: from the event loop only. */
  deliver(): void {
    if (this.#delivering || this.#ended || this.#outcomes.length === 0) return
    const records = Float64Array.from(this.#outcomes)
    this.#outcomes = []
    this.#delivering = true
    try {
      this.#sink.outcomes(records, records.length / OUTCOME_FIELDS)
    } finally {
      this.#delivering = false
      // The array is the lane's again: who kept it reads nonsense.
      records.fill(Number.NaN)
    }
  }

  #scheduleTurn(): void {
    if (this.#turnScheduled || this.#ended) return
    this.#turnScheduled = true
    this.ground.clock.defer(() => {
      this.#turnScheduled = false
      if (this.#ended) return
      this.#startMore()
      this.deliver()
    }, false)
  }

  #startMore(): void {
    for (let started = 0; this.#mayStart(); started++) {
      if (started === STARTS_PER_TURN) return this.#scheduleTurn()
      const attempt = new ReferenceAttempt(this, this.#queue.take())
      this.#inFlight.add(attempt)
      attempt.start()
    }
  }

  #mayStart(): boolean {
    if (this.#hasStopped || this.#inFlight.size >= this.#limit || this.#queue.size === 0)
      return false
    return this.#isDue(this.#queue.first)
  }

  #isDue(record: Uint8Array): boolean {
    const view = new DataView(record.buffer, record.byteOffset)
    const startAt = view.getFloat64(AttemptField.START_AT, IS_LITTLE_ENDIAN)
    if (startAt === 0) return true
    const { clock } = this.ground
    const now = clock.now()
    const { intervalMs = 0 } = this.options
    const latestMs = Math.max(MAKE_UP_MS, intervalMs)
    const dueAt = Math.max(startAt, this.#lastDueAt + intervalMs, now - latestMs)
    if (dueAt <= now) {
      this.#lastDueAt = dueAt
      return true
    }
    this.#timer?.cancel()
    this.#timer = clock.setTimer(dueAt - now, () => this.#scheduleTurn())
    return false
  }
}
