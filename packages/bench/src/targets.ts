/** What the project has set itself, and whether it is met. */
import type { ContestantId } from './job.js'
import type { Scenario } from './options.js'
import type { Summary } from './statistics.js'

export interface Target {
  readonly scenario: Scenario
  readonly contestant: ContestantId
  /** Whom it is compared with. */
  readonly of: 'c' | 'node-net'
  /** The median of the ratios has to be at least, at most, or off 1 by no more than... */
  readonly limit:
    | { readonly least: number }
    | { readonly most: number }
    | { readonly within: number }
}

export interface JudgedTarget extends Target {
  readonly measured: Summary | undefined
  /** Undefined where it was not measured. */
  readonly met: boolean | undefined
}

const TARGETS: readonly Target[] = [
  { scenario: 'accepted', contestant: 'native-many', of: 'c', limit: { least: 0.75 } },
  { scenario: 'accepted', contestant: 'native-many', of: 'node-net', limit: { least: 1.3 } },
  { scenario: 'accepted', contestant: 'native-connect', of: 'node-net', limit: { least: 1.15 } },
  { scenario: 'accepted', contestant: 'net-many', of: 'node-net', limit: { least: 0.85 } },
  { scenario: 'accepted', contestant: 'net-connect', of: 'node-net', limit: { least: 0.85 } },
  { scenario: 'refused', contestant: 'native-many', of: 'node-net', limit: { least: 1.8 } },
  { scenario: 'refused', contestant: 'net-many', of: 'node-net', limit: { least: 0.85 } },
  { scenario: 'refused', contestant: 'net-connect', of: 'node-net', limit: { least: 0.85 } },
  { scenario: 'handshake', contestant: 'native-many', of: 'c', limit: { within: 0.2 } },
  { scenario: 'handshake', contestant: 'native-connect', of: 'c', limit: { within: 0.2 } },
  {
    scenario: 'pingpong-1000',
    contestant: 'native-connect',
    of: 'node-net',
    limit: { least: 1.4 },
  },
  { scenario: 'pingpong-1', contestant: 'native-connect', of: 'node-net', limit: { least: 1 } },
  { scenario: 'stream-in-100', contestant: 'native-connect', of: 'node-net', limit: { least: 1 } },
  { scenario: 'stream-in-1', contestant: 'native-connect', of: 'node-net', limit: { least: 1 } },
  { scenario: 'stream-out-100', contestant: 'native-connect', of: 'node-net', limit: { least: 1 } },
  { scenario: 'stream-out-1', contestant: 'native-connect', of: 'node-net', limit: { least: 1 } },
  { scenario: 'idle', contestant: 'native-many', of: 'node-net', limit: { most: 0.5 } },
  { scenario: 'idle', contestant: 'native-connect', of: 'node-net', limit: { most: 0.5 } },
]

export function judge(ratioOf: (target: Target) => Summary | undefined): readonly JudgedTarget[] {
  return TARGETS.map((target) => {
    const measured = ratioOf(target)
    return { ...target, measured, met: measured && isMet(target, measured.median) }
  })
}

function isMet({ limit }: Target, ratio: number): boolean {
  if ('least' in limit) return ratio >= limit.least
  return 'most' in limit ? ratio <= limit.most : Math.abs(ratio - 1) <= limit.within
}
