/** The beginning of what a peer sends, in memory that its length alone decides, and not the size of its pieces. */

export class Beginning {
  readonly #most: number
  #buffer = Buffer.alloc(0)
  #length = 0
  /** All that has come, kept or not. */
  total = 0

  /** Keeps so many bytes at most. */
  constructor(most: number) {
    this.#most = most
  }

  get bytes(): Buffer {
    return this.#buffer.subarray(0, this.#length)
  }

  get isCut(): boolean {
    return this.total > this.#length
  }

  /** Copies: a piece may be a small part of a large buffer. */
  add(chunk: Uint8Array): void {
    this.total += chunk.length
    const length = Math.min(this.#most, this.#length + chunk.length)
    if (length > this.#buffer.length) {
      const larger = Buffer.alloc(Math.min(this.#most, Math.max(length, 2 * this.#buffer.length)))
      this.#buffer.copy(larger)
      this.#buffer = larger
    }
    this.#buffer.set(chunk.subarray(0, length - this.#length), this.#length)
    this.#length = length
  }
}
