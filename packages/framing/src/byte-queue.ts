/**
 * Bytes in the order in which they came, in one piece, to be looked at and taken from the front.
 *
 * One piece and not a list of chunks: a peer that sends single bytes would make each cost a hundred in objects, and a
 * delimiter could lie across two. What a chunk brings while the queue is empty is not copied. Otherwise it is
 * appended to memory that doubles when it is full, so each byte is copied a constant number of times on average.
 * Memory is never written to twice: what was taken stays as it is for ever.
 *
 * @example
 * ```ts
 * import { ByteQueue } from '@pollout/framing'
 *
 * const queue = new ByteQueue()
 * queue.push(Buffer.from('key=va'))
 * queue.push(Buffer.from('lue'))
 * queue.take(queue.indexOf(0x3d)).toString() // 'key'
 * queue.skip(1)
 * queue.take().toString() // 'value'
 * ```
 */
export class ByteQueue {
  #bytes: Buffer = EMPTY
  /** `#bytes[#start..#end]` is in the queue; behind it is room for more, if it is the queue's own memory. */
  #start = 0
  #end = 0
  #own = false

  /** Bytes in the queue. */
  get length(): number {
    return this.#end - this.#start
  }

  /** Appends `chunk`, which must not be changed from now on. */
  push(chunk: Uint8Array): void {
    if (!(chunk instanceof Uint8Array)) throw new TypeError('a chunk must be a Uint8Array')
    if (chunk.length === 0) return
    if (this.length === 0) {
      this.#bytes = viewOf(chunk)
      this.#start = 0
      this.#end = chunk.length
      this.#own = false
      return
    }
    const room = this.#own ? this.#bytes.length - this.#end : 0
    if (room < chunk.length) this.#grow(chunk.length)
    this.#bytes.set(chunk, this.#end)
    this.#end += chunk.length
  }

  /** At least as many bytes again as are waiting can be appended before the next copy. */
  #grow(more: number): void {
    const larger = Buffer.allocUnsafe(2 * this.length + more)
    larger.set(this.peek())
    this.#end = this.length
    this.#start = 0
    this.#bytes = larger
    this.#own = true
  }

  /** The byte at `index` from the front. Throws RangeError where there is none. */
  at(index: number): number {
    if (!(index >= 0 && index < this.length)) throw new RangeError(`there is no byte ${index}`)
    return this.#bytes[this.#start + index] as number
  }

  /** Where `needle` begins, at `from` or later, or -1. */
  indexOf(needle: Uint8Array | number, from = 0): number {
    // The room behind the end holds anything; a chunk has none, and needs no view.
    const bytes = this.#own ? this.#bytes.subarray(0, this.#end) : this.#bytes
    const found = bytes.indexOf(needle, this.#start + from)
    return found < 0 ? -1 : found - this.#start
  }

  /** A view of the first `size` bytes, or of all; they stay in the queue. */
  peek(size = this.length): Buffer {
    return this.#bytes.subarray(this.#start, this.#start + this.#checkSize(size))
  }

  /** Takes the first `size` bytes, or all. They are a view: small frames kept for long keep the whole chunk. */
  take(size = this.length): Buffer {
    const taken = this.peek(size)
    this.skip(size)
    return taken
  }

  /** Throws the first `size` bytes away. */
  skip(size: number): void {
    this.#start += this.#checkSize(size)
    // Lets go of memory that nothing waits in.
    if (this.#start === this.#end) {
      this.#bytes = EMPTY
      this.#start = 0
      this.#end = 0
    }
  }

  #checkSize(size: number): number {
    if (!Number.isInteger(size) || size < 0 || size > this.length) {
      throw new RangeError(`${size} bytes are not in a queue of ${this.length}`)
    }
    return size
  }
}

const EMPTY = Buffer.alloc(0)

/** The same memory as a Buffer. */
export function viewOf(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes)
    ? bytes
    : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}
