/** Which lane a run goes by: the backend's own, where it can do what is asked, or connections of the reactor. */
import {
  addressOf,
  type Endpoint,
  type ExchangeLane,
  type ExchangeSink,
  type Reactor,
  type SocketAddress,
} from '@pollout/core'
import { exchangesOf } from '@pollout/core/internal'
import { firstValueFrom } from 'rxjs'
import type { CheckedLoad, LoadOptions } from '../options.js'
import { PortableLane } from './portable-lane.js'

export interface OpenedLane {
  readonly lane: ExchangeLane
  readonly kind: 'native' | 'portable'
  readonly threads: number
}

/** Rejects with `ConnectError` where a name can't be resolved, or where nobody may be connected to. */
export async function openLane(
  reactor: Reactor,
  endpoints: readonly Endpoint[],
  options: LoadOptions,
  checked: CheckedLoad,
  sink: ExchangeSink,
): Promise<OpenedLane> {
  const { connect = {}, response, check = {}, kernelTimes = true } = options
  const { requestsPerConnection, seed } = checked
  const access = exchangesOf(reactor)
  const setup = {
    connections: checked.connections,
    eager: requestsPerConnection === Number.POSITIVE_INFINITY,
    exchangesPerConnection: requestsPerConnection,
    depth: checked.pipelining,
    requests: checked.requests,
    seed,
    response,
    check,
    maxResponseBytes: checked.maxResponseBytes,
    connectTimeoutMs: checked.connectTimeoutMs,
    timeoutMs: checked.timeoutMs,
    // One for each request leaves no port in TIME_WAIT.
    closeMode: requestsPerConnection === Number.POSITIVE_INFINITY ? 'graceful' : 'reset',
    kernelTimes,
  } as const
  const peers = await peersOf(reactor, endpoints, options)
  const lane = peers && access.open(peers, connect, setup, sink)
  if (lane) return { lane, kind: 'native', threads: access.threads }
  return {
    lane: new PortableLane(reactor, access.clock, { ...setup, endpoints, connect }, sink),
    kind: 'portable',
    threads: 0,
  }
}

/** Where they lead; undefined where one is for connections of the reactor only. */
async function peersOf(
  reactor: Reactor,
  endpoints: readonly Endpoint[],
  { connect, signal }: LoadOptions,
): Promise<readonly SocketAddress[] | undefined> {
  const peers: SocketAddress[] = []
  for (const endpoint of endpoints) {
    if (endpoint.scheme !== 'tcp' && endpoint.scheme !== 'unix') return undefined
    peers.push(addressOf(endpoint) ?? (await resolved(reactor, endpoint, { ...connect, signal })))
  }
  return peers
}

/** By a connect: the address that answers is the one to measure, with Happy Eyeballs, resolver and policy of the reactor. */
async function resolved(
  reactor: Reactor,
  endpoint: Endpoint,
  how: Parameters<Reactor['connect']>[1],
): Promise<SocketAddress> {
  const connection = await firstValueFrom(reactor.connect(endpoint, how))
  const { peerAddress } = connection
  connection.reset()
  return peerAddress
}
