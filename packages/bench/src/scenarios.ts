/** What is measured, and who can take part in it. */
import { CONTESTANTS, type ContestantId, isC, isRuntime } from './job.js'
import { isPacing, PACING_SCENARIOS } from './pacing.js'
import { isTransfer, TRANSFER_SCENARIOS } from './transfers.js'

export const SCENARIOS = [
  'accepted',
  'refused',
  'scattered',
  'burst',
  'storm',
  'cancel',
  ...PACING_SCENARIOS,
  'idle',
  'handshake',
  'handshake-veth',
  ...TRANSFER_SCENARIOS,
  'long-list',
] as const
export type Scenario = (typeof SCENARIOS)[number]

/** Takes minutes: only for who asks by its name. */
const ON_REQUEST: Scenario = 'long-list'

/** How a connection came about makes no difference to what it carries. */
const TRANSFERRING: readonly ContestantId[] = ['c', 'node-net', 'native-connect', 'net-connect']
/** For lists and paces; with node:net it is done by hand. */
const FANNING_OUT: readonly ContestantId[] = [
  'node-net',
  'native-many',
  'native-many-0',
  'native-batches',
  'net-many',
]

/** Every word of the pattern has to stand in the name. */
export function matches(pattern: string, scenario: Scenario, id: ContestantId): boolean {
  if (scenario === ON_REQUEST && !pattern.toLowerCase().includes(ON_REQUEST)) return false
  const name = `${scenario} ${id} ${titleOf(id)}`.toLowerCase()
  const words = pattern.toLowerCase().split(/\s+/)
  return takesPart(scenario, id) && words.every((word) => name.includes(word))
}

/** Whether the contestant can have a row there. */
export function takesPart(scenario: Scenario, id: ContestantId): boolean {
  if (isTransfer(scenario)) return TRANSFERRING.includes(id)
  if (isPacing(scenario) || scenario === 'long-list') return FANNING_OUT.includes(id)
  if (isRateScenario(scenario)) return true
  if (isRuntime(id)) return false
  // Its outcomes are columns: there is no connection to keep, and no object to time.
  if (id === 'native-batches') return scenario === 'storm' || scenario === 'cancel'
  // Node's loop and memory are looked at there.
  if (scenario === 'burst' || scenario === 'storm' || scenario === 'idle') return !isC(id)
  return id !== 'c-reused'
}

export function isHandshake(scenario: Scenario): scenario is 'handshake' | 'handshake-veth' {
  return scenario === 'handshake' || scenario === 'handshake-veth'
}

export function isRateScenario(
  scenario: Scenario,
): scenario is 'accepted' | 'refused' | 'scattered' {
  return scenario === 'accepted' || scenario === 'refused' || scenario === 'scattered'
}

export function titleOf(id: ContestantId): string {
  return CONTESTANTS.find((contestant) => contestant.id === id)?.title ?? id
}
