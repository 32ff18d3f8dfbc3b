/** Gathers outcomes as columns, until they are emitted as one batch. */
import type { ConnectRequest } from '../connect/connect-request.js'
import type { Failure } from '../errors/failure.js'
import type { BulkEnd } from './bulk-end.js'
import { OUTCOME_KINDS, type OutcomeBatch } from './columns.js'
import { kindOf } from './outcome.js'

const FIRST_CAPACITY = 1_024

export class OutcomeColumns {
  #capacity = 0
  #count = 0
  #index = new Float64Array(0)
  #kind = new Uint8Array(0)
  #errno = new Int32Array(0)
  #elapsedMs = new Float64Array(0)
  #startedAt = new Float64Array(0)
  #sentAt = new Float64Array(0)
  #readyAt = new Float64Array(0)
  /** Most outcomes in a row fail for one reason. */
  #lastFailure: Failure | undefined
  #lastKind = 0

  get count(): number {
    return this.#count
  }

  add(index: number, end: BulkEnd): void {
    const { failure, lostBy, elapsedMs, startedAt, sentAt, readyAt } = end
    this.#add(index, failure, lostBy, elapsedMs, startedAt, sentAt, readyAt)
  }

  addRequest(index: number, { failure, lostBy, elapsedMs, timeline }: ConnectRequest): void {
    const { startedAt = Number.NaN, sentAt = Number.NaN, readyAt = Number.NaN } = timeline ?? {}
    this.#add(index, failure, lostBy, elapsedMs, startedAt, sentAt, readyAt)
  }

  /** What has been gathered, copied; from here on it is somebody else's. */
  take(): OutcomeBatch {
    const count = this.#count
    this.#count = 0
    return {
      count,
      index: this.#index.slice(0, count),
      kind: this.#kind.slice(0, count),
      errno: this.#errno.slice(0, count),
      elapsedMs: this.#elapsedMs.slice(0, count),
      startedAt: this.#startedAt.slice(0, count),
      sentAt: this.#sentAt.slice(0, count),
      readyAt: this.#readyAt.slice(0, count),
    }
  }

  #add(
    index: number,
    failure: Failure | undefined,
    lostBy: number,
    elapsedMs: number,
    startedAt: number,
    sentAt: number,
    readyAt: number,
  ): void {
    if (this.#count === this.#capacity) this.#grow()
    const row = this.#count++
    this.#index[row] = index
    this.#kind[row] = failure === undefined ? 0 : this.#kindOf(failure)
    this.#errno[row] = failure === undefined ? lostBy : (failure.errno ?? 0)
    this.#elapsedMs[row] = elapsedMs
    this.#startedAt[row] = startedAt
    this.#sentAt[row] = sentAt
    this.#readyAt[row] = readyAt
  }

  #kindOf(failure: Failure): number {
    if (failure !== this.#lastFailure) {
      this.#lastFailure = failure
      this.#lastKind = OUTCOME_KINDS.indexOf(kindOf(failure))
    }
    return this.#lastKind
  }

  #grow(): void {
    const capacity = Math.max(FIRST_CAPACITY, this.#capacity * 2)
    this.#capacity = capacity
    this.#index = grown(this.#index, new Float64Array(capacity))
    this.#kind = grown(this.#kind, new Uint8Array(capacity))
    this.#errno = grown(this.#errno, new Int32Array(capacity))
    this.#elapsedMs = grown(this.#elapsedMs, new Float64Array(capacity))
    this.#startedAt = grown(this.#startedAt, new Float64Array(capacity))
    this.#sentAt = grown(this.#sentAt, new Float64Array(capacity))
    this.#readyAt = grown(this.#readyAt, new Float64Array(capacity))
  }
}

function grown<A extends Float64Array | Int32Array | Uint8Array>(from: A, to: A): A {
  to.set(from)
  return to
}
