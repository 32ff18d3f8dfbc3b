/** Looks for a delimiter in bytes that come piece by piece, and at none of them twice. */
import type { ByteQueue } from './byte-queue.js'

export class DelimiterSearch {
  readonly #length: number
  /** A single byte is found faster as a number. */
  readonly #needle: Buffer | number
  /** No delimiter begins before this. */
  #searched = 0

  constructor(delimiter: Buffer) {
    const [first = 0] = delimiter
    this.#length = delimiter.length
    this.#needle = delimiter.length === 1 ? first : delimiter
  }

  /** Where the first one begins, or -1. Once it is found, all up to its end has to be taken before the next call. */
  find(input: ByteQueue): number {
    const at = input.indexOf(this.#needle, this.#searched)
    // The last bytes may be the beginning of one.
    this.#searched = at < 0 ? Math.max(0, input.length - (this.#length - 1)) : 0
    return at
  }
}
