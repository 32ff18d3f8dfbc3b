/** What a portable lane tells: gathered over a turn of the loop, and handed over in a later one. */
import {
  type Clock,
  CONNECTION_FIELDS,
  EXCHANGE_OUTCOME_FIELDS,
  ExchangeOutcomeField,
  type ExchangeSink,
} from '@pollout/core'
import type { Submitted } from './submitted.js'

export class Telling {
  readonly #clock: Clock
  readonly #sink: ExchangeSink
  #exchanges: number[] = []
  #connections: number[] = []
  #isScheduled = false
  #isEnded = false

  constructor(clock: Clock, sink: ExchangeSink) {
    this.#clock = clock
    this.#sink = sink
  }

  /** The fields of an outcome, in their order. */
  exchange(fields: readonly number[]): void {
    this.#exchanges.push(...fields)
    this.#schedule()
  }

  connection(fields: readonly number[]): void {
    this.#connections.push(...fields)
    this.#schedule()
  }

  /** Of one that never had a connection. */
  unsent({ id, request, startAt }: Submitted, end: number, status: number): void {
    const fields = new Array<number>(EXCHANGE_OUTCOME_FIELDS).fill(Number.NaN)
    fields[ExchangeOutcomeField.ID] = id
    fields[ExchangeOutcomeField.END] = end
    fields[ExchangeOutcomeField.STATUS] = status
    fields[ExchangeOutcomeField.REQUEST] = request
    fields[ExchangeOutcomeField.CONNECTION] = -1
    fields[ExchangeOutcomeField.INTENDED_AT] = startAt === 0 ? Number.NaN : startAt
    fields[ExchangeOutcomeField.DONE_AT] = this.#clock.now()
    fields[ExchangeOutcomeField.BYTES] = 0
    fields[ExchangeOutcomeField.CODE] = 0
    this.exchange(fields)
  }

  /** Nothing is told any more. */
  end(): void {
    this.#isEnded = true
    this.#exchanges = []
    this.#connections = []
  }

  #schedule(): void {
    if (this.#isScheduled || this.#isEnded) return
    this.#isScheduled = true
    this.#clock.defer(() => {
      this.#isScheduled = false
      this.#deliver()
    }, false)
  }

  #deliver(): void {
    const connections = Float64Array.from(this.#connections)
    const exchanges = Float64Array.from(this.#exchanges)
    this.#connections = []
    this.#exchanges = []
    try {
      if (connections.length > 0) {
        this.#sink.connections(connections, connections.length / CONNECTION_FIELDS)
      }
    } finally {
      // The sink may have cancelled the lane.
      if (exchanges.length > 0 && !this.#isEnded) {
        this.#sink.exchanges(exchanges, exchanges.length / EXCHANGE_OUTCOME_FIELDS)
      }
      // The arrays are the lane's again: who kept one reads nonsense.
      connections.fill(Number.NaN)
      exchanges.fill(Number.NaN)
    }
  }
}
