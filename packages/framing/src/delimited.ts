/** Frames that end in a delimiter. */
import type { OperatorFunction } from 'rxjs'
import { type ByteQueue, viewOf } from './byte-queue.js'
import { DelimiterSearch } from './delimiter-search.js'
import { FrameError, tooLarge } from './frame-error.js'
import { type FrameDecoder, FrameParser } from './frame-parser.js'
import { frames } from './frames.js'
import { checkDelimiter, checkLimits, type FrameLimits } from './options.js'

/**
 * An operator: what stands between delimiters, without them. Errors with {@link FrameError}: a frame longer than
 * `maxBytes`, or an end of the stream that is not behind a delimiter.
 *
 * @example
 * ```ts
 * import { delimited } from '@pollout/framing'
 * import { of } from 'rxjs'
 *
 * of(Buffer.from('a\0b'), Buffer.from('c\0')).pipe(delimited('\0')).subscribe(console.log) // <a>, <bc>
 * ```
 */
export function delimited(
  delimiter: string | Uint8Array,
  options: FrameLimits = {},
): OperatorFunction<Uint8Array, Buffer> {
  const bytes = checkDelimiter(delimiter)
  const maxBytes = checkLimits(options)
  return frames(() => new FrameParser(new DelimitedDecoder(bytes, maxBytes)))
}

/**
 * The parser under {@link delimited}.
 *
 * @example
 * ```ts
 * import { delimitedParser } from '@pollout/framing'
 *
 * const parser = delimitedParser('\0')
 * for (const frame of parser.push(Buffer.from('a\0b'))) console.log(frame) // <a>
 * ```
 */
export function delimitedParser(
  delimiter: string | Uint8Array,
  options: FrameLimits = {},
): FrameParser<Buffer> {
  const decoder = new DelimitedDecoder(checkDelimiter(delimiter), checkLimits(options))
  return new FrameParser(decoder)
}

/**
 * A frame as it is sent: `frame`, then the delimiter. Throws {@link FrameError} where it could not be read back, as it
 * has the delimiter in it.
 *
 * @example
 * ```ts
 * import { encodeDelimited } from '@pollout/framing'
 *
 * encodeDelimited('hello', '\0') // <hello\0>
 * ```
 */
export function encodeDelimited(
  frame: string | Uint8Array,
  delimiter: string | Uint8Array,
): Buffer {
  const end = checkDelimiter(delimiter)
  const body = typeof frame === 'string' ? Buffer.from(frame) : viewOf(frame)
  const whole = Buffer.concat([body, end])
  // In the whole, as the end of the frame and the delimiter may make an earlier delimiter between them.
  if (whole.indexOf(end) !== body.length) {
    throw new FrameError('ERR_FRAME_INVALID', 'the frame has the delimiter in it')
  }
  return whole
}

class DelimitedDecoder implements FrameDecoder<Buffer> {
  readonly #length: number
  readonly #search: DelimiterSearch
  readonly #maxBytes: number

  constructor(delimiter: Buffer, maxBytes: number) {
    this.#length = delimiter.length
    this.#search = new DelimiterSearch(delimiter)
    this.#maxBytes = maxBytes
  }

  next(input: ByteQueue): Buffer | undefined {
    const at = this.#search.find(input)
    const least = at < 0 ? input.length - (this.#length - 1) : at
    if (least > this.#maxBytes) throw tooLarge('a frame', this.#maxBytes)
    if (at < 0) return undefined
    const frame = input.take(at)
    input.skip(this.#length)
    return frame
  }
}
