/** A contestant's turn as a command: its program, and the job that it is handed. */
import { fileURLToPath } from 'node:url'
import type { Bench } from './bench.js'
import type { Command } from './children.js'
import {
  type Address,
  type CId,
  type ContestantId,
  isC,
  isRuntime,
  type Job,
  type RateJob,
  type RuntimeId,
} from './job.js'
import { isPacing, PACES } from './pacing.js'
import { isHandshake, isRateScenario, type Scenario } from './scenarios.js'
import type { Settings } from './settings.js'
import { isTransfer, TRANSFERS, type TransferScenario } from './transfers.js'

/** So slow that it hardly gets anywhere, a contestant would still end within that. */
const LONGEST_LIST_MS = 3_600_000

export function commandFor(bench: Bench, scenario: Scenario, id: ContestantId): Command {
  const command = { ...commandHere(bench, scenario, id), cpu: bench.machine.pinned?.client }
  const { peer } = bench
  return isHandshake(scenario) && peer && 'enter' in peer ? peer.enter(command) : command
}

/** None where the scenario can't be had here. */
export function addressesFor(
  { server, peer, transferServer }: Bench,
  scenario: Scenario,
  id: ContestantId,
): readonly Address[] {
  if (isTransfer(scenario)) {
    if (!transferServer || 'missing' in transferServer) return []
    return [transferServer.addresses[TRANSFERS[scenario].mode]]
  }
  if (isHandshake(scenario)) {
    if (!peer || 'missing' in peer) return []
    return scenario === 'handshake' ? peer.delayed : peer.direct
  }
  if (scenario === 'refused' || isPacing(scenario)) return server.closed
  if (scenario === 'scattered') return server.scattered
  if (scenario === 'cancel') return server.unanswered
  return id === 'deno' ? server.acceptingClosers : server.accepting
}

function commandHere(bench: Bench, scenario: Scenario, id: ContestantId): Command {
  if (isC(id)) return cCommand(bench, scenario, id)
  const { settings } = bench
  const addresses = addressesFor(bench, scenario, id)
  if (isRuntime(id)) {
    const { file, args } = runtimeOf(bench, id)
    return { file, args: [...args, JSON.stringify(rateJob(id, addresses, settings))] }
  }
  const program = fileURLToPath(new URL('./contestant.js', import.meta.url))
  const job = JSON.stringify(jobFor(bench, scenario, id, addresses))
  const command = { file: process.execPath, args: [...nodeFlags(scenario), program, job] }
  return scenario === 'long-list' ? { ...command, longestMs: LONGEST_LIST_MS } : command
}

function runtimeOf({ runtimes }: Bench, id: RuntimeId) {
  const runtime = runtimes.get(id)
  if (runtime && 'file' in runtime) return runtime
  throw new Error(`${id} was to be skipped`)
}

function cCommand(bench: Bench, scenario: Scenario, id: CId): Command {
  const { settings, yardstick } = bench
  if ('missing' in yardstick) throw new Error(`${id} was to be skipped`)
  const addresses = addressesFor(bench, scenario, id)
  const hosts = addresses.map(({ host }) => host)
  const port = String(addresses[0]?.port)
  const command = (file: string, ...args: (string | number)[]) => ({
    file,
    args: [...args.map(String), ...hosts],
  })
  if (isHandshake(scenario)) {
    const { handshakeCount, handshakeWarmUp } = settings
    return command(yardstick.handshake, port, handshakeCount, handshakeWarmUp)
  }
  if (isTransfer(scenario)) {
    const { mode, bytes } = TRANSFERS[scenario]
    const { transferWarmUpMs, transferDurationMs } = settings
    const connections = connectionsOf(scenario, settings)
    const times = [transferWarmUpMs, transferDurationMs]
    return command(yardstick.transfer, mode, port, connections, bytes, ...times)
  }
  if (scenario === 'cancel') return command(yardstick.cancel, port, settings.cancelCount)
  const { inFlight, rateWarmUp, rateDurationMs, mostConnects } = settings
  const numbers = [inFlight, rateWarmUp, rateDurationMs, mostConnects]
  return command(yardstick.client, id === 'c' ? 'fresh' : 'reused', port, ...numbers)
}

function jobFor(
  { settings, server }: Bench,
  scenario: Scenario,
  api: Job['api'],
  addresses: readonly Address[],
): Job {
  if (isRateScenario(scenario)) return rateJob(api, addresses, settings)
  if (isTransfer(scenario)) {
    const { transferWarmUpMs: warmUpMs, transferDurationMs: durationMs } = settings
    const connections = connectionsOf(scenario, settings)
    const { mode, bytes } = TRANSFERS[scenario]
    return { kind: 'transfer', api, addresses, mode, connections, bytes, warmUpMs, durationMs }
  }
  if (isPacing(scenario)) {
    const { pacingDurationMs: durationMs } = settings
    return { kind: 'pacing', api, addresses, rate: PACES[scenario], durationMs }
  }
  switch (scenario) {
    case 'burst': {
      const { burstWarmUp: warmUp, burstCount: count } = settings
      return { kind: 'burst', api, addresses, warmUp, count }
    }
    case 'handshake':
    case 'handshake-veth': {
      const { handshakeWarmUp: warmUp, handshakeCount: count } = settings
      return { kind: 'handshake', api, addresses, warmUp, count }
    }
    case 'storm': {
      const { burstWarmUp: warmUp, stormInFlight: inFlight, stormCount: count } = settings
      return { kind: 'storm', api, addresses, warmUp, inFlight, count }
    }
    case 'cancel':
      return {
        kind: 'cancel',
        api,
        addresses,
        closed: server.closed,
        warmUp: settings.idleWarmUp,
        count: settings.cancelCount,
      }
    case 'idle': {
      const { inFlight, idleWarmUp: warmUp, idleCount: count } = settings
      return { kind: 'idle', api, addresses, inFlight, warmUp, count }
    }
    case 'long-list':
      return {
        kind: 'long-list',
        api,
        accepting: addresses,
        acceptedEvery: 1_000,
        closedPort: server.closed[0]?.port ?? 0,
        inFlight: settings.longListInFlight,
        shortCount: settings.longListShort,
        shortRuns: settings.longListShortRuns,
        count: settings.longListCount,
      }
  }
}

function rateJob<Id extends RateJob['api']>(
  api: Id,
  addresses: readonly Address[],
  settings: Settings,
): RateJob & { readonly api: Id } {
  const { inFlight, rateWarmUp: warmUp, rateDurationMs: durationMs, mostConnects } = settings
  return { kind: 'rate', api, addresses, inFlight, warmUp, durationMs, mostConnects }
}

function connectionsOf(scenario: TransferScenario, { mostTransferring }: Settings): number {
  return Math.min(TRANSFERS[scenario].connections, mostTransferring)
}

/** Memory is read with little room for garbage: a grown young generation is no connection's. */
function nodeFlags(scenario: Scenario): string[] {
  if (scenario === 'long-list') return ['--expose-gc']
  return scenario === 'idle' ? ['--expose-gc', '--max-semi-space-size=1'] : []
}
