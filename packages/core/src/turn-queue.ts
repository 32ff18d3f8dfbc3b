/** Work spread over loop turns: a queue that runs a bounded number of items in each. */

export class TurnQueue<T> {
  readonly #defer: (callback: () => void) => void
  readonly #perTurn: number
  readonly #run: (item: T) => void
  #items: T[] = []
  /** Items before this index have run. */
  #head = 0
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
    return this.#items.length - this.#head
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
    this.#items = []
    this.#head = 0
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
    const waiting = this.size
    const count = Math.min(waiting, this.#perTurn)
    try {
      for (let i = 0; i < count && this.size > 0; i++) {
        this.#budget--
        this.#run(this.#items[this.#head++] as T)
      }
    } finally {
      this.#compact()
      if (this.size > 0 || this.#budget < this.#perTurn) this.#schedule()
    }
  }

  /** Lets go of what has run, at a cost that is constant per item. */
  #compact(): void {
    if (this.#head * 2 < this.#items.length) return
    this.#items = this.#items.slice(this.#head)
    this.#head = 0
  }
}
