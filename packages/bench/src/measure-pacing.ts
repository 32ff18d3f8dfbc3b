/** How well a pace is kept: what the moments of the starts are against those of the schedule. */
import type { Api } from './api.js'
import type { PacingJob, PacingSample } from './job.js'
import { percentiles } from './statistics.js'

/** Starts, and time, beyond what is looked at, so that its end is not the list's. */
const SPARE = 1.05
const WARM_UP = 500

export async function measurePacing(api: Api, job: PacingJob): Promise<PacingSample> {
  const { addresses, rate, durationMs } = job
  await api.run({ addresses, inFlight: 64, count: WARM_UP })
  const startedAt: number[] = []
  const longestMs = durationMs * SPARE
  const count = Math.ceil((rate * longestMs) / 1_000) + 1
  const tally = await api.runPaced({ addresses, count, rate, longestMs }, startedAt)
  return { ...tally, ...judgeSchedule(startedAt, rate, durationMs) }
}

/** The schedule begins with the first start: the k-th is due k / rate after it. */
export function judgeSchedule(
  startedAt: readonly number[],
  rate: number,
  durationMs: number,
): Pick<PacingSample, 'rateError' | 'offsetMs' | 'largestBurst'> {
  const sorted = Float64Array.from(startedAt).sort()
  const first = sorted[0] ?? Number.NaN
  const intervalMs = 1_000 / rate
  // Half an interval before the one that is due when the time is over: a little early or late makes no difference.
  const endsAt = durationMs - intervalMs / 2
  const moments = Array.from(sorted, (at) => at - first).filter((at) => at < endsAt)
  return {
    rateError: moments.length / ((rate * durationMs) / 1_000) - 1,
    offsetMs: percentiles(moments.map((at, k) => Math.abs(at - k * intervalMs))),
    largestBurst: largestBurst(moments, intervalMs),
  }
}

/** The greatest, over all stretches from one start to another, of the starts in it less those that its length gives. */
function largestBurst(moments: readonly number[], intervalMs: number): number {
  let least = Number.POSITIVE_INFINITY
  let largest = 0
  for (const [k, at] of moments.entries()) {
    const ahead = k - at / intervalMs
    least = Math.min(least, ahead)
    largest = Math.max(largest, ahead - least + 1)
  }
  return largest
}
