/**
 * The exchange lane on connections of a reactor: on every backend, through TLS, to names. It is the contract of
 * core's `backend/exchange.ts` in TypeScript; what a backend runs natively is tested against it.
 *
 * It begins what is due by JavaScript's timers, and reads when JavaScript's loop gets to it. So its own lateness is that of
 * the loop, and the kernel's times are not known to it: `kernelTimes` changes nothing.
 */
import {
  type Clock,
  EXCHANGE_FIELDS,
  ExchangeEnd,
  ExchangeField,
  type ExchangeLane,
  type ExchangeSink,
  errno,
  type Reactor,
  type Timer,
} from '@pollout/core'
import { Fifo } from '@pollout/core/internal'
import { RequestWriter } from '../request/request-writer.js'
import { PortableConnection } from './portable-connection.js'
import type {
  LaneOfConnections,
  PortableConnectionLike,
  PortableLaneOptions,
} from './portable-parts.js'
import type { Submitted } from './submitted.js'
import { Telling } from './telling.js'

/** Exchanges begun, and connects, in one turn of the loop. */
const MOST_IN_A_TURN = 256
/** Between two connects that nobody waits for, after one that has failed. */
const FIRST_PAUSE_MS = 10
const LONGEST_PAUSE_MS = 1_000

export class PortableLane implements ExchangeLane, LaneOfConnections {
  readonly reactor: Reactor
  readonly clock: Clock
  readonly options: PortableLaneOptions
  readonly telling: Telling
  readonly writers: readonly RequestWriter[]
  readonly #queue = new Fifo<Submitted>()
  /** Of the queue's, from its front, those that were seen to be due. */
  readonly #due = new Fifo<Submitted>()
  readonly #connections = new Set<PortableConnectionLike>()
  /** Those with room, for the longest time first. */
  readonly #room = new Set<PortableConnectionLike>()
  #connecting = 0
  #submitted = 0
  #made = 0
  #turnScheduled = false
  #timer: Timer | undefined
  #timerAt = Number.POSITIVE_INFINITY
  #reconnectAt = Number.NEGATIVE_INFINITY
  #pauseMs = 0
  #isStopped = false
  #isEnded = false

  constructor(reactor: Reactor, clock: Clock, options: PortableLaneOptions, sink: ExchangeSink) {
    this.reactor = reactor
    this.clock = clock
    this.options = options
    this.telling = new Telling(clock, sink)
    this.writers = options.requests.map((parts) => new RequestWriter(parts, options.seed))
    this.#scheduleTurn()
  }

  submit(exchanges: Float64Array, count: number): void {
    for (let i = 0; i < count; i++) {
      const submitted: Submitted = {
        id: this.#submitted++,
        startAt: exchanges[i * EXCHANGE_FIELDS + ExchangeField.START_AT] as number,
        request: exchanges[i * EXCHANGE_FIELDS + ExchangeField.REQUEST] as number,
        seenAt: Number.NaN,
      }
      if (this.#isEnded) continue
      if (this.#isStopped) this.telling.unsent(submitted, ExchangeEnd.STOPPED, 0)
      else this.#queue.push(submitted)
    }
    this.#scheduleTurn()
  }

  stop(): void {
    if (this.#isStopped || this.#isEnded) return
    this.#isStopped = true
    for (const waiting of [this.#due, this.#queue]) {
      while (waiting.size > 0) this.telling.unsent(waiting.take(), ExchangeEnd.STOPPED, 0)
    }
  }

  cancel(): void {
    if (this.#isEnded) return
    this.#isEnded = true
    this.telling.end()
    this.#timer?.cancel()
    this.#queue.clear()
    this.#due.clear()
    for (const connection of this.#connections) connection.abandon()
    this.#connections.clear()
    this.#room.clear()
  }

  /** A connection has connected; `at`: when. */
  connected(connection: PortableConnectionLike): void {
    this.#connecting--
    this.freed(connection)
  }

  /** Its connect has failed, with a negated errno or 0: so has the exchange that waits for the longest time. */
  failed(connection: PortableConnectionLike, status: number): void {
    this.#connecting--
    this.#connections.delete(connection)
    const waiting = this.#servesAnyway ? undefined : this.#takeDue(this.clock.now())
    if (waiting) this.telling.unsent(waiting, ExchangeEnd.NOT_CONNECTED, status)
    else this.#pauseConnecting()
    this.#scheduleTurn()
  }

  /** It may take another one. */
  freed(connection: PortableConnectionLike): void {
    if (this.#isEnded) return
    this.#room.add(connection)
    while (this.#room.has(connection)) {
      const next = this.#takeDue(this.clock.now())
      if (next === undefined) return this.#scheduleTurn()
      this.#begin(connection, next)
    }
  }

  answered(): void {
    this.#pauseMs = 0
  }

  gone(connection: PortableConnectionLike, wasOfUse: boolean): void {
    this.#connections.delete(connection)
    this.#room.delete(connection)
    // A peer that takes connections and lets them go is not to be asked as fast as it can.
    if (!wasOfUse) this.#pauseConnecting()
    this.#scheduleTurn()
  }

  /** There are connections that serve those who wait, whatever becomes of another one. */
  get #servesAnyway(): boolean {
    return this.options.eager && this.#connections.size > this.#connecting
  }

  #pauseConnecting(): void {
    this.#pauseMs = Math.min(LONGEST_PAUSE_MS, Math.max(FIRST_PAUSE_MS, 2 * this.#pauseMs))
    this.#reconnectAt = this.clock.now() + this.#pauseMs
  }

  #scheduleTurn(): void {
    if (this.#turnScheduled || this.#isEnded) return
    this.#turnScheduled = true
    this.clock.defer(() => {
      this.#turnScheduled = false
      if (!this.#isEnded) this.#turn()
    }, false)
  }

  #turn(): void {
    const now = this.clock.now()
    for (let begun = 0; this.#room.size > 0; begun++) {
      if (begun === MOST_IN_A_TURN) return this.#scheduleTurn()
      const next = this.#takeDue(now)
      if (next === undefined) break
      const [connection] = this.#room
      this.#begin(connection as PortableConnectionLike, next)
    }
    this.#see(now)
    this.#connectMore(now)
    this.#expire(now)
    this.#setTimer(now)
  }

  #begin(connection: PortableConnectionLike, exchange: Submitted): void {
    if (!connection.begin(exchange)) this.#room.delete(connection)
  }

  #see(now: number): void {
    while (this.#queue.size > 0 && this.#queue.first.startAt <= now) {
      const exchange = this.#queue.take()
      exchange.seenAt = now
      this.#due.push(exchange)
    }
  }

  #takeDue(now: number): Submitted | undefined {
    this.#see(now)
    if (this.#due.size === 0) return undefined
    const exchange = this.#due.take()
    // One without a time has waited for nobody but those before it.
    if (exchange.startAt === 0) exchange.seenAt = now
    return exchange
  }

  #connectMore(now: number): void {
    const { connections, eager } = this.options
    if (this.#isStopped) return
    for (let begun = 0; this.#connections.size < connections; begun++) {
      const isNeeded =
        !this.#servesAnyway && this.#room.size === 0 && this.#due.size > this.#connecting
      if (!isNeeded && !(eager && now >= this.#reconnectAt)) return
      if (begun === MOST_IN_A_TURN) return this.#scheduleTurn()
      const connection = new PortableConnection(this, this.#made++)
      this.#connections.add(connection)
      this.#connecting++
      connection.connect()
    }
  }

  /** Behind what has come: a turn is in the check phase, and this turn's I/O has been seen. */
  #expire(now: number): void {
    const { timeoutMs } = this.options
    for (const connection of this.#connections) connection.expire(now)
    while (this.#due.size > 0 && this.#due.first.startAt > 0) {
      if (this.#due.first.seenAt + timeoutMs > now) return
      this.telling.unsent(this.#due.take(), ExchangeEnd.UNSENT, -errno.ETIMEDOUT)
    }
  }

  #setTimer(now: number): void {
    let at = this.#queue.size > 0 ? this.#queue.first.startAt : Number.POSITIVE_INFINITY
    const { timeoutMs, eager, connections } = this.options
    if (this.#due.size > 0 && this.#due.first.startAt > 0) {
      at = Math.min(at, this.#due.first.seenAt + timeoutMs)
    }
    if (eager && !this.#isStopped && this.#connections.size < connections) {
      at = Math.min(at, this.#reconnectAt)
    }
    this.wakeAt(at, now)
  }

  /** A turn at that time, or before. */
  wakeAt(at: number, now: number): void {
    if (at >= this.#timerAt || at === Number.POSITIVE_INFINITY) return
    this.#timer?.cancel()
    this.#timerAt = at
    this.#timer = this.clock.setTimer(Math.max(0, at - now), () => {
      this.#timerAt = Number.POSITIVE_INFINITY
      this.#scheduleTurn()
    })
  }
}
