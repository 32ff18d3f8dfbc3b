/** What becomes of the exchanges of a run: counted, and their times in histograms. */
import {
  CONNECTION_FIELDS,
  ConnectionEvent,
  ConnectionField,
  EXCHANGE_OUTCOME_FIELDS,
  ExchangeEnd,
  ExchangeOutcomeField,
  type ExchangeSink,
} from '@pollout/core'
import { failureKind, isSent } from './failure-kinds.js'
import { Histogram } from './histogram.js'
import { TimeSeries } from './time-series.js'

/**
 * The three clocks, and their sum; and how connections were made.
 *
 * @example
 * ```ts
 * import type { LoadResult } from '@pollout/load'
 *
 * function ownLateness({ times }: LoadResult): number | null {
 *   return times.lateness.max
 * }
 * ```
 */
export interface Times {
  /** From when it was to be sent (in a closed loop: was sent) to when it was handed over: what a user waits. */
  readonly response: Histogram
  /** From its sending to its last byte, by the kernel where that tells: the server, and the network. */
  readonly service: Histogram
  /** From its sending to the first byte. */
  readonly firstByte: Histogram
  /** Between when it could have been sent and when it was: this side. */
  readonly lateness: Histogram
  /** Between when it was to be sent and when a connection had room for it: the server again, in an open loop. */
  readonly queue: Histogram
  /** From the last byte to when it was handed over: this side's loop. */
  readonly handOver: Histogram
  /** From connect(2) to the handshake's end, by the kernel where that tells. */
  readonly connect: Histogram
}

export interface Counts {
  /** Those that were sent, or failed before; of the time that counts. */
  requests: number
  answered: number
  /** Bytes of responses. */
  bytes: number
  /** By kind: `timed out`, `connection refused`, ... */
  readonly failures: Map<string, Failures>
  /** By what the framing says: HTTP's status, 1 for an error of RESP. */
  readonly codes: Map<number, number>
  connectionsMade: number
  connectionsFailed: number
  /** By why they went. */
  readonly connectionsGone: Map<string, number>
}

/**
 * Failures of one kind.
 *
 * @example
 * ```ts
 * import type { Failures } from '@pollout/load'
 *
 * const isTheServers = ({ localFault }: Failures): boolean => !localFault
 * ```
 */
export interface Failures {
  count: number
  /** The trouble is on this side, and says nothing of the server. */
  readonly localFault: boolean
}

const GONE: Readonly<Record<number, string>> = {
  [ConnectionEvent.CLOSED]: 'closed here',
  [ConnectionEvent.ENDED_BY_PEER]: 'ended by the server',
  [ConnectionEvent.LOST]: 'lost',
  [ConnectionEvent.UNASKED]: 'bytes that nobody asked for',
}

export class Recorder implements ExchangeSink {
  readonly times: Times = {
    response: new Histogram(),
    service: new Histogram(),
    firstByte: new Histogram(),
    lateness: new Histogram(),
    queue: new Histogram(),
    handOver: new Histogram(),
    connect: new Histogram(),
  }
  readonly counts: Counts = {
    requests: 0,
    answered: 0,
    bytes: 0,
    failures: new Map(),
    codes: new Map(),
    connectionsMade: 0,
    connectionsFailed: 0,
    connectionsGone: new Map(),
  }
  readonly series = new TimeSeries()
  /** Told so far, counted or not. */
  told = 0
  /** Of those, stopped before they were sent. */
  stopped = 0
  /** Why connections could not be made: the kind, and how often. */
  readonly connectFailures = new Map<string, Failures>()
  /** What was to be sent before is warm-up. */
  countsFrom = Number.POSITIVE_INFINITY
  /** Told of both, in the loop's turns. */
  onConnections: (() => void) | undefined
  onExchanges: (() => void) | undefined

  exchanges(records: Float64Array, count: number): void {
    for (let i = 0; i < count; i++) this.#exchange(records, i * EXCHANGE_OUTCOME_FIELDS)
    this.told += count
    this.onExchanges?.()
  }

  connections(records: Float64Array, count: number): void {
    for (let i = 0; i < count; i++) this.#connection(records, i * CONNECTION_FIELDS)
    this.onConnections?.()
  }

  #exchange(records: Float64Array, at: number): void {
    const field = (place: number): number => records[at + place] as number
    const end = field(ExchangeOutcomeField.END)
    if (end === ExchangeEnd.STOPPED) {
      this.stopped++
      return
    }
    const intendedAt = field(ExchangeOutcomeField.INTENDED_AT)
    const sentAt = field(ExchangeOutcomeField.SENT_AT)
    const doneAt = field(ExchangeOutcomeField.DONE_AT)
    const from = Number.isNaN(intendedAt) ? (isSent(end, sentAt) ? sentAt : doneAt) : intendedAt
    if (from < this.countsFrom) return
    const { counts, times } = this
    counts.requests++
    counts.bytes += field(ExchangeOutcomeField.BYTES)
    const freeAt = field(ExchangeOutcomeField.FREE_AT)
    const couldBeSentAt = Math.max(Number.isNaN(intendedAt) ? freeAt : intendedAt, freeAt)
    times.lateness.record(sentAt - couldBeSentAt)
    if (!Number.isNaN(intendedAt)) times.queue.record(Math.max(0, freeAt - intendedAt))
    if (end !== ExchangeEnd.ANSWERED && end !== ExchangeEnd.UNWANTED) {
      this.#failed(end, field(ExchangeOutcomeField.STATUS))
      this.series.failed(from - this.countsFrom)
      return
    }
    const receivedAt = field(ExchangeOutcomeField.RECEIVED_AT)
    times.response.record(doneAt - from)
    times.service.record(receivedAt - sentAt)
    times.firstByte.record(field(ExchangeOutcomeField.FIRST_AT) - sentAt)
    times.handOver.record(doneAt - receivedAt)
    const code = field(ExchangeOutcomeField.CODE)
    counts.codes.set(code, (counts.codes.get(code) ?? 0) + 1)
    if (end === ExchangeEnd.ANSWERED) counts.answered++
    else this.#failed(end, 0)
    this.series.answered(from - this.countsFrom, doneAt - from, end === ExchangeEnd.ANSWERED)
  }

  #failed(end: number, status: number): void {
    add(this.counts.failures, end, status)
  }

  #connection(records: Float64Array, at: number): void {
    const field = (place: number): number => records[at + place] as number
    const event = field(ConnectionField.EVENT)
    const { counts, times } = this
    if (event === ConnectionEvent.CONNECTED) {
      counts.connectionsMade++
      times.connect.record(field(ConnectionField.READY_AT) - field(ConnectionField.SENT_AT))
    } else if (event === ConnectionEvent.FAILED) {
      counts.connectionsFailed++
      add(this.connectFailures, ExchangeEnd.NOT_CONNECTED, field(ConnectionField.STATUS))
    } else {
      const why = GONE[event] as string
      counts.connectionsGone.set(why, (counts.connectionsGone.get(why) ?? 0) + 1)
    }
  }
}

function add(failures: Map<string, Failures>, end: number, status: number): void {
  const { kind, localFault } = failureKind(end, status)
  const known = failures.get(kind)
  if (known) known.count++
  else failures.set(kind, { count: 1, localFault })
}
