/** The memory that received data arrives in: one for all connections of a reactor, so that an idle one holds none. */

const BYTES = 64 * 1024

export class ReadBuffer {
  #memory: Buffer | undefined

  /** What to receive into. Whatever it holds before is left over from other uses. */
  get memory(): Buffer {
    this.#memory ??= Buffer.allocUnsafeSlow(BYTES)
    return this.#memory
  }

  /**
   * The first `count` bytes, which are the caller's from now on: a copy of that size, or, where all of it is full, the memory
   * itself. A copy would push as much out of the cache again.
   *
   * The next one is made while this one still lives, and not when it is needed. Were there a moment without any, garbage
   * collected in it would leave malloc(3) with nothing but free memory at the end of its heap; it would give all that back to
   * the kernel, and each of the pages would be faulted in and zeroed again.
   */
  take(count: number): Buffer {
    const { memory } = this
    if (count < memory.length) return Buffer.from(memory.subarray(0, count))
    this.#memory = Buffer.allocUnsafeSlow(BYTES)
    return memory
  }
}
