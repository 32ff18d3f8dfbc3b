/**
 * How many attempts of a fan-out may be in flight, and who has to wait because something has run out: descriptors, ports,
 * memory. Exhaustion lowers the number and puts the target aside; so does, where the limit is to find its number by itself,
 * loss on the way.
 */
import { isExhaustion } from '../errors/blame.js'
import type { Failure } from '../errors/failure.js'
import type { OutboundCore } from '../outbound/outbound-core.js'
import type { Timer } from '../reactor/clock.js'
import type { BulkRun } from './bulk-run.js'
import { ConcurrencyLimit } from './concurrency-limit.js'
import type { FanOutOptions } from './fan-out-sides.js'
import { LossWatch } from './loss-watch.js'
import { PutAside, type Tried } from './put-aside.js'
import type { Task } from './task.js'

/** Where not one attempt is in flight that could give back what has run out. */
const EXHAUSTED_WAIT_MS = 10

export class Allowance<T> {
  readonly #core: OutboundCore
  readonly #limit: ConcurrencyLimit
  readonly #loss: LossWatch | undefined
  /** Those that local exhaustion keeps waiting. */
  readonly #aside: PutAside<T>
  #resumeTimer: Timer | undefined

  /** `again` is given each task that has waited long enough. */
  constructor(core: OutboundCore, options: FanOutOptions, again: (task: Task<T>) => void) {
    const { concurrency, adaptive, timeoutMs } = options
    this.#core = core
    this.#limit = new ConcurrencyLimit(concurrency, adaptive)
    if (adaptive) this.#loss = new LossWatch(this.#limit)
    this.#aside = new PutAside(core, timeoutMs, again)
  }

  /** Attempts that may be in flight now. */
  get limit(): number {
    return this.#limit.current
  }

  /** Targets put aside. */
  get aside(): number {
    return this.#aside.size
  }

  /** How many of them lack what all need: descriptors or memory. */
  get starved(): number {
    return this.#aside.starved
  }

  started(task: Task<T>): void {
    if (this.#loss) task.round = this.#loss.started()
  }

  /** It has ended; `isLost`: without an answer. */
  ended(task: Task<T>, isLost: boolean): void {
    this.#loss?.ended(task.round, isLost)
  }

  /** Something of this machine was lacking. True where the task is put aside, and nothing to be told yet. */
  keeps(task: Task<T>, failure: Failure, inFlight: number, tried: () => Tried): boolean {
    if (!this.#aside.offer(task, failure, tried)) return false
    if (isExhaustion(failure)) this.#limit.exhausted(inFlight)
    return true
  }

  /** Nothing was lacking. */
  sufficed(now: number): void {
    this.#limit.sufficed()
    this.#aside.sufficed(now)
  }

  /** Tells the lane what the limit is now; that also makes one go on that has run out of something. */
  tell(lane: BulkRun<T> | undefined): void {
    if (lane === undefined || this.#resumeTimer) return
    if (!lane.hasStopped || this.limit > 1) return lane.limit(this.limit)
    this.#resumeTimer = this.#core.setTimer(EXHAUSTED_WAIT_MS, () => {
      this.#resumeTimer = undefined
      lane.limit(this.limit)
    })
  }

  clear(): void {
    this.#resumeTimer?.cancel()
    this.#aside.clear()
  }
}
