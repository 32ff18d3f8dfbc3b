/** pollout's own: `connect()` a target at a time, and `connectMany()`. */
import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import {
  type BackendFactory,
  type ConnectedMessage,
  type Connection,
  createReactor,
  type Endpoint,
  type Outcome,
  type Reactor,
  tcp,
} from '@pollout/core'
import type { Observable } from 'rxjs'
import type { Api, ListRun, PacedRun, Run } from './api.js'
import type { Address, Tally } from './job.js'
import { countFailure, keepInFlight, listOf, newTally, pick } from './tally.js'

/** core's channel for what has connected. */
const CONNECTED = 'pollout:connect:connected'

/** A way to connect; what it leaves out is not looked at with it. */
export interface PolloutRuns {
  run(reactor: Reactor, run: Run): Promise<Tally>
  runList?(reactor: Reactor, run: ListRun): Promise<Tally>
  runPaced?(reactor: Reactor, run: PacedRun, startedAt: number[]): Promise<Tally>
  hang(reactor: Reactor, addresses: readonly Address[], count: number): () => void
}

export function polloutApi(backend: BackendFactory, runs: PolloutRuns): Api {
  const reactor = createReactor({ backend })
  return {
    run: (run) => runs.run(reactor, run),
    runList: (run) => (runs.runList ?? none)(reactor, run),
    runPaced: (run, startedAt) => (runs.runPaced ?? none)(reactor, run, startedAt),
    hang: (addresses, count) => runs.hang(reactor, addresses, count),
    end: () => reactor.destroy(),
  }
}

function none(): never {
  throw new Error('this contestant has no such job')
}

function toEndpoints(addresses: readonly Address[]): Endpoint[] {
  return addresses.map(({ host, port }) => tcp(host, port))
}

export const connectOneByOne: PolloutRuns = {
  async run(reactor, { addresses, count, inFlight, latencies, byHand, handshakes, kept }) {
    const endpoints = toEndpoints(addresses)
    // The Connection itself does not carry it.
    const noteLatency = (message: unknown) =>
      void latencies?.push((message as ConnectedMessage).elapsedMs)
    if (latencies) subscribe(CONNECTED, noteLatency)
    const tally = await keepInFlight(count, inFlight, (tally, next) => {
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
      return (index) => {
        const chosen = byHand ? clocked(performance.now(), byHand) : observer
        reactor.connect(pick(endpoints, index)).subscribe(chosen)
      }
    })
    unsubscribe(CONNECTED, noteLatency)
    return tally
  },
  hang(reactor, addresses, count) {
    const endpoints = toEndpoints(addresses)
    const subscriptions = Array.from({ length: count }, (_, i) =>
      reactor.connect(pick(endpoints, i), { timeoutMs: Number.POSITIVE_INFINITY }).subscribe(),
    )
    return () => {
      for (const subscription of subscriptions) subscription.unsubscribe()
    }
  },
}

export const connectMany: PolloutRuns = {
  run(reactor, { addresses, count, inFlight, latencies, byHand, handshakes, kept }) {
    const endpoints = toEndpoints(addresses)
    const target = (index: number): Endpoint & { readonly startedAt?: number } => {
      const endpoint = pick(endpoints, index)
      return byHand ? { ...endpoint, startedAt: performance.now() } : endpoint
    }
    const options = { concurrency: inFlight, onConnected: kept ? 'keep' : 'reset' } as const
    return consume(reactor.connectMany(listOf(count, target), options), (outcome) => {
      if (outcome.kind !== 'connected') return
      byHand?.push(performance.now() - (outcome.target.startedAt ?? Number.NaN))
      latencies?.push(outcome.elapsedMs)
      handshakes?.push(outcome.timeline.handshakeMs ?? Number.NaN)
      kept?.push(outcome)
    })
  },
  runList(reactor, { addressOf, count, inFlight }) {
    const target = (index: number) => {
      const { host, port } = addressOf(index)
      return tcp(host, port)
    }
    const options = { concurrency: inFlight, onConnected: 'reset' } as const
    return consume(reactor.connectMany(listOf(count, target), options))
  },
  runPaced(reactor, { addresses, count, rate, longestMs }, startedAt) {
    const endpoints = toEndpoints(addresses)
    const targets = listOf(count, (index) => pick(endpoints, index), longestMs)
    const options = { rate, onConnected: 'reset' } as const
    return consume(reactor.connectMany(targets, options), ({ timeline }) => {
      startedAt.push(timeline.sentAt ?? Number.NaN)
    })
  },
  hang(reactor, addresses, count) {
    const endpoints = toEndpoints(addresses)
    const targets = listOf(count, (index) => pick(endpoints, index))
    const options = { concurrency: count, timeoutMs: Number.POSITIVE_INFINITY }
    const subscription = reactor.connectMany(targets, options).subscribe()
    return () => subscription.unsubscribe()
  },
}

/** Counts all outcomes, and shows each. */
function consume<T>(
  outcomes: Observable<Outcome<T>>,
  look?: (outcome: Outcome<T>) => void,
): Promise<Tally> {
  const tally = newTally()
  return new Promise((resolve, reject) => {
    outcomes.subscribe({
      next(outcome) {
        if (outcome.kind === 'connected') tally.connected++
        else countFailure(tally, outcome.code)
        look?.(outcome)
      },
      error: reject,
      complete: () => resolve(tally),
    })
  })
}
