/** A queue, first in first out, at a cost that is constant per item: an array's shift() is not, for long ones. */
export class Fifo<T> {
  #items: T[] = []
  /** Items before this index have been taken. */
  #head = 0

  get size(): number {
    return this.#items.length - this.#head
  }

  push(item: T): void {
    this.#items.push(item)
  }

  /** The oldest item, which stays. Throws where there is none. */
  get first(): T {
    if (this.size === 0) throw new RangeError('the queue is empty')
    return this.#items[this.#head] as T
  }

  /** The oldest item. Throws where there is none. */
  take(): T {
    if (this.size === 0) throw new RangeError('the queue is empty')
    const item = this.#items[this.#head++] as T
    // Lets go of what was taken, once that is half of all.
    if (this.#head * 2 >= this.#items.length) {
      this.#items = this.#items.slice(this.#head)
      this.#head = 0
    }
    return item
  }

  clear(): void {
    this.#items = []
    this.#head = 0
  }
}
