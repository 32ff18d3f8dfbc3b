/** One run of load: from opening its connections to the sum of what became of its requests. */
import { setTimeout as sleep } from 'node:timers/promises'
import { type ExchangeLane, type Reactor, systemClock, toEndpoint } from '@pollout/core'
import { openLane } from './lane/open-lane.js'
import { Recorder } from './measure/recorder.js'
import { ThreadCpu } from './measure/thread-cpu.js'
import { type CheckedLoad, checkLoad, type LoadOptions } from './options.js'
import { arrivals } from './plan/arrivals.js'
import { type Submission, Submissions } from './plan/submissions.js'

/** The plan is handed over so much before its time: no stall of this loop that is shorter is noticed. */
const AHEAD_MS = 2_000
/** Between two looks at how far it is. */
const LOOK_MS = 100
/** From opening the plan to its first moment. */
const HEAD_START_MS = 20
const ROUNDING_MS = 0.001
/** In a closed loop, requests that wait for a connection: what is answered in half a second, and so many at least. */
const LEAST_QUEUED = 2_048

/** What a run has brought, before anything is judged. */
export interface Measured {
  readonly recorder: Recorder
  readonly lane: 'native' | 'portable'
  readonly seed: number
  /** Of what counts, in milliseconds. */
  readonly measuredMs: number
  /** Requests that were under way when it ended: no outcome of theirs is known. */
  readonly unfinished: number
  /** The share of a core that the busiest thread that makes the load had; undefined where that is not known. */
  readonly busiestThread: number | undefined
  /** Requests that were to be sent in the time that counts; undefined in a closed loop. */
  readonly asked: number | undefined
  readonly threads: number
  readonly wasAborted: boolean
}

export async function measure(reactor: Reactor, options: LoadOptions): Promise<Measured> {
  const checked = checkLoad(options)
  const recorder = new Recorder()
  const endpoints = options.endpoints.map((endpoint) => toEndpoint(endpoint))
  const { lane, kind, threads } = await openLane(reactor, endpoints, options, checked, recorder)
  try {
    const run = new Run(lane, recorder, options, checked, new ThreadCpu(kind === 'native'))
    const done = await run.all()
    return { recorder, lane: kind, threads, seed: checked.seed, ...done }
  } finally {
    lane.cancel()
  }
}

class Run {
  readonly #lane: ExchangeLane
  readonly #recorder: Recorder
  readonly #options: LoadOptions
  readonly #checked: CheckedLoad
  readonly #signal: AbortSignal | undefined
  readonly #cpu: ThreadCpu
  #submitted = 0
  /** Of those, to be sent in the time that counts. */
  #asked = 0
  #startedAt = 0
  #durationMs = 0
  #nextProgressAt = 0

  constructor(
    lane: ExchangeLane,
    recorder: Recorder,
    options: LoadOptions,
    checked: CheckedLoad,
    cpu: ThreadCpu,
  ) {
    this.#cpu = cpu
    this.#lane = lane
    this.#recorder = recorder
    this.#options = options
    this.#checked = checked
    this.#signal = options.signal
  }

  async all(): Promise<Omit<Measured, 'recorder' | 'lane' | 'seed' | 'threads'>> {
    await this.#connected()
    this.#startedAt = systemClock.now() + HEAD_START_MS
    // A moment comes back from the lane by way of whole nanoseconds.
    this.#recorder.countsFrom = this.#startedAt + this.#checked.warmUpMs - ROUNDING_MS
    const counting = setTimeout(() => this.#cpu.from(), this.#checked.warmUpMs + HEAD_START_MS)
    const { arrivals: plan } = this.#options
    const isClosed = 'closedLoopMs' in plan
    await (isClosed ? this.#closedLoop(plan.closedLoopMs) : this.#openLoop(plan))
    clearTimeout(counting)
    const endedAt = systemClock.now()
    const busiestThread = this.#cpu.busiest()
    await this.#drained()
    return {
      measuredMs: Math.max(0, this.#endOf(endedAt) - this.#startedAt - this.#checked.warmUpMs),
      unfinished: this.#open,
      busiestThread,
      asked: isClosed ? undefined : this.#asked,
      wasAborted: this.#signal?.aborted ?? false,
    }
  }

  /** An open loop has ended when its plan has. */
  #endOf(now: number): number {
    const planned = this.#startedAt + this.#durationMs
    return 'closedLoopMs' in this.#options.arrivals ? now : Math.min(now, planned)
  }

  get #open(): number {
    return this.#submitted - this.#recorder.told
  }

  /** Kept connections are there before the first request, or have failed. */
  async #connected(): Promise<void> {
    const { connections, requestsPerConnection, connectTimeoutMs } = this.#checked
    if (requestsPerConnection !== Number.POSITIVE_INFINITY) return
    const { counts } = this.#recorder
    const deadlineAt = systemClock.now() + connectTimeoutMs + 1_000
    while (counts.connectionsMade + counts.connectionsFailed < connections) {
      if (this.#signal?.aborted || systemClock.now() > deadlineAt) return
      await this.#until((wake) => {
        this.#recorder.onConnections = wake
      })
    }
    this.#recorder.onConnections = undefined
  }

  async #openLoop(plan: Exclude<LoadOptions['arrivals'], { closedLoopMs: number }>): Promise<void> {
    const { seed, shares } = this.#checked
    const times =
      'timesMs' in plan
        ? plan.timesMs.values()
        : arrivals(plan.stages, plan.spacing ?? 'even', seed)
    this.#durationMs =
      'timesMs' in plan
        ? (plan.timesMs.at(-1) ?? 0)
        : plan.stages.reduce((sum, { durationMs }) => sum + durationMs, 0)
    const submissions = new Submissions(times, shares, seed)
    for (;;) {
      const elapsedMs = systemClock.now() - this.#startedAt
      const next = submissions.take(elapsedMs + AHEAD_MS, this.#startedAt)
      this.#asked += next.countedFrom(this.#recorder.countsFrom)
      this.#submit(next)
      if (this.#signal?.aborted || (submissions.isOver && elapsedMs >= this.#durationMs)) return
      await this.#look()
    }
  }

  async #closedLoop(durationMs: number): Promise<void> {
    const { seed, shares } = this.#checked
    this.#durationMs = durationMs
    const submissions = new Submissions([][Symbol.iterator](), shares, seed)
    await sleep(HEAD_START_MS, undefined, { ref: true })
    let told = this.#recorder.told
    let lookedAt = systemClock.now()
    let queued = LEAST_QUEUED
    const fill = () => {
      if (this.#open < queued) this.#submit(submissions.atOnce(queued))
    }
    fill()
    this.#recorder.onExchanges = fill
    while (systemClock.now() < this.#startedAt + durationMs && !this.#signal?.aborted) {
      await this.#look()
      const now = systemClock.now()
      const rate = (this.#recorder.told - told) / (now - lookedAt)
      told = this.#recorder.told
      lookedAt = now
      queued = Math.max(LEAST_QUEUED, Math.ceil(rate * 500))
    }
    this.#recorder.onExchanges = undefined
    this.#lane.stop()
  }

  /** What is under way has its time. */
  async #drained(): Promise<void> {
    const { timeoutMs } = this.#checked
    if (this.#signal?.aborted) this.#lane.stop()
    const patienceMs = this.#signal?.aborted ? 0 : timeoutMs
    const deadlineAt = systemClock.now() + patienceMs + 1_000
    while (this.#open > 0 && systemClock.now() < deadlineAt) {
      await this.#until((wake) => {
        this.#recorder.onExchanges = wake
      })
    }
    this.#recorder.onExchanges = undefined
  }

  #submit({ records, count }: Submission): void {
    if (count === 0) return
    this.#submitted += count
    this.#lane.submit(records, count)
  }

  async #look(): Promise<void> {
    await sleep(LOOK_MS)
    const elapsedMs = systemClock.now() - this.#startedAt
    if (elapsedMs < this.#nextProgressAt) return
    this.#nextProgressAt = elapsedMs + 1_000 - (elapsedMs % 1_000)
    const { counts, series } = this.#recorder
    this.#options.onProgress?.({
      elapsedMs,
      durationMs: this.#durationMs,
      requests: counts.requests,
      answered: counts.answered,
      failed: counts.requests - counts.answered,
      open: this.#open,
      last: series.latest(),
    })
  }

  /** Until `arm` has it woken, and for a look's time at most. */
  async #until(arm: (wake: () => void) => void): Promise<void> {
    const { promise, resolve } = withResolvers()
    const timer = setTimeout(resolve, LOOK_MS)
    arm(resolve)
    await promise
    clearTimeout(timer)
  }
}

function withResolvers(): { readonly promise: Promise<void>; readonly resolve: () => void } {
  let resolve = (): void => {}
  const promise = new Promise<void>((done) => {
    resolve = done
  })
  return { promise, resolve }
}
