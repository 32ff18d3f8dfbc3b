/** What a run says in the end: numbers that its samples support, and whether they are to be believed. */
import { availableParallelism, cpus, release } from 'node:os'
import type { Histogram } from './measure/histogram.js'
import type { Failures, Times } from './measure/recorder.js'
import type { Second } from './measure/time-series.js'
import type { LoadOptions } from './options.js'
import { quantileName, supportedQuantiles } from './quantiles.js'
import type { Measured } from './run.js'
import { type Problem, problemsOf } from './validity.js'

/**
 * The shape of {@link LoadResult}. It grows by what can be left out; what changes the meaning of a field changes this.
 *
 * @example
 * ```ts
 * import { type LoadResult, RESULT_SCHEMA } from '@pollout/load'
 *
 * function read(text: string): LoadResult {
 *   const result = JSON.parse(text) as LoadResult
 *   if (result.schema !== RESULT_SCHEMA) throw new Error(`made by another version: ${result.schema}`)
 *   return result
 * }
 * ```
 */
export const RESULT_SCHEMA = 'pollout-load/1'

/**
 * One clock's times, in milliseconds.
 *
 * @example
 * ```ts
 * import { Histogram, type TimesSummary } from '@pollout/load'
 *
 * // Any other percentile of it.
 * function quantile({ histogram }: TimesSummary, share: number): number {
 *   return Histogram.decode(histogram).quantile(share)
 * }
 * ```
 */
export interface TimesSummary {
  readonly count: number
  readonly mean: number | null
  readonly standardDeviation: number | null
  readonly min: number | null
  readonly max: number | null
  /** By name: `p50`, `p99.9`. Those that the number of samples does not support are left out. */
  readonly percentiles: Readonly<Record<string, number>>
  /** All of it: HdrHistogram's V2 encoding, compressed, as base64, in units of 100 ns. */
  readonly histogram: string
}

/**
 * What {@link runLoad} has found. As JSON it is what `pollout load --json` writes.
 *
 * @example
 * ```ts
 * import type { LoadResult } from '@pollout/load'

 *
 * function summary({ requests, times, isValid }: LoadResult): string {
 *   const p99 = times.response.percentiles['p99'] ?? 'not known'
 *   return `${requests.perSecond}/s, p99 ${p99} ms${isValid ? '' : ', not to be believed'}`
 * }
 * ```
 */
export interface LoadResult {
  readonly schema: typeof RESULT_SCHEMA
  /** ISO 8601. */
  readonly startedAt: string
  readonly endpoints: readonly string[]
  readonly loop: 'open' | 'closed'
  readonly lane: 'native' | 'portable'
  readonly threads: number
  readonly backend: string
  readonly seed: number
  readonly connectionsAsked: number
  /** Of what counts: warm-up is left out. */
  readonly measuredMs: number
  readonly wasAborted: boolean
  readonly machine: Readonly<Record<'node' | 'kernel' | 'cpu', string>> & { readonly cores: number }
  /** No problems. */
  readonly isValid: boolean
  readonly problems: readonly Problem[]
  readonly requests: {
    /** What was asked for a second, on average; null in a closed loop. */
    readonly askedPerSecond: number | null
    /** Requests that were answered, or have failed, a second. */
    readonly perSecond: number
    readonly total: number
    readonly answered: number
    readonly failed: number
    /** Under way when the run was over. */
    readonly unfinished: number
    readonly bytesReceived: number
    readonly codes: Readonly<Record<string, number>>
    readonly failures: readonly ({ readonly kind: string } & Failures)[]
  }
  readonly connections: {
    readonly made: number
    readonly failed: number
    readonly failures: readonly ({ readonly kind: string } & Failures)[]
    readonly gone: Readonly<Record<string, number>>
  }
  readonly times: Readonly<Record<keyof Times, TimesSummary>>
  /** The share of a core that the busiest thread of this side's had; null where that is not known. */
  readonly busiestThread: number | null
  readonly series: readonly Second[]
}

export function resultOf(
  measured: Measured,
  options: LoadOptions,
  about: {
    readonly startedAt: Date
    readonly endpoints: readonly string[]
    readonly backend: string
    readonly threads: number
    readonly connections: number
  },
): LoadResult {
  const { recorder, measuredMs } = measured
  const { counts, times } = recorder
  const isClosed = 'closedLoopMs' in options.arrivals
  const seconds = measuredMs / 1_000
  const problems = problemsOf(measured)
  return {
    schema: RESULT_SCHEMA,
    startedAt: about.startedAt.toISOString(),
    endpoints: about.endpoints,
    loop: isClosed ? 'closed' : 'open',
    lane: measured.lane,
    threads: about.threads,
    backend: about.backend,
    seed: measured.seed,
    connectionsAsked: about.connections,
    measuredMs,
    wasAborted: measured.wasAborted,
    machine: {
      node: process.version,
      kernel: `${process.platform} ${release()} ${process.arch}`,
      cpu: cpus()[0]?.model ?? '',
      cores: availableParallelism(),
    },
    isValid: problems.length === 0,
    problems,
    requests: {
      askedPerSecond: measured.asked === undefined ? null : measured.asked / seconds,
      perSecond: seconds > 0 ? counts.requests / seconds : 0,
      total: counts.requests,
      answered: counts.answered,
      failed: counts.requests - counts.answered,
      unfinished: measured.unfinished,
      bytesReceived: counts.bytes,
      codes: Object.fromEntries([...counts.codes].sort(([a], [b]) => a - b)),
      failures: listed(counts.failures),
    },
    connections: {
      made: counts.connectionsMade,
      failed: counts.connectionsFailed,
      failures: listed(recorder.connectFailures),
      gone: Object.fromEntries(counts.connectionsGone),
    },
    times: Object.fromEntries(
      Object.entries(times).map(([name, histogram]) => [name, summaryOf(histogram)]),
    ) as Record<keyof Times, TimesSummary>,
    busiestThread: measured.busiestThread ?? null,
    series: recorder.series.seconds(),
  }
}

function summaryOf(histogram: Histogram): TimesSummary {
  const orNull = (value: number): number | null => (Number.isNaN(value) ? null : value)
  return {
    count: histogram.count,
    mean: orNull(histogram.meanMs),
    standardDeviation: orNull(histogram.standardDeviationMs),
    min: orNull(histogram.minMs),
    max: orNull(histogram.maxMs),
    percentiles: Object.fromEntries(
      supportedQuantiles(histogram.count).map((quantile) => [
        quantileName(quantile),
        histogram.quantile(quantile),
      ]),
    ),
    histogram: histogram.encode(),
  }
}

function listed(failures: ReadonlyMap<string, Failures>) {
  return [...failures]
    .map(([kind, failure]) => ({ kind, ...failure }))
    .sort((a, b) => b.count - a.count)
}
