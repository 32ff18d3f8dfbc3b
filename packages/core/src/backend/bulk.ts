/**
 * The bulk lane: whole connect attempts, run by the backend, in and out by the batch.
 *
 * A backend may have it ({@link Backend.bulk}); core gives it the attempts of `connectMany()` that it can run: TCP to a
 * literal address. For each it opens a socket, sets the options, binds, connects, applies the completion rule
 * (docs/semantics.md), enforces the deadline, and closes, resets or hands over. What is policy stays in core: which
 * targets, in which order, how many at once, when each may start, and what is done where something has run out.
 * What a lane promises:
 *
 * - Attempts start in the order in which they were submitted. Each has one outcome, in any order, and none after
 *   `cancel()`. No outcome is delivered before the call that caused it returns: the sink is called from the event loop.
 * - Deadlines are looked at after readiness: an attempt that ended in time is never told as timed out, however late
 *   the thread got to it.
 * - Where a call says that something has run out (EMFILE, ENFILE, ENOBUFS, ENOMEM), the attempt's outcome says so and the lane starts
 *   nothing more until `limit()` is called.
 * - A lane keeps no process alive: the reactor does, while it has attempts in it.
 * - Times are milliseconds as `performance.now()` of the thread that opened the lane counts them.
 */
import type { SocketAddress } from './address.js'
import type { EncodedOption } from './socket-options.js'

/**
 * One submitted attempt: its fields' places in a record of {@link ATTEMPT_BYTES}, in the machine's byte order.
 *
 * @example
 * ```ts
 * import { endianness } from 'node:os'
 * import { ATTEMPT_BYTES, AttemptField } from '@pollout/core'
 *
 * function portOf(attempts: Uint8Array, i: number): number {
 *   const record = new DataView(attempts.buffer, attempts.byteOffset + i * ATTEMPT_BYTES)
 *   return record.getUint16(AttemptField.PORT, endianness() === 'LE')
 * }
 * ```
 */
export const AttemptField = {
  /** u32. The caller's name for the attempt, handed back in its outcome. */
  ID: 0,
  /** u16: 4 or 6. */
  IP_VERSION: 4,
  /** u16. */
  PORT: 6,
  /** u32: the interface of a link-local IPv6 address, 0 for none. */
  SCOPE: 8,
  /** u16: which of {@link BulkLaneOptions.sources} to bind to, counted from 1; 0 for none. */
  SOURCE: 12,
  /** u16: the local port to bind to; 0 leaves it to the system. */
  SOURCE_PORT: 14,
  /** 16 bytes, as the network has them; an IPv4 address is in the first four. */
  ADDRESS: 16,
  /** f64: time from the attempt's start to its deadline, in milliseconds; Infinity for none. */
  TIMEOUT_MS: 32,
  /** f64: the earliest moment of its start, or 0: at once; see {@link BulkLaneOptions.intervalMs}. */
  START_AT: 40,
} as const

/**
 * The size of one submitted attempt, in bytes.
 *
 * @example
 * ```ts
 * import { ATTEMPT_BYTES } from '@pollout/core'
 *
 * const attempts = new Uint8Array(64 * ATTEMPT_BYTES) // room for 64
 * ```
 */
export const ATTEMPT_BYTES = 48

/**
 * The status of an attempt whose socket had connected to itself, and was closed.
 *
 * @example
 * ```ts
 * import { BULK_SELF_CONNECTED, errno } from '@pollout/core'
 *
 * // What a lane without another try makes of it.
 * const negatedErrno = (status: number): number =>
 *   status === BULK_SELF_CONNECTED ? -errno.EADDRNOTAVAIL : status
 * ```
 */
export const BULK_SELF_CONNECTED = 1

/**
 * Missed starts are made up for, this much of the schedule at most, or one interval where that is longer: what bounds a
 * burst. Milliseconds.
 *
 * @example
 * ```ts
 * import { MAKE_UP_MS } from '@pollout/core'
 *
 * const intervalMs = 1_000 / 20_000 // 20,000 a second
 * const largestBurst = Math.floor(Math.max(MAKE_UP_MS, intervalMs) / intervalMs) + 1 // 201
 * ```
 */
export const MAKE_UP_MS = 10

/**
 * One outcome: its fields' places in a record of {@link OUTCOME_FIELDS} numbers.
 *
 * @example
 * ```ts
 * import { OUTCOME_FIELDS, OutcomeField } from '@pollout/core'
 *
 * function handshakeMs(records: Float64Array, i: number): number {
 *   const at = (field: number): number => records[i * OUTCOME_FIELDS + field] ?? Number.NaN
 *   return at(OutcomeField.READY_AT) - at(OutcomeField.SENT_AT)
 * }
 * ```
 */
export const OutcomeField = {
  /** The attempt's. */
  ID: 0,
  /** 0: connected; {@link BULK_SELF_CONNECTED}; `ConnectStatus.LOST` plus an errno; or a negated errno. */
  STATUS: 1,
  /** Which call said so: one of {@link BulkStep}. */
  STEP: 2,
  /** With `keep` and connected, the socket's handle, the sink's from now on. With `SETSOCKOPT`, the option's index. */
  HANDLE: 3,
  /** Its first system call. */
  STARTED_AT: 4,
  /** connect(2) was called; NaN where it was not. */
  SENT_AT: 5,
  /** The handshake ended, or the failure became known: as `finishConnect()` writes it; NaN after a deadline. */
  READY_AT: 6,
  /** The lane was done with it. */
  ENDED_AT: 7,
} as const

/**
 * The size of one outcome: so many numbers.
 *
 * @example
 * ```ts
 * import { OUTCOME_FIELDS } from '@pollout/core'
 *
 * const records = new Float64Array(256 * OUTCOME_FIELDS) // room for 256
 * ```
 */
export const OUTCOME_FIELDS = 8

/**
 * What decided an outcome: the call that returned its errno, or what came after; of one that connected, `CONNECT`.
 *
 * @example
 * ```ts
 * import { BulkStep } from '@pollout/core'
 *
 * function endedBeforeConnect(step: number): boolean {
 *   return step < BulkStep.CONNECT
 * }
 * ```
 */
export const BulkStep = {
  SOCKET: 0,
  SETSOCKOPT: 1,
  BIND: 2,
  CONNECT: 3,
  EPOLL_CTL: 4,
  /** `TIMEOUT_MS` was over; the status is `-ETIMEDOUT`. */
  DEADLINE: 5,
  /** Reported by SO_ERROR once the connect was under way: the peer's word or the network's, never this side's trouble. */
  SO_ERROR: 6,
} as const

/**
 * What all attempts of one lane have in common.
 *
 * @example
 * ```ts
 * import { type BulkLaneOptions, encodeSocketOption } from '@pollout/core'
 *
 * const noDelay = encodeSocketOption({ family: 'inet', type: 'stream' }, 'noDelay', true)
 * const options: BulkLaneOptions = {
 *   limit: 1_000,
 *   onConnected: 'reset',
 *   options: { inet: typeof noDelay === 'number' ? [] : [noDelay], inet6: [] },
 *   sources: [],
 * }
 * ```
 */
export interface BulkLaneOptions {
  /** Attempts that may be in flight at once, from 1; see {@link BulkLane.limit}. */
  readonly limit: number
  readonly onConnected: 'keep' | 'close' | 'reset'
  /** Set on each socket of that version, in this order. */
  readonly options: {
    readonly inet: readonly EncodedOption[]
    readonly inet6: readonly EncodedOption[]
  }
  /** Local addresses to bind to; ports are in the attempts. */
  readonly sources: readonly SocketAddress[]
  /**
   * The distance of two paced starts, in milliseconds; 0 where nothing is paced (the default). An attempt with a `START_AT`
   * is due at the latest of: its `START_AT`; `intervalMs` after the one before it was due; {@link MAKE_UP_MS} ago, or
   * `intervalMs` ago where that is longer. So no more than `MAKE_UP_MS / intervalMs + 1` start at once, or 2 where that is
   * more, however long a full lane or a busy thread had kept them.
   */
  readonly intervalMs?: number
}

/**
 * Where a lane delivers, from the event loop.
 *
 * @example
 * ```ts
 * import { type BulkSink, errnoName, OUTCOME_FIELDS, OutcomeField } from '@pollout/core'
 *
 * const sink: BulkSink = {
 *   outcomes(records, count) {
 *     for (let i = 0; i < count; i++) {
 *       const status = records[i * OUTCOME_FIELDS + OutcomeField.STATUS] ?? 0
 *       console.log(status < 0 ? errnoName(status) : 'connected')
 *     }
 *   },
 * }
 * ```
 */
export interface BulkSink {
  /** `records` holds `count` outcomes; it is the lane's, and holds other things once the call has returned. */
  outcomes(records: Float64Array, count: number): void
}

/**
 * One user of the lane: the attempts of one `connectMany()`.
 *
 * @example
 * ```ts
 * import type { BulkLane } from '@pollout/core'
 *
 * function stopOn(signal: AbortSignal, lane: BulkLane): void {
 *   signal.addEventListener('abort', () => lane.cancel(), { once: true })
 * }
 * ```
 */
export interface BulkLane {
  /** Queues the first `count` records of `attempts`, which are copied. */
  submit(attempts: Uint8Array, count: number): void
  /** So many may be in flight from now on, and starting goes on where something had run out. Those in flight stay. */
  limit(most: number): void
  /**
   * Drops what is queued and resets what is in flight; no outcome is delivered any more, and what was connected and not
   * told is closed. On a thread of its own that goes on after the return; `Backend.destroy()` waits for it. Idempotent.
   */
  cancel(): void
  /** All outcomes have been delivered and nothing more will be submitted: gives the lane's memory back. Idempotent. */
  end(): void
}

/**
 * The bulk lane of a backend: {@link Backend.bulk}. Each lane opened has to be ended or cancelled.
 *
 * @example
 * ```ts
 * import type { BulkConnector, BulkLaneOptions, BulkSink } from '@pollout/core'
 *
 * declare const options: BulkLaneOptions
 * declare const sink: BulkSink
 * function run(bulk: BulkConnector, attempts: Uint8Array, count: number): void {
 *   const lane = bulk.open(options, sink)
 *   lane.submit(attempts, count)
 * }
 * ```
 */
export interface BulkConnector {
  /** Threads that run attempts; 0: the event loop's own. */
  readonly threads: number
  /** Throws nothing but what a broken system would: no memory, no descriptor for the lane itself. */
  open(options: BulkLaneOptions, sink: BulkSink): BulkLane
}
