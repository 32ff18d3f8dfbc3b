/** One direction of a simulated connection: bytes on their way, with an end and a limit. */

/** As much as a direction holds before its writer has to wait. */
const STREAM_BYTES = 256 * 1024

export class SimulatedStream {
  #chunks: Buffer[] = []
  #size = 0
  /** The writer has said that nothing follows. */
  ended = false

  get size(): number {
    return this.#size
  }

  /** Bytes that may be written now. */
  get room(): number {
    return Math.max(0, STREAM_BYTES - this.#size)
  }

  /** Takes a copy. */
  write(data: Uint8Array): void {
    if (data.length === 0) return
    this.#chunks.push(Buffer.from(data))
    this.#size += data.length
  }

  /** Moves bytes into `into` and returns how many. */
  read(into: Uint8Array): number {
    let count = 0
    while (count < into.length) {
      const first = this.#chunks[0]
      if (first === undefined) break
      const part = first.subarray(0, into.length - count)
      into.set(part, count)
      count += part.length
      if (part.length === first.length) this.#chunks.shift()
      else this.#chunks[0] = first.subarray(part.length)
    }
    this.#size -= count
    return count
  }

  /** All that is there. */
  readAll(): Buffer {
    const all = Buffer.concat(this.#chunks)
    this.#chunks = []
    this.#size = 0
    return all
  }
}
