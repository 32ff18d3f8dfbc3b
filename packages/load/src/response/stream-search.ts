/** Looks for some bytes in what comes chunk by chunk, also where they lie across two. */
export class StreamSearch {
  readonly #wanted: Buffer
  /** The end of what has come, shorter than what is looked for. */
  #tail = Buffer.alloc(0)
  #isFound: boolean

  /** Undefined, and empty: always found. */
  constructor(wanted: Buffer = Buffer.alloc(0)) {
    this.#wanted = wanted
    this.#isFound = wanted.length === 0
  }

  look(chunk: Uint8Array): void {
    if (this.#isFound) return
    const whole = Buffer.concat([this.#tail, chunk])
    this.#isFound = whole.includes(this.#wanted)
    // A copy: the rest of the chunk is let go of.
    this.#tail = Buffer.from(whole.subarray(Math.max(0, whole.length - this.#wanted.length + 1)))
  }

  /** Whether it was found; the next one begins. */
  take(): boolean {
    const isFound = this.#isFound
    this.#isFound = this.#wanted.length === 0
    this.#tail = Buffer.alloc(0)
    return isFound
  }
}
