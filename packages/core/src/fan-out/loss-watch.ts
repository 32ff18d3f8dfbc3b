/**
 * Watches how many attempts get no answer: is it more than usual?
 *
 * Attempts are judged in rounds of those that started one after the other, once all of a round have ended. (By the time of
 * their ends it would seem as if nothing were lost before the first deadline, and everything after it.) A round's share is
 * held against the average of those before it, which follows slowly: loss that stays becomes the usual.
 */

/** Attempts in a round. */
export const ROUND = 256
/** What a round adds to the average. */
const WEIGHT = 1 / 32
/** A rise is more than this many standard deviations of chance, ... */
const DEVIATIONS = 3
/** ... and more than this share. */
const LEAST_RISE = 0.02

interface Round {
  left: number
  lost: number
}

export interface LossListener {
  lossRose(): void
  lossIsUsual(): void
}

export class LossWatch {
  readonly #listener: LossListener
  readonly #rounds = new Map<number, Round>()
  #started = 0
  #usual: number | undefined
  /** Rounds before this one had begun when the number in flight was lowered last, and say nothing about the new one. */
  #firstToCount = 0

  constructor(listener: LossListener) {
    this.#listener = listener
  }

  /** An attempt starts; returns its round. */
  started(): number {
    const round = Math.floor(this.#started++ / ROUND)
    if (!this.#rounds.has(round)) this.#rounds.set(round, { left: ROUND, lost: 0 })
    return round
  }

  ended(number: number, isLost: boolean): void {
    const round = this.#rounds.get(number)
    if (round === undefined) return
    if (isLost) round.lost++
    if (--round.left > 0) return
    this.#rounds.delete(number)
    this.#judge(number, round.lost / ROUND)
  }

  #judge(number: number, share: number): void {
    const usual = this.#usual ?? share
    const chance = Math.sqrt((usual * (1 - usual)) / ROUND)
    const hasRisen = share > usual + Math.max(DEVIATIONS * chance, LEAST_RISE)
    this.#usual = usual + (share - usual) * WEIGHT
    if (!hasRisen) return this.#listener.lossIsUsual()
    if (number < this.#firstToCount) return
    this.#firstToCount = Math.ceil(this.#started / ROUND)
    this.#listener.lossRose()
  }
}
