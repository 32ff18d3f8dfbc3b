/** Runs the scenarios: round after round, in each of which all contestants take their turn. */
import { fileURLToPath } from 'node:url'
import type { Children, Command } from './children.js'
import {
  type Address,
  type ApiId,
  type BurstSample,
  CONTESTANTS,
  type ContestantId,
  type HandshakeSample,
  type IdleSample,
  isYardstick,
  type Job,
  type RateSample,
  type Tally,
  type TransferSample,
} from './job.js'
import type { Machine } from './machine.js'
import type { Peer } from './namespaced-peer.js'
import { isHandshake, matches, type Options, type Scenario } from './options.js'
import type { Server } from './server.js'
import type { Settings } from './settings.js'
import type { TransferServer } from './transfer-server.js'
import { isTransfer, TRANSFERS, type TransferScenario } from './transfers.js'
import type { Yardstick } from './yardstick.js'

/** One sample a round. */
export type Samples<Sample> = Map<ContestantId, Sample[]>

export interface Measured extends Record<TransferScenario, Samples<TransferSample>> {
  readonly accepted: Samples<RateSample>
  readonly refused: Samples<RateSample>
  readonly scattered: Samples<RateSample>
  readonly burst: Samples<BurstSample>
  readonly idle: Samples<IdleSample>
  readonly handshake: Samples<HandshakeSample>
  readonly 'handshake-veth': Samples<HandshakeSample>
}

export interface Bench {
  readonly children: Children
  readonly machine: Machine
  readonly options: Options
  readonly settings: Settings
  readonly server: Server
  /** Undefined where nobody asks for handshakes. */
  readonly peer: Peer | undefined
  /** Undefined where nobody asks for transfers. */
  readonly transferServer: TransferServer | undefined
  readonly yardstick: Yardstick
  /** Who can't take part here. */
  readonly skipped: ReadonlyMap<ContestantId, string>
  readonly progress: (what: string) => void
}

/** What the ratios are ratios of. */
const BASELINES: readonly ContestantId[] = ['c', 'node-net']

export async function measure(bench: Bench): Promise<Measured> {
  const { rounds, burstRounds, idleRounds, handshakeRounds } = bench.settings
  const transfer = (scenario: TransferScenario) =>
    alternate<TransferSample>(bench, scenario, rounds)
  return {
    accepted: await alternate<RateSample>(bench, 'accepted', rounds),
    refused: await alternate<RateSample>(bench, 'refused', rounds),
    scattered: await alternate<RateSample>(bench, 'scattered', rounds),
    burst: await alternate<BurstSample>(bench, 'burst', burstRounds),
    idle: await alternate<IdleSample>(bench, 'idle', idleRounds),
    handshake: await alternate<HandshakeSample>(bench, 'handshake', handshakeRounds),
    'handshake-veth': await alternate<HandshakeSample>(bench, 'handshake-veth', handshakeRounds),
    'pingpong-1000': await transfer('pingpong-1000'),
    'pingpong-1': await transfer('pingpong-1'),
    'stream-in-100': await transfer('stream-in-100'),
    'stream-in-1': await transfer('stream-in-1'),
    'stream-out-100': await transfer('stream-out-100'),
    'stream-out-1': await transfer('stream-out-1'),
  }
}

async function alternate<Sample extends Tally>(
  bench: Bench,
  scenario: Scenario,
  rounds: number,
): Promise<Samples<Sample>> {
  const contestants = participants(bench, scenario)
  const samples: Samples<Sample> = new Map(contestants.map((id) => [id, []]))
  for (let round = 1; round <= rounds; round++) {
    for (const [id, list] of samples) {
      bench.progress(`${scenario}, round ${round} of ${rounds}: ${titleOf(id)}`)
      const output = await bench.children.run(commandFor(bench, scenario, id))
      const sample = JSON.parse(output) as Sample
      checkTally(sample, scenario, id)
      list.push(sample)
    }
  }
  return samples
}

export function titleOf(id: ContestantId): string {
  return CONTESTANTS.find((contestant) => contestant.id === id)?.title ?? id
}

function participants(bench: Bench, scenario: Scenario): ContestantId[] {
  const { options, skipped } = bench
  if (addressesFor(bench, scenario).length === 0) return []
  const asked = CONTESTANTS.filter(({ id }) => matches(options.only, scenario, id))
  if (asked.length === 0) return []
  return CONTESTANTS.map(({ id }) => id).filter(
    (id) =>
      !skipped.has(id) &&
      matches('', scenario, id) &&
      (BASELINES.includes(id) || matches(options.only, scenario, id)),
  )
}

function commandFor(bench: Bench, scenario: Scenario, id: ContestantId): Command {
  const command = commandHere(bench, scenario, id)
  const { peer } = bench
  return isHandshake(scenario) && peer && 'enter' in peer ? peer.enter(command) : command
}

function commandHere(bench: Bench, scenario: Scenario, id: ContestantId): Command {
  const { settings, machine } = bench
  const addresses = addressesFor(bench, scenario)
  const cpu = machine.pinned?.client
  if (isYardstick(id)) return { ...yardstickCommand(bench, scenario, id), cpu }
  const program = fileURLToPath(new URL('./contestant.js', import.meta.url))
  return {
    file: process.execPath,
    args: [
      ...nodeFlags(scenario),
      program,
      JSON.stringify(jobFor(scenario, id, addresses, settings)),
    ],
    cpu,
  }
}

function yardstickCommand(bench: Bench, scenario: Scenario, id: 'c' | 'c-reused'): Command {
  const { settings, yardstick } = bench
  const addresses = addressesFor(bench, scenario)
  const hosts = addresses.map(({ host }) => host)
  const port = String(addresses[0]?.port)
  if (isHandshake(scenario)) {
    const { handshakeCount, handshakeWarmUp } = settings
    const numbers = [handshakeCount, handshakeWarmUp].map(String)
    return { file: yardstick.handshake ?? 'cc', args: [port, ...numbers, ...hosts] }
  }
  if (isTransfer(scenario)) {
    const { mode, bytes } = TRANSFERS[scenario]
    const { transferWarmUpMs, transferDurationMs } = settings
    const numbers = [connectionsOf(scenario, settings), bytes, transferWarmUpMs, transferDurationMs]
    return {
      file: yardstick.transfer ?? 'cc',
      args: [mode, port, ...numbers.map(String), ...hosts],
    }
  }
  const { inFlight, rateWarmUp, rateDurationMs, mostConnects } = settings
  const sockets = id === 'c' ? 'fresh' : 'reused'
  const numbers = [inFlight, rateWarmUp, rateDurationMs, mostConnects].map(String)
  return { file: yardstick.client ?? 'cc', args: [sockets, port, ...numbers, ...hosts] }
}

/** None where the scenario can't be had here. */
function addressesFor(bench: Bench, scenario: Scenario): readonly Address[] {
  const { server, peer, transferServer } = bench
  if (isTransfer(scenario)) {
    if (!transferServer || 'missing' in transferServer) return []
    return [transferServer.addresses[TRANSFERS[scenario].mode]]
  }
  if (isHandshake(scenario)) {
    if (!peer || 'missing' in peer) return []
    return scenario === 'handshake' ? peer.delayed : peer.direct
  }
  if (scenario === 'refused') return server.closed
  return scenario === 'scattered' ? server.scattered : server.accepting
}

function jobFor(
  scenario: Scenario,
  api: ApiId,
  addresses: readonly Address[],
  settings: Settings,
): Job {
  const { inFlight } = settings
  if (scenario === 'burst') {
    const { burstWarmUp: warmUp, burstCount: count } = settings
    return { kind: 'burst', api, addresses, warmUp, count }
  }
  if (isHandshake(scenario)) {
    const { handshakeWarmUp: warmUp, handshakeCount: count } = settings
    return { kind: 'handshake', api, addresses, warmUp, count }
  }
  if (isTransfer(scenario)) {
    const { transferWarmUpMs: warmUpMs, transferDurationMs: durationMs } = settings
    const connections = connectionsOf(scenario, settings)
    const { mode, bytes } = TRANSFERS[scenario]
    return { kind: 'transfer', api, addresses, mode, connections, bytes, warmUpMs, durationMs }
  }
  if (scenario === 'idle') {
    const { idleWarmUp: warmUp, idleCount: count } = settings
    return { kind: 'idle', api, addresses, inFlight, warmUp, count }
  }
  const { rateWarmUp: warmUp, rateDurationMs: durationMs, mostConnects } = settings
  return { kind: 'rate', api, addresses, inFlight, warmUp, durationMs, mostConnects }
}

function connectionsOf(scenario: TransferScenario, { mostTransferring }: Settings): number {
  return Math.min(TRANSFERS[scenario].connections, mostTransferring)
}

/** Memory is read with little room for garbage: a grown young generation is no connection's. */
function nodeFlags(scenario: Scenario): string[] {
  return scenario === 'idle' ? ['--expose-gc', '--max-semi-space-size=1'] : []
}

/** A connect that ended otherwise than it should makes the rate of all worthless. */
function checkTally(sample: Tally, scenario: Scenario, id: ContestantId): void {
  const { connected, refused, other, firstError } = sample
  const isRefused = scenario === 'refused' || scenario === 'scattered'
  const wrong = other + (isRefused ? connected : refused)
  if (wrong === 0) return
  const all = connected + refused + other
  const hint = other > 0 ? `; the first error was ${firstError}` : ''
  throw new Error(
    `${scenario}, ${titleOf(id)}: ${wrong} of ${all} connects ended otherwise than they should${hint}`,
  )
}
