/** One backend's run over the list, with its figures. */
import { createHistogram, monitorEventLoopDelay } from 'node:perf_hooks'
import { type BackendFactory, createReactor, type OutcomeKind, type Target } from 'pollout'

export interface Figures {
  readonly backend: string
  readonly outcomes: ReadonlyMap<OutcomeKind, number>
  readonly total: number
  /** Everything, from the first target to the last outcome, the wait for silent ones included. */
  readonly elapsedMs: number
  /** Connects that came to an end with the network's answer, a second, over the busy part of the run. */
  readonly perSecond: number
  /** Of the connected, in milliseconds. */
  readonly latency: Percentiles
  /** How late the event loop came round, in milliseconds. */
  readonly loopDelay: Percentiles
  readonly peakRssMb: number
  /** Stopped by the user. */
  readonly interrupted: boolean
}

export interface Percentiles {
  readonly p50: number
  readonly p99: number
  readonly max: number
}

export interface RunOptions {
  readonly backend: BackendFactory
  readonly concurrency: number
  readonly timeoutMs: number
  readonly signal: AbortSignal
  progress(done: number, perSecond: number): void
}

const SAMPLE_MS = 100

export async function run(targets: Iterable<Target>, options: RunOptions): Promise<Figures> {
  const reactor = createReactor({ backend: options.backend })
  const outcomes = new Map<OutcomeKind, number>()
  const latency = createHistogram()
  const loopDelay = monitorEventLoopDelay({ resolution: 1 })
  let total = 0
  let answered = 0
  let lastAnswerAt = 0
  let peakRss = 0
  const startedAt = performance.now()
  const perSecond = (): number => (answered / Math.max(1, lastAnswerAt - startedAt)) * 1_000
  const sampler = setInterval(() => {
    peakRss = Math.max(peakRss, process.memoryUsage.rss())
    options.progress(total, perSecond())
  }, SAMPLE_MS)

  loopDelay.enable()
  const interrupted = await new Promise<boolean>((resolve, reject) => {
    const { concurrency, timeoutMs, signal } = options
    reactor
      .connectMany(targets, { concurrency, timeoutMs, signal, onConnected: 'reset' })
      .subscribe({
        next(outcome) {
          total++
          outcomes.set(outcome.kind, (outcomes.get(outcome.kind) ?? 0) + 1)
          if (outcome.kind === 'connected')
            latency.record(Math.max(1, Math.round(outcome.elapsedMs * 1_000)))
          if (outcome.kind !== 'connected' && outcome.kind !== 'refused') return
          answered++
          lastAnswerAt = performance.now()
        },
        complete: () => resolve(false),
        error: (error: unknown) => (signal.aborted ? resolve(true) : reject(error)),
      })
  })
  const elapsedMs = performance.now() - startedAt
  loopDelay.disable()
  clearInterval(sampler)
  options.progress(total, perSecond())
  const { backend } = reactor
  await reactor.destroy()
  return {
    backend,
    outcomes,
    total,
    elapsedMs,
    perSecond: perSecond(),
    latency: percentiles(latency, 1_000),
    loopDelay: percentiles(loopDelay, 1_000_000),
    peakRssMb: peakRss / 2 ** 20,
    interrupted,
  }
}

interface Histogram {
  readonly count: number
  readonly max: number
  percentile(percentile: number): number
}

function percentiles(histogram: Histogram, perMs: number): Percentiles {
  if (histogram.count === 0) return { p50: Number.NaN, p99: Number.NaN, max: Number.NaN }
  return {
    p50: histogram.percentile(50) / perMs,
    p99: histogram.percentile(99) / perMs,
    max: histogram.max / perMs,
  }
}
