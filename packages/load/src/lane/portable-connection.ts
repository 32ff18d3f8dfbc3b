/** One connection of a portable lane, and the exchanges under way on it. */
import {
  BulkStep,
  type ConnectError,
  type Connection,
  ConnectionEvent,
  type ConnectTimeline,
  ExchangeEnd,
  errno,
} from '@pollout/core'
import { Fifo } from '@pollout/core/internal'
import type { Subscription } from 'rxjs'
import type { ResponseReader, WholeResponse } from '../response/response.js'
import { responseReader } from '../response/response-reader.js'
import type { LaneOfConnections, PortableConnectionLike } from './portable-parts.js'
import type { Submitted } from './submitted.js'

interface UnderWay {
  readonly given: Submitted
  readonly freeAt: number
  readonly sentAt: number
  firstAt: number
}

/** What is told of the first exchange, and of those behind it, when the connection goes. */
interface Farewell {
  readonly event: number
  readonly first: number
  readonly rest: number
  readonly status: number
}

export class PortableConnection implements PortableConnectionLike {
  readonly #lane: LaneOfConnections
  readonly #id: number
  readonly #peer: number
  readonly #underWay = new Fifo<UnderWay>()
  readonly #reader: ResponseReader
  #connecting: Subscription | undefined
  #reading: Subscription | undefined
  #connection: Connection | undefined
  #timeline: ConnectTimeline | undefined
  #startedAt: number
  #freeAt = 0
  #begun = 0
  #wasUseful = false
  #isGone = false

  constructor(lane: LaneOfConnections, id: number) {
    const { endpoints, response, maxResponseBytes, check } = lane.options
    this.#lane = lane
    this.#id = id
    this.#peer = id % endpoints.length
    const wanted = check.includes && Buffer.from(check.includes)
    this.#reader = responseReader(response, maxResponseBytes, wanted)
    this.#startedAt = lane.clock.now()
  }

  connect(): void {
    const { reactor, options } = this.#lane
    const endpoint = options.endpoints[this.#peer] as (typeof options.endpoints)[number]
    const how = { ...options.connect, timeoutMs: options.connectTimeoutMs }
    this.#connecting = reactor.connect(endpoint, how).subscribe({
      next: (connection) => this.#connected(connection),
      error: (error: ConnectError) => this.#failed(error),
    })
  }

  /** Sends it. Whether there is room for more. */
  begin(given: Submitted): boolean {
    const { clock, writers, options } = this.#lane
    const bytes = (writers[given.request] as (typeof writers)[number]).write(given.id)
    const sentAt = clock.now()
    this.#underWay.push({ given, freeAt: this.#freeAt, sentAt, firstAt: Number.NaN })
    this.#begun++
    this.#connection?.send(bytes).catch((error: ConnectError) => this.#lost(error))
    if (this.#underWay.size === 1) this.#lane.wakeAt(given.seenAt + options.timeoutMs, sentAt)
    return !this.#isGone && this.#mayTakeMore
  }

  /** Looks at its deadline. */
  expire(now: number): void {
    const { timeoutMs } = this.#lane.options
    if (this.#underWay.size === 0) return
    const deadlineAt = this.#underWay.first.given.seenAt + timeoutMs
    if (deadlineAt > now) return this.#lane.wakeAt(deadlineAt, now)
    const { TIMED_OUT } = ExchangeEnd
    // Its response may still come, and would be taken for the next one's.
    const status = -errno.ETIMEDOUT
    this.#go({ event: ConnectionEvent.CLOSED, first: TIMED_OUT, rest: TIMED_OUT, status })
  }

  /** Closes it; nothing is told. */
  abandon(): void {
    this.#isGone = true
    this.#connecting?.unsubscribe()
    this.#close()
  }

  get #mayTakeMore(): boolean {
    const { depth, exchangesPerConnection } = this.#lane.options
    return this.#underWay.size < depth && this.#begun < exchangesPerConnection
  }

  #connected(connection: Connection): void {
    this.#connection = connection
    this.#timeline = connection.timeline
    this.#freeAt = this.#lane.clock.now()
    this.#tell(ConnectionEvent.CONNECTED, 0, BulkStep.CONNECT, Number.NaN)
    this.#reading = connection.received.subscribe({
      next: (chunk) => this.#received(chunk),
      error: (error: ConnectError) => this.#lost(error),
      complete: () => this.#ended(),
    })
    this.#lane.connected(this)
  }

  #failed(error: ConnectError): void {
    this.#isGone = true
    this.#timeline = error.timeline
    const status = error.errno ?? 0
    this.#tell(ConnectionEvent.FAILED, status, stepOf(error), this.#lane.clock.now())
    this.#lane.failed(this, status)
  }

  #received(chunk: Uint8Array): void {
    if (this.#isGone) return
    const now = this.#lane.clock.now()
    if (this.#underWay.size === 0) return this.#unasked()
    if (Number.isNaN(this.#underWay.first.firstAt)) this.#underWay.first.firstAt = now
    let left = chunk.length + this.#reader.pendingBytes
    const fault = this.#reader.read(chunk, (response) => {
      left -= response.bytes
      this.#answered(response, now)
      // What is left is of the next one, if there is one.
      if (this.#isGone || left === 0) return !this.#isGone
      if (this.#underWay.size > 0) this.#underWay.first.firstAt = now
      else this.#unasked()
      return !this.#isGone
    })
    if (this.#isGone) return
    const { MALFORMED, TOO_LARGE, CUT_SHORT } = ExchangeEnd
    if (fault !== undefined) {
      const first = fault === 'malformed' ? MALFORMED : TOO_LARGE
      return this.#go({ event: ConnectionEvent.CLOSED, first, rest: CUT_SHORT, status: 0 })
    }
    this.#freed(now)
  }

  #answered(response: WholeResponse, at: number): void {
    const { check, exchangesPerConnection } = this.#lane.options
    this.#wasUseful = true
    this.#lane.answered()
    const [least, most] = check.code ?? [0, Number.POSITIVE_INFINITY]
    const isWanted = response.isFound && response.code >= least && response.code <= most
    this.#end(isWanted ? ExchangeEnd.ANSWERED : ExchangeEnd.UNWANTED, 0, at, response)
    const isWornOut = this.#begun >= exchangesPerConnection && this.#underWay.size === 0
    if (response.goesOn && !isWornOut) return
    const { CUT_SHORT } = ExchangeEnd
    this.#go({ event: ConnectionEvent.CLOSED, first: CUT_SHORT, rest: CUT_SHORT, status: 0 })
  }

  #freed(now: number): void {
    if (!this.#mayTakeMore) return
    this.#freeAt = now
    this.#lane.freed(this)
  }

  /** What nobody had asked for. */
  #unasked(): void {
    const { MALFORMED, CUT_SHORT } = ExchangeEnd
    this.#go({ event: ConnectionEvent.UNASKED, first: MALFORMED, rest: CUT_SHORT, status: 0 })
  }

  #ended(): void {
    if (this.#isGone) return
    const response = this.#underWay.size > 0 ? this.#reader.readEnd() : undefined
    if (response) this.#answered(response, this.#lane.clock.now())
    const { CUT_SHORT } = ExchangeEnd
    this.#go({
      event: ConnectionEvent.ENDED_BY_PEER,
      first: CUT_SHORT,
      rest: CUT_SHORT,
      status: 0,
    })
  }

  #lost(error: ConnectError): void {
    const { LOST } = ExchangeEnd
    this.#go({
      event: ConnectionEvent.LOST,
      first: LOST,
      rest: LOST,
      status: error.errno ?? 0,
    })
  }

  /** Tells the first one under way. */
  #end(end: number, status: number, receivedAt: number, response?: WholeResponse): void {
    const { given, freeAt, sentAt, firstAt } = this.#underWay.take()
    const { id, request, startAt } = given
    const bytes = response?.bytes ?? (Number.isNaN(firstAt) ? 0 : this.#reader.pendingBytes)
    const intendedAt = startAt === 0 ? Number.NaN : startAt
    const doneAt = this.#lane.clock.now()
    this.#lane.telling.exchange([
      ...[id, end, status, request, this.#id],
      ...[intendedAt, freeAt, sentAt, firstAt, receivedAt, doneAt],
      ...[bytes, response?.code ?? 0],
    ])
  }

  #go({ event, first, rest, status }: Farewell): void {
    if (this.#isGone) return
    this.#isGone = true
    for (let end = first; this.#underWay.size > 0; end = rest) this.#end(end, status, Number.NaN)
    this.#tell(event, status, BulkStep.CONNECT, this.#lane.clock.now())
    this.#close()
    this.#lane.gone(this, this.#wasUseful || event === ConnectionEvent.CLOSED)
  }

  #close(): void {
    const connection = this.#connection
    this.#reading?.unsubscribe()
    if (connection === undefined) return
    if (this.#lane.options.closeMode === 'reset') connection.reset()
    else connection.close().catch(() => {})
  }

  #tell(event: number, status: number, step: number, endedAt: number): void {
    const { startedAt = this.#startedAt, sentAt, readyAt } = this.#timeline ?? {}
    const { NaN: NEVER } = Number
    this.#lane.telling.connection([
      ...[this.#id, event, status, step, this.#peer],
      ...[startedAt, sentAt ?? NEVER, readyAt ?? NEVER, endedAt, this.#begun],
    ])
  }
}

/** By which call it is known that there is none. */
function stepOf({ phase, syscall, localFault }: ConnectError): number {
  if (syscall === 'socket') return BulkStep.SOCKET
  if (syscall === 'setsockopt') return BulkStep.SETSOCKOPT
  if (syscall === 'bind') return BulkStep.BIND
  if (phase === 'connect' && !localFault) return BulkStep.SO_ERROR
  return BulkStep.CONNECT
}
