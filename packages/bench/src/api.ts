/** An API that runs in Node: what it is asked to do. */
import type { Socket } from 'node:net'
import type { ConnectedOutcome, Connection } from '@pollout/core'
import type { Address, Tally } from './job.js'

export interface Run {
  /** Taken in turn. */
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
  readonly kept?: Kept[]
}

/** Of `connectMany()` it is the outcome: its connection may be made when it is looked at. */
export type Kept = Socket | Connection | ConnectedOutcome<unknown>

/** A list that is made while it is read. */
export interface ListRun {
  readonly addressOf: (index: number) => Address
  readonly count: number
  readonly inFlight: number
}

export interface PacedRun {
  readonly addresses: readonly Address[]
  readonly count: number
  /** Fewer are begun where they would take longer. */
  readonly longestMs: number
  /** Starts a second. */
  readonly rate: number
}

export interface Api {
  /** Resolves when all have ended. */
  run(run: Run): Promise<Tally>
  runList(run: ListRun): Promise<Tally>
  /** `startedAt` gets the moment of each connect(2), as close as the API tells it. */
  runPaced(run: PacedRun, startedAt: number[]): Promise<Tally>
  /** Begins so many that nobody answers; what it returns cancels them. */
  hang(addresses: readonly Address[], count: number): () => void
  end(): Promise<void>
}

export function connectionOf(kept: Kept): Socket | Connection {
  if (!('kind' in kept)) return kept
  if (kept.connection) return kept.connection
  throw new Error('a connection that was to be kept is not there')
}

export function resetAll(kept: readonly Kept[]): void {
  for (const connection of kept.map(connectionOf)) {
    if ('resetAndDestroy' in connection) connection.resetAndDestroy()
    else connection.reset()
  }
}
