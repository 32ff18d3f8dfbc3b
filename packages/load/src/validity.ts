/** Whether a run measured the server, or this side of it. */
import { quantileName, supportedQuantiles } from './quantiles.js'
import type { Measured } from './run.js'

/**
 * Why a figure is not to be believed.
 *
 * @example
 * ```ts
 * import type { Problem } from '@pollout/load'
 *
 * const wasLate = (problems: readonly Problem[]): boolean =>
 *   problems.some(({ code }) => code === 'late')
 * ```
 */
export interface Problem {
  readonly code: 'late' | 'slow loop' | 'no processor' | 'own failures' | 'too few'
  readonly message: string
}

/** What this side adds to a percentile may be so much of it, or so many milliseconds. */
const SHARE_OF_OURS = 0.1
const LEAST_OF_OURS_MS = 0.1
/** Of a core: what is more leaves nothing for when it is needed. */
const BUSIEST = 0.95
/** Of all requests: failures whose trouble was on this side. */
const OWN_FAILURES = 0.001
const FEWEST_SAMPLES = 20

export function problemsOf(measured: Measured): readonly Problem[] {
  return [...tooFew(measured), ...spoilt(measured), ...noProcessor(measured), ...own(measured)]
}

function tooFew({ recorder }: Measured): readonly Problem[] {
  const { count } = recorder.times.response
  // Where nobody answers there is nothing to be wrong about.
  if (count >= FEWEST_SAMPLES || count === 0) return []
  const message = `${count} responses say nothing about percentiles: run longer, or at a higher rate`
  return [{ code: 'too few', message }]
}

/** Each percentile that is printed: what of it was lateness, and what was this loop. */
function spoilt({ recorder }: Measured): readonly Problem[] {
  const { response, lateness, handOver } = recorder.times
  const ours = [
    ['late', lateness, 'requests were sent late by'],
    ['slow loop', handOver, 'responses lay there unread for'],
  ] as const
  return ours.flatMap(([code, histogram, what]) => {
    const spoilt = supportedQuantiles(response.count).find((quantile) => {
      const most = Math.max(LEAST_OF_OURS_MS, SHARE_OF_OURS * response.quantile(quantile))
      return histogram.quantile(quantile) > most
    })
    if (spoilt === undefined) return []
    const name = quantileName(spoilt)
    const ms = histogram.quantile(spoilt).toFixed(2)
    const whole = response.quantile(spoilt).toFixed(2)
    const message = `at ${name}, ${what} ${ms} ms, where a response took ${whole} ms: that is this side, not the server`
    return [{ code, message }]
  })
}

function noProcessor({ busiestThread = 0 }: Measured): readonly Problem[] {
  if (busiestThread < BUSIEST) return []
  const percent = Math.round(busiestThread * 100)
  const message = `a thread of this side was busy for ${percent} % of the time: the limit that was found may be its own; give it more threads, or fewer requests`
  return [{ code: 'no processor', message }]
}

function own({ recorder }: Measured): readonly Problem[] {
  const { counts } = recorder
  const own = [...counts.failures].filter(([, { localFault }]) => localFault)
  const count = own.reduce((sum, [, failure]) => sum + failure.count, 0)
  if (count <= OWN_FAILURES * counts.requests) return []
  const kinds = own.map(([kind]) => kind).join(', ')
  const message = `${count} of ${counts.requests} requests failed on this side: ${kinds}`
  return [{ code: 'own failures', message }]
}
