/** The contestants that run in Node: each connects so many times, in its API's own best way. */
import { subscribe } from 'node:diagnostics_channel'
import { connect, type Socket } from 'node:net'
import { nativeBackend } from '@pollout/backend-native'
import { netBackend } from '@pollout/backend-net'
import {
  type BackendFactory,
  type ConnectedMessage,
  type Connection,
  createReactor,
  type Endpoint,
  type Reactor,
  tcp,
} from '@pollout/core'
import type { Address, ApiId, Tally } from './job.js'

export interface Run {
  readonly addresses: readonly Address[]
  readonly count: number
  readonly inFlight: number
  /**
   * Where to put each connect's latency as the API reports it, and by hand where it reports none; undefined where nobody
   * asks, as it costs a little.
   */
  readonly latencies?: number[]
  /** Where to put what a user would measure: from the call to the event. */
  readonly byHand?: number[]
  /** Where to put the timeline's `handshakeMs`. */
  readonly handshakes?: number[]
  /** Where to put what has connected; undefined to have it reset at once. */
  readonly kept?: (Socket | Connection)[]
}

export function resetAll(kept: NonNullable<Run['kept']>): void {
  for (const connection of kept) {
    if ('resetAndDestroy' in connection) connection.resetAndDestroy()
    else connection.reset()
  }
}

export interface Api {
  /** Resolves when all have ended. */
  run(run: Run): Promise<Tally>
  end(): Promise<void>
}

export function openApi(id: ApiId): Api {
  switch (id) {
    case 'node-net':
      return { run: runNodeNet, end: async () => {} }
    case 'native-connect':
      return polloutApi(nativeBackend(), runConnect)
    case 'native-many':
      return polloutApi(nativeBackend(), runConnectMany)
    case 'net-connect':
      return polloutApi(netBackend(), runConnect)
    case 'net-many':
      return polloutApi(netBackend(), runConnectMany)
  }
}

function polloutApi(
  backend: BackendFactory,
  run: (reactor: Reactor, endpoints: readonly Endpoint[], run: Run) => Promise<Tally>,
): Api {
  const reactor = createReactor({ backend })
  return {
    run: (what) =>
      run(
        reactor,
        what.addresses.map(({ host, port }) => tcp(host, port)),
        what,
      ),
    end: () => reactor.destroy(),
  }
}

/** Listeners are shared and told apart by `this`, so a connect allocates nothing but its socket. */
function runNodeNet({ addresses, count, inFlight, kept, ...run }: Run): Promise<Tally> {
  const times = run.byHand ?? run.latencies
  const options = addresses.map((address) => ({ ...address, autoSelectFamily: false }))
  const tally = newTally()
  return new Promise((resolve) => {
    const startedAt = new Map<Socket, number>()
    let begun = 0
    let ended = 0
    const begin = () => {
      if (begun === count) return
      const now = times && performance.now()
      const socket = connect(pick(options, begun++))
      if (now !== undefined) startedAt.set(socket, now)
      socket.on('connect', connected).on('error', failed)
    }
    const next = () => {
      if (++ended === count) resolve(tally)
      else begin()
    }
    function connected(this: Socket) {
      tally.connected++
      if (times) times.push(performance.now() - (startedAt.get(this) ?? Number.NaN))
      if (kept) kept.push(this)
      else this.resetAndDestroy()
      next()
    }
    function failed(error: NodeJS.ErrnoException) {
      countFailure(tally, error.code)
      next()
    }
    for (let i = 0; i < inFlight; i++) begin()
  })
}

function runConnect(reactor: Reactor, endpoints: readonly Endpoint[], run: Run): Promise<Tally> {
  const { count, inFlight, latencies, byHand, handshakes, kept } = run
  if (latencies) {
    // The Connection itself does not carry it.
    subscribe('pollout:connect:connected', (message) => {
      latencies.push((message as ConnectedMessage).elapsedMs)
    })
  }
  const tally = newTally()
  return new Promise((resolve) => {
    let begun = 0
    let ended = 0
    const begin = () => {
      if (begun === count) return
      const chosen = byHand ? clocked(performance.now(), byHand) : observer
      reactor.connect(pick(endpoints, begun++)).subscribe(chosen)
    }
    const next = () => {
      if (++ended === count) resolve(tally)
      else begin()
    }
    const observer = {
      next(connection: Connection) {
        tally.connected++
        handshakes?.push(connection.timeline.handshakeMs ?? Number.NaN)
        if (kept) kept.push(connection)
        else connection.reset()
        next()
      },
      error(error: NodeJS.ErrnoException) {
        countFailure(tally, error.code)
        next()
      },
    }
    const clocked = (startedAt: number, times: number[]) => ({
      next(connection: Connection) {
        times.push(performance.now() - startedAt)
        observer.next(connection)
      },
      error: observer.error,
    })
    for (let i = 0; i < inFlight; i++) begin()
  })
}

function runConnectMany(
  reactor: Reactor,
  endpoints: readonly Endpoint[],
  { count, inFlight, latencies, byHand, handshakes, kept }: Run,
): Promise<Tally> {
  function* targets(): Generator<Endpoint & { readonly startedAt?: number }> {
    for (let i = 0; i < count; i++) {
      const endpoint = pick(endpoints, i)
      yield byHand ? { ...endpoint, startedAt: performance.now() } : endpoint
    }
  }
  const tally = newTally()
  const onConnected = kept ? 'keep' : 'reset'
  return new Promise((resolve, reject) => {
    reactor.connectMany(targets(), { concurrency: inFlight, onConnected }).subscribe({
      next(outcome) {
        if (outcome.kind !== 'connected') return countFailure(tally, outcome.code)
        tally.connected++
        byHand?.push(performance.now() - (outcome.target.startedAt ?? Number.NaN))
        latencies?.push(outcome.elapsedMs)
        handshakes?.push(outcome.timeline.handshakeMs ?? Number.NaN)
        if (outcome.connection) kept?.push(outcome.connection)
      },
      error: reject,
      complete: () => resolve(tally),
    })
  })
}

function pick<T>(items: readonly T[], index: number): T {
  return items[index % items.length] as T
}

function newTally(): Tally {
  return { connected: 0, refused: 0, other: 0, firstError: 0 }
}

function countFailure(tally: Tally, code: string | undefined): void {
  if (code === 'ECONNREFUSED') {
    tally.refused++
    return
  }
  tally.other++
  tally.firstError ||= code ?? 'unknown'
}
