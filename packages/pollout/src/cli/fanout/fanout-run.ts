/** The run itself: targets from the feed, through `connectMany()`, probes and retries, to one outcome each. */
import type { DestinationPolicy, KeptOutcome, Outcome, PaceLost, Reactor } from '@pollout/core'
import {
  connectRow,
  type FanoutKind,
  invalidRow,
  type Job,
  type OutcomeRow,
  probeRow,
  skippedRow,
} from '../../outcomes/outcome-row.js'
import type { InvalidLine } from '../../targets/listed-line.js'
import type { Stop } from '../common/stop.js'
import { Feed, type FeedOwner, type Numbered } from './feed.js'
import { HostBudget } from './host-budget.js'
import { paceLine } from './pace-line.js'
import { type ProbeOptions, probe } from './probe.js'

export interface RunOptions {
  /** As `connectMany()` has it, probes included. */
  readonly concurrency: number
  readonly rate: number
  readonly timeoutMs: number
  readonly adaptive?: boolean | undefined
  readonly maxPerHost?: number | undefined
  readonly maxPerPrefix?: number | undefined
  readonly policy: DestinationPolicy | undefined
  readonly retries: number
  readonly retryOn: readonly FanoutKind[]
  readonly maxHostErrors?: number | undefined
  readonly probe: ProbeOptions | undefined
}

export interface RunOwner {
  /** A target's outcome, for good. */
  settled(position: number, row: OutcomeRow): void
  /** An outcome of a target at this position could be taken now. */
  hasRoom(position: number): boolean
}

/** Without an answer. A refusal is one. */
const HOST_ERRORS: readonly FanoutKind[] = ['timed-out', 'unreachable', 'other']

export class FanoutRun implements FeedOwner {
  readonly #reactor: Reactor
  readonly #options: RunOptions
  readonly #stop: Stop
  readonly #owner: RunOwner
  readonly #feed: Feed
  readonly #budget: HostBudget | undefined
  readonly #probes = new Set<Promise<void>>()
  #paceLost: PaceLost | undefined

  constructor(
    reactor: Reactor,
    source: Iterator<Numbered> | AsyncIterator<Numbered>,
    options: RunOptions,
    stop: Stop,
    owner: RunOwner,
  ) {
    const { concurrency, maxHostErrors } = options
    this.#reactor = reactor
    this.#options = options
    this.#stop = stop
    this.#owner = owner
    this.#feed = new Feed(source, concurrency, this)
    this.#budget = maxHostErrors === undefined ? undefined : new HostBudget(maxHostErrors)
  }

  /** Attempts and probes under way. */
  get inFlight(): number {
    return this.#reactor.stats().inFlight + this.#probes.size
  }

  /** Targets that have been begun and have no outcome yet, but for those that wait to be tried again. */
  get open(): number {
    return this.#feed.open
  }

  get waitingRetries(): number {
    return this.#feed.waitingRetries
  }

  /** That the pace was not kept, and why, once it is over; undefined where it was. */
  get paceLost(): string | undefined {
    return this.#paceLost && paceLine(this.#paceLost, this.#feed.waitedFor, this.#options)
  }

  /** There may be room again. */
  wake(): void {
    this.#feed.wake()
  }

  /** Rejects with what the source fails with, after the outcomes of all it gave. */
  async all(): Promise<void> {
    const { concurrency, rate, timeoutMs, policy, ...others } = this.#options
    const { adaptive, maxPerHost, maxPerPrefix } = others
    const { signal } = this.#stop
    const onConnected = this.#options.probe ? 'keep' : 'reset'
    const caps = { adaptive, maxPerHost, maxPerPrefix }
    const onPaceLost = (lost: PaceLost): void => {
      this.#paceLost = lost
    }
    const bounds = { concurrency, rate, onPaceLost, timeoutMs, policy, ...caps }
    const options = { ...bounds, onConnected, signal } as const
    try {
      await new Promise<void>((resolve, reject) => {
        this.#reactor.connectMany(this.#feed, options).subscribe({
          next: (outcome) => this.#connectEnded(outcome),
          complete: resolve,
          error: (error) => (signal.aborted ? resolve() : reject(error)),
        })
      })
    } finally {
      this.#feed.stop()
      await Promise.all(this.#probes)
    }
  }

  hasRoom(position: number): boolean {
    return this.#owner.hasRoom(position)
  }

  invalid(position: number, line: InvalidLine): void {
    this.#owner.settled(position, invalidRow(line))
  }

  admits(job: Job): boolean {
    const errors = 'host' in job ? this.#budget?.exceeded(job.host) : undefined
    if (errors === undefined) return true
    this.#owner.settled(job.position, skippedRow(job, errors))
    return false
  }

  #connectEnded(outcome: Outcome<Job> | KeptOutcome<Job>): void {
    const { target: job, kind } = outcome
    job.tries++
    const { probe: options, retries, retryOn } = this.#options
    if (outcome.kind === 'connected' && outcome.connection && options) {
      const probing = this.#probe(connectRow(job, outcome), job, outcome.connection, options)
      this.#probes.add(probing)
      void probing.finally(() => this.#probes.delete(probing))
      return
    }
    if (job.tries <= retries && retryOn.includes(kind)) return this.#feed.retry(job)
    if (this.#budget && 'host' in job && HOST_ERRORS.includes(kind)) this.#budget.failed(job.host)
    this.#settle(job, connectRow(job, outcome))
  }

  async #probe(
    connected: OutcomeRow,
    job: Job,
    connection: Parameters<typeof probe>[0],
    options: ProbeOptions,
  ): Promise<void> {
    const { result, failure } = await probe(connection, options, this.#stop)
    // What was broken off says nothing; the target is tried again by whoever resumes.
    if (this.#stop.signal.aborted) return
    const { retries, retryOn } = this.#options
    const again = failure && job.tries <= retries && retryOn.includes('probe-failed')
    if (again) this.#feed.retry(job)
    else this.#settle(job, probeRow(connected, result, failure))
  }

  #settle(job: Job, row: OutcomeRow): void {
    this.#owner.settled(job.position, row)
    this.#feed.done(1)
  }
}
