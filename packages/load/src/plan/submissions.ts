/** The requests of a run in the order of their sending, as a lane takes them: when, and of which kind. */

import { EXCHANGE_FIELDS, ExchangeField } from '@pollout/core'
import { uniformFloat64 } from 'pure-rand/distribution/uniformFloat64'
import { xoroshiro128plus } from 'pure-rand/generator/xoroshiro128plus'

/** Not the plan's own chance: another seed of the kinds leaves the moments as they are. */
const OTHER = 0x5bd1_e995

export interface Submission {
  readonly records: Float64Array
  readonly count: number
  /** How many of them are to be sent at that moment or later. */
  countedFrom(moment: number): number
}

export class Submissions {
  readonly #times: Iterator<number, void>
  readonly #shares: readonly number[]
  readonly #random: ReturnType<typeof xoroshiro128plus>
  #next: number | undefined
  #records = new Float64Array(1_024 * EXCHANGE_FIELDS)

  /** `shares`: up to and with each kind, of all. */
  constructor(times: Iterator<number, void>, shares: readonly number[], seed: number) {
    this.#times = times
    this.#shares = shares
    this.#random = xoroshiro128plus(seed ^ OTHER)
    this.#advance()
  }

  /** There is none left. */
  get isOver(): boolean {
    return this.#next === undefined
  }

  /** Those up to `untilMs` since the beginning, which was at `startedAt`. The array is used again for the next ones. */
  take(untilMs: number, startedAt: number): Submission {
    let count = 0
    while (this.#next !== undefined && this.#next <= untilMs) {
      // A moment of 0 would mean: at once.
      this.#write(count++, Math.max(startedAt + this.#next, Number.MIN_VALUE))
      this.#advance()
    }
    return this.#taken(count)
  }

  /** So many that are to be sent as soon as there is room. */
  atOnce(count: number): Submission {
    for (let i = 0; i < count; i++) this.#write(i, 0)
    return this.#taken(count)
  }

  #taken(count: number): Submission {
    const records = this.#records
    const countedFrom = (moment: number): number => {
      let counted = 0
      for (let i = 0; i < count; i++) {
        if ((records[i * EXCHANGE_FIELDS + ExchangeField.START_AT] as number) >= moment) counted++
      }
      return counted
    }
    return { records, count, countedFrom }
  }

  #advance(): void {
    const { value, done } = this.#times.next()
    this.#next = done ? undefined : (value as number)
  }

  #write(place: number, startAt: number): void {
    const at = place * EXCHANGE_FIELDS
    if (at === this.#records.length) {
      const larger = new Float64Array(2 * this.#records.length)
      larger.set(this.#records)
      this.#records = larger
    }
    this.#records[at + ExchangeField.START_AT] = startAt
    this.#records[at + ExchangeField.REQUEST] = this.#kind()
  }

  #kind(): number {
    if (this.#shares.length === 1) return 0
    const chosen = uniformFloat64(this.#random)
    const kind = this.#shares.findIndex((share) => chosen < share)
    return kind < 0 ? this.#shares.length - 1 : kind
  }
}
