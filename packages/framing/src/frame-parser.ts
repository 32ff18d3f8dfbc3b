/** The machine under all framing here: chunks in, frames out, however the chunks were cut. */
import { ByteQueue } from './byte-queue.js'
import { FrameError } from './frame-error.js'

/**
 * The rules of one protocol: what {@link FrameParser} asks. One is made for each stream and may keep notes on how far
 * it has looked.
 *
 * @example Netstrings, 5:hello,
 * ```ts
 * import { type ByteQueue, type FrameDecoder, FrameError } from '@pollout/framing'
 *
 * class NetstringDecoder implements FrameDecoder<Buffer> {
 *   next(input: ByteQueue): Buffer | undefined {
 *     const colon = input.indexOf(0x3a)
 *     if (colon < 0 && input.length < 5) return undefined
 *     const digits = input.peek(Math.max(0, colon)).toString()
 *     if (!/^\d{1,4}$/.test(digits)) throw new FrameError('ERR_FRAME_INVALID', 'no netstring')
 *     const end = colon + 1 + Number(digits)
 *     return input.length > end ? input.take(end + 1).subarray(colon + 1, end) : undefined
 *   }
 * }
 * ```
 */
export interface FrameDecoder<F> {
  /**
   * Takes the next frame from the front of `input` and returns it; undefined, and nothing taken, where it is not there yet.
   * Throws {@link FrameError}, which has to come before more than the largest frame is waited for. What it
   * answers must depend on the bytes alone, not on where they were cut.
   */
  next(input: ByteQueue): F | undefined
  /** At the end of the stream, with bytes left over: the last frame, where an end is as good as an end mark. */
  last?(input: ByteQueue): F | undefined
}

/**
 * Turns the chunks of one stream into frames. Not for RxJS alone: {@link frames} and {@link readFrames} stand on it.
 *
 * The bytes that wait for the rest of their frame are bounded by the decoder's largest frame and one chunk.
 *
 * @example
 * ```ts
 * import { lineParser } from '@pollout/framing'
 *
 * const parser = lineParser()
 * for (const line of parser.push(Buffer.from('one\ntw'))) console.log(line) // one
 * for (const line of parser.push(Buffer.from('o\n'))) console.log(line) // two
 * for (const line of parser.end()) console.log(line) // nothing; would throw for half a line
 * ```
 */
export class FrameParser<F> {
  readonly #decoder: FrameDecoder<F>
  readonly #input = new ByteQueue()
  #failure: unknown
  #failed = false
  #restTaken = false

  constructor(decoder: FrameDecoder<F>) {
    this.#decoder = decoder
  }

  /** Bytes that came and are in no frame yet. */
  get bufferedBytes(): number {
    return this.#input.length
  }

  /**
   * Takes in `chunk`, at once, and gives the frames that are complete, each when it is asked for: an error comes after the
   * frames before it, and frames not asked for are the first ones of the next call. A frame may be a view of
   * the chunk, which must not be changed afterwards. Throws {@link FrameError}, from then on each time.
   */
  push(chunk: Uint8Array): IterableIterator<F> {
    if (this.#restTaken) throw new Error('the rest of this stream was taken: push it there')
    // What nobody can read any more is not kept.
    if (!this.#failed) this.#input.push(chunk)
    return this.#drain()
  }

  /** The next frame of what was pushed, or undefined. For protocols where it says how to read on. */
  read(): F | undefined {
    if (this.#failed) throw this.#failure
    if (this.#input.length === 0) return undefined
    return this.#guard(() => this.#decoder.next(this.#input))
  }

  /** The stream has ended: the frames that are left. Throws {@link FrameError} where it ended within a frame. */
  *end(): IterableIterator<F> {
    yield* this.#drain()
    if (this.#input.length > 0) yield this.#guard(() => this.#last())
  }

  /**
   * Takes the bytes that are in no frame yet, for another parser to go on with (an upgrade, a body after its head). That
   * ends this one.
   */
  takeRest(): Buffer {
    this.#restTaken = true
    return this.#input.take()
  }

  #last(): F {
    const { length } = this.#input
    const last = this.#decoder.last?.(this.#input)
    if (last !== undefined && this.#input.length === 0) return last
    const message = `the stream ended within a frame, ${length} bytes into it`
    throw new FrameError('ERR_FRAME_TRUNCATED', message)
  }

  *#drain(): IterableIterator<F> {
    for (let frame = this.read(); frame !== undefined; frame = this.read()) yield frame
  }

  #guard<T>(step: () => T): T {
    try {
      return step()
    } catch (error) {
      this.#failed = true
      this.#failure = error
      // What is left can't be read by anybody.
      this.#input.take()
      throw error
    }
  }
}
