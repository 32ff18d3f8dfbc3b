/**
 * What `connectMany()` pulls its targets from: those of the list in their order, and those that are to be tried again. It
 * waits where there is no room: for the output, for a probe, for the slowest of what a checkpoint has to remember.
 */
import { type Backoff, backoff } from '@pollout/core'
import type { Job } from '../../outcomes/outcome-row.js'
import type { InvalidLine, Listed } from '../../targets/listed-line.js'

/** A target, and where it stands in this run's order; -1 where it has none. */
export interface Numbered {
  readonly position: number
  readonly listed: Listed
}

export interface FeedOwner {
  /** The output keeps up, and a position has room. */
  hasRoom(position: number): boolean
  /** A line that is no target. */
  invalid(position: number, line: InvalidLine): void
  /** Whether it is to be tried; if not, the owner has seen to it. */
  admits(job: Job): boolean
}

export type WaitedFor = 'open' | 'list' | 'room' | 'retries'

/** A thousand retries wait for their time at a thousand failures a second. */
const MOST_RETRIES = 10_000
/** So many are passed over in one go at most: millions may be of hosts that are left alone, or no targets. */
const PASSED_PER_TURN = 1_000

export class Feed implements AsyncIterableIterator<Job, undefined> {
  /** Targets that `connectMany()` has, and connections that are looked at. */
  open = 0
  readonly #source: Iterator<Numbered> | AsyncIterator<Numbered>
  readonly #owner: FeedOwner
  readonly #most: number
  readonly #backoff: Backoff = backoff({ firstMs: 1_000, longestMs: 30_000, jitter: 'equal' })
  readonly #waiting = new Set<NodeJS.Timeout>()
  readonly #waitedMs = { open: 0, list: 0, room: 0, retries: 0 }
  readonly #due: Job[] = []
  /** Taken from the source, not yet given on. */
  #ahead: Numbered | undefined
  #asking = false
  #sourceEnded = false
  #sourceError: { readonly error: unknown } | undefined
  #stopped = false
  #wake: (() => void) | undefined

  /** `most` of its targets may be open. */
  constructor(
    source: Iterator<Numbered> | AsyncIterator<Numbered>,
    most: number,
    owner: FeedOwner,
  ) {
    this.#source = source
    this.#most = most
    this.#owner = owner
  }

  get waitingRetries(): number {
    return this.#waiting.size + this.#due.length
  }

  /** What it has waited for most: open ones to end, the list, room for outcomes, the time of retries. */
  get waitedFor(): WaitedFor {
    const all = Object.entries(this.#waitedMs) as [WaitedFor, number][]
    return all.reduce((most, one) => (one[1] > most[1] ? one : most))[0]
  }

  /** A target has had its outcome, or there is room again. */
  done(jobs: number): void {
    this.open -= jobs
    this.wake()
  }

  /** Gives it again, later. It is not open until then. */
  retry(job: Job): void {
    if (this.#stopped) return this.done(1)
    const timer = setTimeout(() => {
      this.#waiting.delete(timer)
      this.#due.push(job)
      this.wake()
    }, this.#backoff.delayMs(job.tries))
    this.#waiting.add(timer)
    this.done(1)
  }

  /** Gives nothing more. */
  stop(): void {
    this.#stopped = true
    for (const timer of this.#waiting) clearTimeout(timer)
    this.#waiting.clear()
    this.wake()
  }

  wake(): void {
    const wake = this.#wake
    this.#wake = undefined
    wake?.()
  }

  /** Rejects with what the source fails with, after the outcomes of all it gave. */
  async next(): Promise<IteratorResult<Job, undefined>> {
    for (;;) {
      const job = this.#ready()
      if (job) return { done: false, value: job }
      if (this.#isOver) {
        if (this.#sourceError && !this.#stopped) throw this.#sourceError.error
        return { done: true, value: undefined }
      }
      const why = this.#waitsFor
      const since = performance.now()
      await new Promise<void>((resolve) => {
        this.#wake = resolve
      })
      this.#waitedMs[why] += performance.now() - since
    }
  }

  async return(): Promise<IteratorResult<Job, undefined>> {
    this.stop()
    return { done: true, value: undefined }
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  get #waitsFor(): WaitedFor {
    if (this.open >= this.#most) return 'open'
    if (this.#sourceEnded || this.waitingRetries >= MOST_RETRIES) return 'retries'
    return this.#ahead ? 'room' : 'list'
  }

  get #isOver(): boolean {
    if (this.#stopped) return true
    return this.#sourceEnded && this.open + this.waitingRetries === 0
  }

  #ready(): Job | undefined {
    if (this.#stopped || this.open >= this.#most) return undefined
    const again = this.#due.shift()
    if (again) {
      this.open++
      return again
    }
    for (let passed = 0; this.waitingRetries < MOST_RETRIES; passed++) {
      const next = this.#take()
      if (next === undefined) return undefined
      if (!this.#owner.hasRoom(next.position)) {
        this.#ahead = next
        return undefined
      }
      if (passed === PASSED_PER_TURN) {
        this.#ahead = next
        setImmediate(() => this.wake())
        return undefined
      }
      const job = this.#admitted(next)
      if (job === undefined) continue
      this.open++
      return job
    }
    return undefined
  }

  #admitted({ position, listed }: Numbered): Job | undefined {
    if ('raw' in listed) {
      this.#owner.invalid(position, listed)
      return undefined
    }
    const job: Job = { ...listed.endpoint, position, fields: listed.fields, tries: 0 }
    return this.#owner.admits(job) ? job : undefined
  }

  /** What is there now. An asynchronous source is asked for one, and wakes this when it has it. */
  #take(): Numbered | undefined {
    const ahead = this.#ahead
    this.#ahead = undefined
    if (ahead || this.#sourceEnded || this.#asking) return ahead
    try {
      const answer = this.#source.next()
      if (answer instanceof Promise) return this.#ask(answer)
      if (!answer.done) return answer.value
      this.#sourceEnded = true
    } catch (error) {
      this.#failed(error)
    }
    return undefined
  }

  #ask(answer: Promise<IteratorResult<Numbered>>): undefined {
    this.#asking = true
    answer.then(
      (result) => {
        this.#asking = false
        if (result.done) this.#sourceEnded = true
        else this.#ahead = result.value
        this.wake()
      },
      (error) => this.#failed(error),
    )
  }

  #failed(error: unknown): void {
    this.#sourceEnded = true
    this.#sourceError = { error }
    this.wake()
  }
}
