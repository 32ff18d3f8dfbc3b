/** Runs the scenarios: round after round, in each of which all contestants take their turn. */
import type { Bench } from './bench.js'
import { addressesFor, commandFor } from './commands.js'
import {
  type BurstSample,
  type CancelSample,
  CONTESTANTS,
  type ContestantId,
  type HandshakeSample,
  type IdleSample,
  type LongListSample,
  type PacingSample,
  type RateSample,
  type StormSample,
  type Tally,
  type TransferSample,
} from './job.js'
import { isPacing, type PacingScenario } from './pacing.js'
import { isHandshake, matches, SCENARIOS, type Scenario, takesPart, titleOf } from './scenarios.js'
import type { Settings } from './settings.js'
import { totalOf } from './tally.js'
import type { TransferScenario } from './transfers.js'

/** One sample a round. */
export type Samples<Sample> = Map<ContestantId, Sample[]>

/** What a turn of each scenario gives. */
export interface SampleOf
  extends Record<TransferScenario, TransferSample>,
    Record<PacingScenario, PacingSample> {
  readonly accepted: RateSample
  readonly refused: RateSample
  readonly scattered: RateSample
  readonly burst: BurstSample
  readonly storm: StormSample
  readonly cancel: CancelSample
  readonly idle: IdleSample
  readonly handshake: HandshakeSample
  readonly 'handshake-veth': HandshakeSample
  readonly 'long-list': LongListSample
}

export type Measured = { readonly [S in Scenario]: Samples<SampleOf[S]> }

/** What the ratios are ratios of. */
const BASELINES: readonly ContestantId[] = ['c', 'node-net']

export async function measure(bench: Bench): Promise<Measured> {
  const measured: [Scenario, Samples<Tally>][] = []
  for (const scenario of SCENARIOS) measured.push([scenario, await alternate(bench, scenario)])
  // Each program prints the sample of the job that it was given.
  return Object.fromEntries(measured) as unknown as Measured
}

async function alternate(bench: Bench, scenario: Scenario): Promise<Samples<Tally>> {
  const rounds = roundsOf(scenario, bench.settings)
  const samples: Samples<Tally> = new Map(participants(bench, scenario).map((id) => [id, []]))
  for (let round = 1; round <= rounds; round++) {
    for (const [id, list] of samples) {
      bench.progress(`${scenario}, round ${round} of ${rounds}: ${titleOf(id)}`)
      const output = await bench.children.run(commandFor(bench, scenario, id))
      const sample = JSON.parse(output) as Tally
      checkTally(sample, scenario, id)
      list.push(sample)
    }
  }
  return samples
}

function roundsOf(scenario: Scenario, settings: Settings): number {
  if (isPacing(scenario)) return settings.pacingRounds
  if (isHandshake(scenario)) return settings.handshakeRounds
  switch (scenario) {
    case 'burst':
      return settings.burstRounds
    case 'storm':
      return settings.stormRounds
    case 'cancel':
      return settings.cancelRounds
    case 'idle':
      return settings.idleRounds
    case 'long-list':
      return settings.longListRounds
    default:
      return settings.rounds
  }
}

function participants(bench: Bench, scenario: Scenario): ContestantId[] {
  const { options, skipped } = bench
  const ids = CONTESTANTS.map(({ id }) => id)
  const isAsked = (id: ContestantId) => matches(options.only, scenario, id)
  if (!ids.some(isAsked)) return []
  return ids.filter(
    (id) =>
      takesPart(scenario, id) &&
      !skipped.has(id) &&
      addressesFor(bench, scenario, id).length > 0 &&
      (BASELINES.includes(id) || isAsked(id)),
  )
}

/** A connect that ended otherwise than it should makes the rate of all worthless. */
function checkTally(sample: Tally, scenario: Scenario, id: ContestantId): void {
  const { connected, refused, other, firstError } = sample
  // Of a long list, a few are to be accepted.
  const isMixed = scenario === 'long-list'
  const isRefused = scenario === 'refused' || scenario === 'scattered' || isPacing(scenario)
  const wrong = other + (isMixed ? 0 : isRefused ? connected : refused)
  if (wrong === 0) return
  const hint = other > 0 ? `; the first error was ${firstError}` : ''
  throw new Error(
    `${scenario}, ${titleOf(id)}: ${wrong} of ${totalOf(sample)} connects ended otherwise than they should${hint}`,
  )
}
