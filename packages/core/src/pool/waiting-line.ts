/** Those who wait, first come, first served; any of them may leave. */
import { Fifo } from '../base/fifo.js'

export interface Waiting {
  /** False once it has left, or was served. */
  readonly waiting: boolean
}

/** So few that have left are not worth a sweep. */
const FEW = 16

export class WaitingLine<T extends Waiting> {
  /** Those who have left stay until their turn comes, or until they are the majority. */
  readonly #fifo = new Fifo<T>()
  #size = 0

  /** How many wait. */
  get size(): number {
    return this.#size
  }

  push(item: T): void {
    this.#fifo.push(item)
    this.#size++
  }

  /** Takes out who has waited longest; undefined where nobody waits. */
  take(): T | undefined {
    while (this.#size > 0) {
      const item = this.#fifo.take()
      if (!item.waiting) continue
      this.#size--
      return item
    }
    return undefined
  }

  /** One of them does not wait any more: to be called once, and not for one that was taken. */
  left(): void {
    this.#size--
    if (this.#fifo.size <= 2 * this.#size + FEW) return
    for (let rest = this.#fifo.size; rest > 0; rest--) {
      const item = this.#fifo.take()
      if (item.waiting) this.#fifo.push(item)
    }
  }
}
