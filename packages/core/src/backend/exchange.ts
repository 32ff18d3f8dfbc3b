/**
 * The exchange lane: whole exchanges (a request out, its response recognised, their moments kept), run by the backend, in and
 * out by the batch.
 *
 * A backend may have it ({@link Backend.exchanges}); `@pollout/load` gives it those that it can run: over TCP and unix stream
 * sockets, to literal addresses. It opens the connections, fills requests in, sends them at their times, reads the responses,
 * and says of each exchange how it ended. What is policy stays above: which arrivals, which requests, what is counted.
 * What a lane promises:
 *
 * - Exchanges are begun in the order in which they were submitted. Each has one outcome, in any order, and none after
 *   `cancel()`. The sink is called from the event loop, and not before the call that caused it has returned.
 * - One with a `START_AT` is never sent before it. What is late is sent nevertheless, at once: nothing is left out.
 * - Deadlines are looked at after readiness: a response that was there in time is never told as timed out.
 * - A peer is bounded: in the size of a response, in time, and in work. What breaks the framing ends the connection, and every
 *   exchange under way on it.
 * - Bytes that nobody asked for end the connection, and are told of it (`UNASKED`).
 * - Every connection is told twice: when its connect has ended, and when it has gone.
 * - A lane keeps no process alive: who waits for outcomes does that.
 * - Times are milliseconds as `performance.now()` of the thread that opened the lane counts them; NaN for what never came.
 */
import type { SocketAddress } from './address.js'
import type { EncodedOption } from './socket-options.js'

/**
 * One submitted exchange: its fields' places in a record of {@link EXCHANGE_FIELDS} numbers.
 *
 * @example
 * ```ts
 * import { EXCHANGE_FIELDS, ExchangeField } from '@pollout/core'
 *
 * function startAt(exchanges: Float64Array, i: number): number {
 *   return exchanges[i * EXCHANGE_FIELDS + ExchangeField.START_AT] ?? Number.NaN
 * }
 * ```
 */
export const ExchangeField = {
  /** The earliest moment of its sending; 0: as soon as a connection has room for it. */
  START_AT: 0,
  /** Which of {@link ExchangeLaneOptions.requests}. */
  REQUEST: 1,
} as const

/**
 * The size of one submitted exchange: so many numbers.
 *
 * @example
 * ```ts
 * import { EXCHANGE_FIELDS } from '@pollout/core'
 *
 * const exchanges = new Float64Array(64 * EXCHANGE_FIELDS) // room for 64
 * ```
 */
export const EXCHANGE_FIELDS = 2

/**
 * One outcome of an exchange: its fields' places in a record of {@link EXCHANGE_OUTCOME_FIELDS} numbers.
 *
 * @example
 * ```ts
 * import { EXCHANGE_OUTCOME_FIELDS, ExchangeOutcomeField } from '@pollout/core'
 *
 * function serverMs(records: Float64Array, i: number): number {
 *   const at = (field: number): number => records[i * EXCHANGE_OUTCOME_FIELDS + field] ?? Number.NaN
 *   return at(ExchangeOutcomeField.RECEIVED_AT) - at(ExchangeOutcomeField.SENT_AT)
 * }
 * ```
 */
export const ExchangeOutcomeField = {
  /** Which it was in the order of submission, from 0. */
  ID: 0,
  /** One of {@link ExchangeEnd}. */
  END: 1,
  /** The negated errno behind it; 0 where no call and no socket has said one. */
  STATUS: 2,
  /** As it was submitted. */
  REQUEST: 3,
  /** The connection's id; -1 where it had none. */
  CONNECTION: 4,
  /** As it was submitted; NaN where that was 0. */
  INTENDED_AT: 5,
  /** Its connection had room for it, and it was the next: before `INTENDED_AT` where the connection had waited. */
  FREE_AT: 6,
  /** send(2) was called with its first byte. */
  SENT_AT: 7,
  /** The kernel had the first byte of the response, and the last one; when it was read, where {@link ExchangeLaneOptions.kernelTimes} is off. */
  FIRST_AT: 8,
  RECEIVED_AT: 9,
  /** The lane was done with it. */
  DONE_AT: 10,
  /** Of the response, as far as it came. */
  BYTES: 11,
  /** What the framing says of a response: the status of HTTP, 1 for an error of RESP; else 0. */
  CODE: 12,
} as const

/**
 * The size of one outcome of an exchange: so many numbers.
 *
 * @example
 * ```ts
 * import { EXCHANGE_OUTCOME_FIELDS } from '@pollout/core'
 *
 * const count = (records: Float64Array): number => records.length / EXCHANGE_OUTCOME_FIELDS
 * ```
 */
export const EXCHANGE_OUTCOME_FIELDS = 13

/**
 * How an exchange ended.
 *
 * @example
 * ```ts
 * import { ExchangeEnd } from '@pollout/core'
 *
 * function hasAnswer(end: number): boolean {
 *   return end === ExchangeEnd.ANSWERED || end === ExchangeEnd.UNWANTED
 * }
 * ```
 */
export const ExchangeEnd = {
  /** The response is whole, and as it was wanted. */
  ANSWERED: 0,
  /** The response is whole, and not what {@link ExchangeLaneOptions.check} wants. */
  UNWANTED: 1,
  /** `timeoutMs` was over before it could be sent. */
  UNSENT: 2,
  /** `timeoutMs` was over before the response was whole. */
  TIMED_OUT: 3,
  /** The connection that it waited for could not be made: `STATUS` says why. */
  NOT_CONNECTED: 4,
  /** The connection was lost, by the error in `STATUS`. */
  LOST: 5,
  /** The peer ended the stream before the response was whole. */
  CUT_SHORT: 6,
  /** The bytes are no response. */
  MALFORMED: 7,
  /** The response was longer than {@link ExchangeLaneOptions.maxResponseBytes}. */
  TOO_LARGE: 8,
  /** `stop()` was called before it could be sent. */
  STOPPED: 9,
} as const

/**
 * What is told of a connection: its fields' places in a record of {@link CONNECTION_FIELDS} numbers.
 *
 * @example
 * ```ts
 * import { CONNECTION_FIELDS, ConnectionField } from '@pollout/core'
 *
 * function eventOf(records: Float64Array, i: number): number | undefined {
 *   return records[i * CONNECTION_FIELDS + ConnectionField.EVENT]
 * }
 * ```
 */
export const ConnectionField = {
  ID: 0,
  /** One of {@link ConnectionEvent}. */
  EVENT: 1,
  /** The negated errno behind it; 0 for none. */
  STATUS: 2,
  /** Of a connect: one of `BulkStep`. */
  STEP: 3,
  /** Which of {@link ExchangeLaneOptions.peers}. */
  PEER: 4,
  /** Its first system call. */
  STARTED_AT: 5,
  /** connect(2) was called. */
  SENT_AT: 6,
  /** The handshake ended, by the kernel where that says it, or the failure became known. */
  READY_AT: 7,
  /** It was closed. */
  ENDED_AT: 8,
  /** Exchanges sent on it. */
  EXCHANGES: 9,
} as const

/**
 * The size of what is told of a connection: so many numbers.
 *
 * @example
 * ```ts
 * import { CONNECTION_FIELDS } from '@pollout/core'
 *
 * const count = (records: Float64Array): number => records.length / CONNECTION_FIELDS
 * ```
 */
export const CONNECTION_FIELDS = 10

/**
 * What has happened to a connection.
 *
 * @example
 * ```ts
 * import { ConnectionEvent } from '@pollout/core'
 *
 * const isBegin = (event: number): boolean => event === ConnectionEvent.CONNECTED
 * ```
 */
export const ConnectionEvent = {
  CONNECTED: 0,
  /** There will be none. */
  FAILED: 1,
  /** Closed by this side: it had had `exchangesPerConnection`, a response asked for it, an exchange on it had failed, or the lane ended. */
  CLOSED: 2,
  /** Ended by the peer with nothing under way on it. */
  ENDED_BY_PEER: 3,
  /** Lost by an error, which stands in `STATUS`. */
  LOST: 4,
  /** The peer sent what nobody had asked for. */
  UNASKED: 5,
} as const

/**
 * Bytes as they are, or made anew for each request: all of a fixed length, so that a Content-Length stays true.
 *
 * @example
 * ```ts
 * import type { RequestPart } from '@pollout/core'
 *
 * const parts: RequestPart[] = [
 *   { bytes: Buffer.from('GET /users/') },
 *   { number: { least: 1, most: 1_000 } }, // 0001 to 1000
 *   { bytes: Buffer.from(' HTTP/1.1\r\nHost: localhost\r\n\r\n') },
 * ]
 * ```
 */
export type RequestPart =
  | { readonly bytes: Uint8Array }
  /** `ID` plus `first`, in decimal, with zeros in front; the last `digits` of it. */
  | { readonly counter: { readonly first: number; readonly digits: number } }
  /** A whole number from `least` to `most`, in decimal, with zeros in front. */
  | { readonly number: { readonly least: number; readonly most: number } }
  /** Letters and digits. */
  | { readonly text: number }

/**
 * How to tell where a response ends.
 *
 * @example
 * ```ts
 * import type { ResponseFraming } from '@pollout/core'
 *
 * const lines: ResponseFraming = { kind: 'delimited', delimiter: Buffer.from('\n') }
 * const web: ResponseFraming = { kind: 'http1', head: false }
 * ```
 */
export type ResponseFraming =
  | { readonly kind: 'fixed'; readonly bytes: number }
  | { readonly kind: 'delimited'; readonly delimiter: Uint8Array }
  /** The length stands `at` so many bytes from the front, in `size` bytes, and is of what follows it, plus `adjust`. */
  | {
      readonly kind: 'length'
      readonly at: number
      readonly size: 1 | 2 | 4
      readonly littleEndian: boolean
      readonly adjust: number
    }
  /** One reply of Redis, RESP2 or RESP3; pushes are passed over. */
  | { readonly kind: 'resp' }
  /** One response of HTTP/1.1 (RFC 9112), which also says whether the connection goes on. `head`: one to a HEAD, which has no body. */
  | { readonly kind: 'http1'; readonly head: boolean }

/**
 * What a response has to be like; what is left out is not looked at.
 *
 * @example
 * ```ts
 * import type { ResponseCheck } from '@pollout/core'
 *
 * const check: ResponseCheck = { code: [200, 299], includes: Buffer.from('"ok":true') }
 * ```
 */
export interface ResponseCheck {
  /** Its `CODE`, from the first to the last of them. */
  readonly code?: readonly [least: number, most: number]
  /** These bytes stand in it, as it was received. */
  readonly includes?: Uint8Array
}

/**
 * What all exchanges of a lane have in common.
 *
 * @example
 * ```ts
 * import type { ExchangeConnector, ExchangeLaneOptions, ExchangeSink } from '@pollout/core'
 *
 * declare const options: ExchangeLaneOptions
 * function openWith(connections: number, lanes: ExchangeConnector, sink: ExchangeSink) {
 *   return lanes.open({ ...options, connections }, sink)
 * }
 * ```
 */
export interface ExchangeLaneOptions {
  /** Connections go to each in turn. */
  readonly peers: readonly SocketAddress[]
  /** Set on each socket of that family, in this order. */
  readonly options: Readonly<Record<'inet' | 'inet6' | 'unix', readonly EncodedOption[]>>
  /** Local addresses to bind to, in turn. */
  readonly sources: readonly SocketAddress[]
  /** Open at once, at most. */
  readonly connections: number
  /** All are made at once, and made again when they are gone; else each when an exchange needs it. */
  readonly eager: boolean
  /** Then a connection is closed; Infinity: never. */
  readonly exchangesPerConnection: number
  /** Exchanges under way on one connection, at most. */
  readonly depth: number
  readonly requests: readonly (readonly RequestPart[])[]
  /** What chance of the requests comes from; a whole number below 2^32. */
  readonly seed: number
  readonly response: ResponseFraming
  readonly check: ResponseCheck
  readonly maxResponseBytes: number
  readonly connectTimeoutMs: number
  /** From when its time had come, and the lane had got to it, to the whole response. */
  readonly timeoutMs: number
  readonly closeMode: 'graceful' | 'reset'
  /** Have the kernel say when bytes were received: SO_TIMESTAMPING, socket(7). */
  readonly kernelTimes: boolean
}

/**
 * Where a lane delivers, from the event loop. Both arrays are the lane's, and hold other things once the call has returned.
 *
 * @example
 * ```ts
 * import type { ExchangeSink } from '@pollout/core'
 *
 * let told = 0
 * const counting: ExchangeSink = {
 *   exchanges: (_, count) => void (told += count),
 *   connections: () => {},
 * }
 * ```
 */
export interface ExchangeSink {
  exchanges(records: Float64Array, count: number): void
  connections(records: Float64Array, count: number): void
}

/**
 * The exchanges of one run.
 *
 * @example
 * ```ts
 * import { EXCHANGE_FIELDS, type ExchangeLane } from '@pollout/core'
 *
 * // A thousand, a millisecond apart.
 * function submitThousand(lane: ExchangeLane, startAt: number): void {
 *   const exchanges = new Float64Array(1_000 * EXCHANGE_FIELDS)
 *   for (let i = 0; i < 1_000; i++) exchanges[i * EXCHANGE_FIELDS] = startAt + i
 *   lane.submit(exchanges, 1_000)
 * }
 * ```
 */
export interface ExchangeLane {
  /** Queues the first `count` records of `exchanges`, which are copied. */
  submit(exchanges: Float64Array, count: number): void
  /** Begins nothing more: what is queued is told as `STOPPED`, what is under way goes on. Idempotent. */
  stop(): void
  /** Drops what is queued and under way, and closes all; nothing is told any more. Idempotent. */
  cancel(): void
}

/**
 * The exchange lane of a backend: {@link Backend.exchanges}. Each lane opened has to be cancelled.
 *
 * @example
 * ```ts
 * import type { Backend } from '@pollout/core'
 *
 * const hasThreads = (backend: Backend): boolean => (backend.exchanges?.threads ?? 0) > 0
 * ```
 */
export interface ExchangeConnector {
  /** Threads that run exchanges; 0: the event loop's own. */
  readonly threads: number
  /** Throws nothing but what a broken system would: no memory, no descriptor for the lane itself. */
  open(options: ExchangeLaneOptions, sink: ExchangeSink): ExchangeLane
}
