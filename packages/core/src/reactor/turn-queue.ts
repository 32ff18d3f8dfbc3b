/** Work spread over loop turns: a queue that runs a bounded number of items in each. */
import { Fifo } from '../base/fifo.js'

export class TurnQueue<T> {
  readonly #defer: (callback: () => void) => void
  readonly #perTurn: number
  readonly #run: (item: T) => void
  readonly #items = new Fifo<T>()
  /** How many more may run in this turn. */
  #budget: number
  #scheduled = false

  constructor(defer: (callback: () => void) => void, perTurn: number, run: (item: T) => void) {
    this.#defer = defer
    this.#perTurn = perTurn
    this.#budget = perTurn
    this.#run = run
  }

  get size(): number {
    return this.#items.size
  }

  /** Runs `item` in a later turn, never now. */
  push(item: T): void {
    this.#items.push(item)
    this.#schedule()
  }

  /** Runs `item` now where this turn's share is not used up and nobody waits; else in a later turn. */
  offer(item: T): void {
    if (this.#budget === 0 || this.size > 0) return this.push(item)
    this.#budget--
    this.#schedule()
    this.#run(item)
  }

  clear(): void {
    this.#items.clear()
  }

  #schedule(): void {
    if (this.#scheduled) return
    this.#scheduled = true
    this.#defer(this.#turn)
  }

  readonly #turn = (): void => {
    this.#scheduled = false
    this.#budget = this.#perTurn
    // What is pushed while these run waits for the next turn, or it could keep the loop from turning.
    const count = Math.min(this.size, this.#perTurn)
    try {
      for (let i = 0; i < count && this.size > 0; i++) {
        this.#budget--
        this.#run(this.#items.take())
      }
    } finally {
      if (this.size > 0 || this.#budget < this.#perTurn) this.#schedule()
    }
  }
}
