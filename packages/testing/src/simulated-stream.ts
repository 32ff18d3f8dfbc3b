/** One direction of a simulated connection: bytes, or messages, on their way, with an end and a limit. */

/** As much as a direction holds before its writer has to wait. */
const STREAM_BYTES = 256 * 1024

export class SimulatedStream {
  /** Each write is one message, and each read takes one: what has no room is cut off. */
  readonly #messages: boolean
  #chunks: Buffer[] = []
  #size = 0
  /** The writer has said that nothing follows. */
  ended = false

  constructor(messages = false) {
    this.#messages = messages
  }

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
    if (this.#messages) return this.#readMessage(into)
    let count = 0
    while (count < into.length) {
      const part = this.#take(into.length - count)
      if (part === undefined) break
      into.set(part, count)
      count += part.length
    }
    return count
  }

  /** Moves as much as `other` has room for. */
  moveTo(other: SimulatedStream): void {
    for (;;) {
      if (this.#messages && (this.#chunks[0]?.length ?? 0) > other.room) return
      const part = this.#take(this.#messages ? Number.POSITIVE_INFINITY : other.room)
      if (part === undefined) return
      other.write(part)
    }
  }

  /** All that is there: as one chunk, or message by message. */
  readAll(): readonly Buffer[] {
    const all = this.#messages ? this.#chunks : [Buffer.concat(this.#chunks)]
    this.#chunks = []
    this.#size = 0
    return all
  }

  #readMessage(into: Uint8Array): number {
    const message = this.#take(Number.POSITIVE_INFINITY)?.subarray(0, into.length)
    if (message === undefined) return 0
    into.set(message)
    return message.length
  }

  /** The first bytes, of one write, and no more than `most`. */
  #take(most: number): Buffer | undefined {
    const first = this.#chunks[0]
    if (first === undefined || most <= 0) return undefined
    const part = first.subarray(0, most)
    if (part.length === first.length) this.#chunks.shift()
    else this.#chunks[0] = first.subarray(part.length)
    this.#size -= part.length
    return part
  }
}
