/** That a pace was not kept, and why, as one line for people. */
import type { PaceLost } from '@pollout/core'
import { perSecond, whole } from '../../outcomes/figures.js'
import type { WaitedFor } from './feed.js'

export interface Limits {
  readonly concurrency: number
  readonly adaptive?: boolean | undefined
  readonly maxPerHost?: number | undefined
  readonly maxPerPrefix?: number | undefined
}

/** Undefined where nothing was wanted of the pace: there was nothing to try but what waits for its time to be tried again. */
export function paceLine(lost: PaceLost, waitedFor: WaitedFor, limits: Limits): string | undefined {
  const why = reason(lost, waitedFor, limits)
  if (why === undefined) return undefined
  const { rate, keptRate } = lost
  const kept = keptRate < 10 ? perSecond(Number(keptRate.toPrecision(2))) : whole(keptRate)
  return `the pace of ${perSecond(rate)}/s was not kept: ${kept}/s, as ${why}`
}

function reason({ why }: PaceLost, waitedFor: WaitedFor, limits: Limits): string | undefined {
  switch (why) {
    case 'concurrency':
      return full(limits)
    case 'caps':
      return `${capsOf(limits)} was reached`
    case 'exhaustion':
      return 'this machine ran out of descriptors, ports or memory'
    case 'busy':
      return 'this machine was busy'
    case 'source':
      return { open: full(limits), list: LATE_LIST, room: LATE_OUTPUT, retries: undefined }[
        waitedFor
      ]
  }
}

const LATE_LIST = 'targets came no faster'
const LATE_OUTPUT = 'the output was written no faster'

function full({ concurrency, adaptive }: Limits): string {
  const limit = `--concurrency ${whole(concurrency)}`
  return adaptive ? `${limit}, or what --adaptive made of it, was reached` : `${limit} was reached`
}

function capsOf({ maxPerHost, maxPerPrefix }: Limits): string {
  const caps = []
  if (maxPerHost !== undefined) caps.push(`--max-per-host ${whole(maxPerHost)}`)
  if (maxPerPrefix !== undefined) caps.push(`--max-per-prefix ${whole(maxPerPrefix)}`)
  return caps.join(' or ')
}
