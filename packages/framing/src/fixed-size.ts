/** Frames that all have the same size. */
import type { OperatorFunction } from 'rxjs'
import { type ByteQueue, viewOf } from './byte-queue.js'
import { FrameError } from './frame-error.js'
import { type FrameDecoder, FrameParser } from './frame-parser.js'
import { frames } from './frames.js'
import { checkWhole } from './options.js'

/**
 * An operator: frames of `size` bytes. Errors with {@link FrameError} where the stream ends within one.
 *
 * @example
 * ```ts
 * import { fixedSize } from '@pollout/framing'
 * import { of } from 'rxjs'
 *
 * of(Buffer.from('abc'), Buffer.from('def')).pipe(fixedSize(2)).subscribe(console.log) // <ab>, <cd>, <ef>
 * ```
 */
export function fixedSize(size: number): OperatorFunction<Uint8Array, Buffer> {
  checkWhole('size', size, 1)
  return frames(() => fixedSizeParser(size))
}

/**
 * The parser under {@link fixedSize}.
 *
 * @example
 * ```ts
 * import { fixedSizeParser } from '@pollout/framing'
 *
 * const parser = fixedSizeParser(2)
 * for (const frame of parser.push(Buffer.from('abc'))) console.log(frame) // <ab>
 * ```
 */
export function fixedSizeParser(size: number): FrameParser<Buffer> {
  return new FrameParser(new FixedSizeDecoder(checkWhole('size', size, 1)))
}

/**
 * A frame as it is sent: itself. Throws {@link FrameError} where it has not `size` bytes.
 *
 * @example
 * ```ts
 * import { encodeFixedSize } from '@pollout/framing'
 *
 * encodeFixedSize(Buffer.from('ab'), 2)
 * ```
 */
export function encodeFixedSize(frame: Uint8Array, size: number): Buffer {
  checkWhole('size', size, 1)
  if (frame.length !== size) {
    throw new FrameError('ERR_FRAME_INVALID', `a frame has ${frame.length} bytes, not ${size}`)
  }
  return viewOf(frame)
}

class FixedSizeDecoder implements FrameDecoder<Buffer> {
  readonly #size: number

  constructor(size: number) {
    this.#size = size
  }

  next(input: ByteQueue): Buffer | undefined {
    return input.length < this.#size ? undefined : input.take(this.#size)
  }
}
