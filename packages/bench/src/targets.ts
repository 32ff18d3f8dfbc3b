/** What the project has set itself, and whether it is met. */
import { MAKE_UP_MS } from '@pollout/core'
import type { ContestantId } from './job.js'
import { PACES, type PacingScenario } from './pacing.js'
import type { Scenario } from './scenarios.js'
import type { Summary } from './statistics.js'

export interface Target {
  readonly scenario: Scenario
  readonly contestant: ContestantId
  /** Which figure of figures.ts; the scenario's first unless said otherwise. */
  readonly figure?: string
  /** Whose figure of the same round it is divided by; else its own is looked at. */
  readonly of?: ContestantId
  /** Whose figure of the same round is taken off it. */
  readonly beyond?: ContestantId
  /** The median has to be at least, at most, more than, or off 1 by no more than... */
  readonly limit: Limit
  /** What stands behind the number where it is no ratio. */
  readonly unit?: string
}

export type Limit =
  | { readonly least: number }
  | { readonly most: number }
  | { readonly above: number }
  | { readonly within: number }

export interface JudgedTarget extends Target {
  readonly measured: Summary | undefined
  /** Undefined where it was not measured. */
  readonly met: boolean | undefined
}

/** On a poller thread, against everything that a user could pick; and without a thread of its own. */
const BULK: readonly Target[] = (['accepted', 'refused'] as const).flatMap((scenario) => {
  const many = { scenario, contestant: 'native-many' } as const
  return [
    { ...many, of: 'c', limit: { least: 0.97 } },
    { ...many, of: 'node-net', limit: { least: scenario === 'accepted' ? 1.6 : 2.2 } },
    { ...many, of: 'bun', limit: { above: 1 } },
    { ...many, of: 'deno', limit: { above: 1 } },
    { ...many, of: 'go', limit: { above: 1 } },
    { ...many, figure: 'cpuUs', limit: { most: 1 }, unit: 'µs JS' },
    { scenario, contestant: 'native-many-0', of: 'c', limit: { least: 0.93 } },
    {
      scenario,
      contestant: 'native-batches',
      figure: 'cpuUs',
      limit: { most: 0.2 },
      unit: 'µs JS',
    },
  ]
})

const PACING: readonly Target[] = Object.entries(PACES).flatMap(([name, rate]) => {
  const many = { scenario: name as PacingScenario, contestant: 'native-many' } as const
  // What is documented of `ConnectManyOptions.rate`.
  const burst = 1 + Math.max(1, (rate * MAKE_UP_MS) / 1_000)
  return [
    { ...many, figure: 'rateErrorPercent', limit: { most: 2 }, unit: '% error' },
    { ...many, figure: 'largestBurst', limit: { most: burst }, unit: 'at once' },
  ]
})

const STORM = { scenario: 'storm', contestant: 'native-many' } as const
const LONG_LIST = { scenario: 'long-list', contestant: 'native-many' } as const

/** At least so much of what node:net does. */
const OF_NODE_NET: readonly Target[] = (
  [
    ['accepted', 'native-connect', 1.15],
    ['accepted', 'net-many', 0.85],
    ['accepted', 'net-connect', 0.85],
    ['refused', 'net-many', 0.85],
    ['refused', 'net-connect', 0.85],
    ['pingpong-1000', 'native-connect', 1.4],
    ['pingpong-1', 'native-connect', 1],
    ['stream-in-100', 'native-connect', 1],
    ['stream-in-1', 'native-connect', 1],
    ['stream-out-100', 'native-connect', 1],
    ['stream-out-1', 'native-connect', 1],
  ] as const
).map(([scenario, contestant, least]) => ({
  scenario,
  contestant,
  of: 'node-net',
  limit: { least },
}))

const TARGETS: readonly Target[] = [
  ...BULK,
  ...OF_NODE_NET,
  { ...STORM, figure: 'monitorP999Ms', limit: { most: 5 }, unit: 'ms p99.9' },
  { ...STORM, figure: 'monitorMaxMs', limit: { most: 20 }, unit: 'ms max' },
  { ...STORM, figure: 'firstP999Ms', limit: { most: 5 }, unit: 'ms p99.9, first' },
  { ...STORM, figure: 'firstMaxMs', limit: { most: 20 }, unit: 'ms max, first' },
  {
    scenario: 'cancel',
    contestant: 'native-many',
    beyond: 'c',
    limit: { most: 100 },
    unit: 'ms',
  },
  ...PACING,
  { scenario: 'handshake', contestant: 'native-many', of: 'c', limit: { within: 0.2 } },
  { scenario: 'handshake', contestant: 'native-connect', of: 'c', limit: { within: 0.2 } },
  { scenario: 'idle', contestant: 'native-many', limit: { most: 700 }, unit: 'bytes' },
  { scenario: 'idle', contestant: 'native-connect', of: 'node-net', limit: { most: 0.5 } },
  { ...LONG_LIST, figure: 'growthMB', limit: { most: 60 }, unit: 'MB' },
  { ...LONG_LIST, figure: 'ofShort', limit: { least: 0.9 }, unit: 'of the short list' },
]

export function judge(measureOf: (target: Target) => Summary | undefined): readonly JudgedTarget[] {
  return TARGETS.map((target) => {
    const measured = measureOf(target)
    return { ...target, measured, met: measured && isMet(target.limit, measured.median) }
  })
}

function isMet(limit: Limit, measured: number): boolean {
  if ('least' in limit) return measured >= limit.least
  if ('most' in limit) return measured <= limit.most
  return 'above' in limit ? measured > limit.above : Math.abs(measured - 1) <= limit.within
}
