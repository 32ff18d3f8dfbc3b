/** Conditions on a result, as `p99<5ms`, `errors<0.1%`, `rate>1000`: what a build is to fail by. */
import type { LoadResult } from './result.js'

/**
 * A condition on a result: {@link parseThreshold}.
 *
 * @example
 * ```ts
 * import { parseThreshold, type Threshold } from '@pollout/load'
 *
 * const limits: Threshold[] = ['p99<10ms', 'errors<0.1%'].map(parseThreshold)
 * ```
 */
export interface Threshold {
  readonly text: string
  readonly metric: 'percentile' | 'mean' | 'max' | 'errors' | 'rate'
  /** Of a percentile: its name in a result. */
  readonly percentile?: string
  readonly operator: '<' | '<=' | '>' | '>='
  /** Milliseconds, a share, or requests a second. */
  readonly limit: number
}

/**
 * What {@link judge} says of it.
 *
 * @example
 * ```ts
 * import type { JudgedThreshold } from '@pollout/load'
 *
 * const shown = ({ text, isMet }: JudgedThreshold): string => `${text}: ${isMet ? 'met' : 'missed'}`
 * ```
 */
export interface JudgedThreshold extends Threshold {
  /** Undefined where the samples do not tell. */
  readonly measured: number | undefined
  readonly isMet: boolean
}

const FORM =
  /^\s*(p\d{1,2}(?:\.\d+)?|mean|max|errors|rate)\s*(<=?|>=?)\s*(\d+(?:\.\d+)?)\s*(us|ms|s|%|\/s)?\s*$/
const MS: Readonly<Record<string, number>> = { us: 0.001, ms: 1, s: 1_000 }

/**
 * Throws RangeError for what is none, with what could be meant.
 *
 * @example
 * ```ts
 * import { parseThreshold } from '@pollout/load'
 *
 * parseThreshold('p99.9<=250us').limit // 0.25
 * ```
 */
export function parseThreshold(text: string): Threshold {
  const [, metric = '', operator = '', number = '', unit = ''] = FORM.exec(text) ?? []
  const wrong = (what: string) =>
    new RangeError(`${what}; write p99<5ms, mean<2ms, max<1s, errors<0.1% or rate>1000`)
  if (metric === '') throw wrong(`"${text}" is no threshold`)
  const comparison = operator as Threshold['operator']
  if (metric === 'errors') {
    if (unit !== '%') throw wrong('errors are a percentage')
    return { text, metric, operator: comparison, limit: Number(number) / 100 }
  }
  if (metric === 'rate') {
    if (unit !== '' && unit !== '/s') throw wrong('a rate is requests a second')
    return { text, metric, operator: comparison, limit: Number(number) }
  }
  const ms = MS[unit]
  if (ms === undefined) throw wrong('a time needs its unit: us, ms or s')
  const limit = Number(number) * ms
  if (metric === 'mean' || metric === 'max') return { text, metric, operator: comparison, limit }
  return { text, metric: 'percentile', percentile: metric, operator: comparison, limit }
}

/**
 * Holds a result against it. What the samples do not tell is not met.
 *
 * @example
 * ```ts
 * import { judge, type LoadResult, parseThreshold } from '@pollout/load'
 *
 * function isFast(result: LoadResult): boolean {
 *   return judge(parseThreshold('p99<10ms'), result).isMet
 * }
 * ```
 */
export function judge(threshold: Threshold, result: LoadResult): JudgedThreshold {
  const measured = measuredBy(threshold, result)
  return { ...threshold, measured, isMet: measured !== undefined && compare(threshold, measured) }
}

function measuredBy(
  { metric, percentile = '' }: Threshold,
  { times, requests }: LoadResult,
): number | undefined {
  switch (metric) {
    case 'percentile':
      return times.response.percentiles[percentile]
    case 'mean':
    case 'max':
      return times.response[metric] ?? undefined
    case 'errors': {
      const all = requests.total + requests.unfinished
      return all === 0 ? undefined : (requests.failed + requests.unfinished) / all
    }
    case 'rate':
      return requests.answered / requests.total > 0
        ? requests.perSecond * (requests.answered / requests.total)
        : 0
  }
}

function compare({ operator, limit }: Threshold, measured: number): boolean {
  if (operator === '<') return measured < limit
  if (operator === '<=') return measured <= limit
  return operator === '>' ? measured > limit : measured >= limit
}
