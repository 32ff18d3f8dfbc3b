/** Frames that say their length in front. */
import type { OperatorFunction } from 'rxjs'
import { type ByteQueue, viewOf } from './byte-queue.js'
import { FrameError, tooLarge } from './frame-error.js'
import { type FrameDecoder, FrameParser } from './frame-parser.js'
import { frames } from './frames.js'
import { checkMaxBytes, checkNames, checkWhole, type FrameLimits, shown } from './options.js'

/**
 * How the length is written, and what it counts. A layout that can't be meant throws RangeError at the call.
 *
 * @example
 * ```ts
 * import { type LengthPrefixedOptions, lengthPrefixed } from '@pollout/framing'
 *
 * const dnsOverTcp: LengthPrefixedOptions = { bytes: 2, maxBytes: 65_535 } // RFC 1035, 4.2.2
 * const messages = lengthPrefixed(dnsOverTcp)
 * ```
 */
export interface LengthPrefixedOptions extends FrameLimits {
  /** Size of the length field: 1, 2, 3, 4 or 8 bytes, unsigned. */
  readonly bytes: 1 | 2 | 3 | 4 | 8
  /** Byte order of the length field. Default `big`, the network's. */
  readonly endian?: 'big' | 'little' | undefined
  /** Bytes of the header before the length field. Default 0. */
  readonly offset?: number | undefined
  /** Size of the whole header: what is before the length field, the field, and what is behind it. Default `offset + bytes`. */
  readonly headerBytes?: number | undefined
  /**
   * What the length counts besides the payload: nothing (`false`, the default), the whole header (`true`: TPKT, SMPP), or
   * the length field and what is behind it (`'field'`: PostgreSQL).
   */
  readonly includesHeader?: boolean | 'field' | undefined
  /** Frames have their header in front. Default: where it holds more than the length. */
  readonly keepHeader?: boolean | undefined
}

/**
 * An operator: frames with their length in front. Errors with {@link FrameError}: a payload longer than `maxBytes`, told
 * as soon as its header is there; a length shorter than what it counts; an end of the stream within a frame.
 *
 * @example
 * ```ts
 * import { lengthPrefixed } from '@pollout/framing'
 * import { of } from 'rxjs'
 *
 * const kafka = lengthPrefixed({ bytes: 4, maxBytes: 104_857_600 })
 * const mysql = lengthPrefixed({ bytes: 3, endian: 'little', headerBytes: 4 }) // a sequence number behind the length
 * const postgres = lengthPrefixed({ bytes: 4, offset: 1, includesHeader: 'field' }) // a type before it
 * of(Buffer.from('\0\0\0\x02hi')).pipe(kafka).subscribe(console.log) // <hi>
 * ```
 */
export function lengthPrefixed(
  options: LengthPrefixedOptions,
): OperatorFunction<Uint8Array, Buffer> {
  const layout = checkLayout(options)
  return frames(() => new FrameParser(new LengthPrefixedDecoder(layout)))
}

/**
 * The parser under {@link lengthPrefixed}.
 *
 * @example
 * ```ts
 * import { lengthPrefixedParser } from '@pollout/framing'
 *
 * const parser = lengthPrefixedParser({ bytes: 2 })
 * for (const frame of parser.push(Buffer.from([0, 2, 0x68, 0x69, 0]))) console.log(frame) // <hi>
 * ```
 */
export function lengthPrefixedParser(options: LengthPrefixedOptions): FrameParser<Buffer> {
  return new FrameParser(new LengthPrefixedDecoder(checkLayout(options)))
}

/**
 * A frame as it is sent. What {@link lengthPrefixed} gives goes in: with a header that is kept, the frame begins with it,
 * and the length is written into its place in a copy. Throws {@link FrameError} for more than `maxBytes`, or more
 * than the length field can say.
 *
 * @example
 * ```ts
 * import { encodeLengthPrefixed } from '@pollout/framing'
 *
 * encodeLengthPrefixed(Buffer.from('hi'), { bytes: 2 }) // <00 02 68 69>
 * ```
 */
export function encodeLengthPrefixed(
  frame: string | Uint8Array,
  options: LengthPrefixedOptions,
): Buffer {
  const layout = checkLayout(options)
  const { bytes, headerBytes, counted, keepHeader, maxBytes } = layout
  const given = typeof frame === 'string' ? Buffer.from(frame) : viewOf(frame)
  if (keepHeader && given.length < headerBytes) {
    throw new FrameError(
      'ERR_FRAME_INVALID',
      `a frame begins with a header of ${headerBytes} bytes`,
    )
  }
  const payload = keepHeader ? given.length - headerBytes : given.length
  if (payload > maxBytes) throw tooLarge('a frame', maxBytes)
  const length = payload + counted
  if (length >= 256 ** bytes) throw tooLarge('a frame', 256 ** bytes - 1 - counted)
  const whole = Buffer.concat(keepHeader ? [given] : [Buffer.alloc(headerBytes), given])
  writeLength(whole, length, layout)
  return whole
}

interface Layout {
  readonly bytes: number
  readonly little: boolean
  readonly offset: number
  readonly headerBytes: number
  /** Bytes of the header that the length counts. */
  readonly counted: number
  readonly keepHeader: boolean
  readonly maxBytes: number
}

const LAYOUT_NAMES = [
  ...['bytes', 'endian', 'offset', 'headerBytes', 'includesHeader', 'keepHeader'],
  'maxBytes',
]

function checkLayout(options: LengthPrefixedOptions): Layout {
  checkNames(options, LAYOUT_NAMES)
  const { bytes, endian = 'big', offset = 0, includesHeader = false } = options
  if (![1, 2, 3, 4, 8].includes(bytes)) {
    throw new RangeError(`bytes must be 1, 2, 3, 4 or 8, not ${shown(bytes)}`)
  }
  if (endian !== 'big' && endian !== 'little') {
    throw new TypeError(`endian must be big or little, not ${shown(endian)}`)
  }
  if (includesHeader !== 'field' && typeof includesHeader !== 'boolean') {
    throw new TypeError(`includesHeader must be true, false or field, not ${shown(includesHeader)}`)
  }
  checkWhole('offset', offset, 0)
  const headerBytes = checkWhole(
    'headerBytes',
    options.headerBytes ?? offset + bytes,
    offset + bytes,
  )
  return {
    bytes,
    little: endian === 'little',
    offset,
    headerBytes,
    counted: includesHeader === 'field' ? headerBytes - offset : includesHeader ? headerBytes : 0,
    keepHeader: options.keepHeader ?? headerBytes > bytes,
    maxBytes: checkMaxBytes(options.maxBytes),
  }
}

class LengthPrefixedDecoder implements FrameDecoder<Buffer> {
  readonly #layout: Layout
  /** Payload of the frame at the front, once its header is there. */
  #payload: number | undefined

  constructor(layout: Layout) {
    this.#layout = layout
  }

  next(input: ByteQueue): Buffer | undefined {
    const { headerBytes, keepHeader } = this.#layout
    if (input.length < headerBytes) return undefined
    this.#payload ??= this.#readPayload(input)
    const payload = this.#payload
    if (input.length < headerBytes + payload) return undefined
    this.#payload = undefined
    if (keepHeader) return input.take(headerBytes + payload)
    input.skip(headerBytes)
    return input.take(payload)
  }

  #readPayload(input: ByteQueue): number {
    const { counted, maxBytes } = this.#layout
    const length = readLength(input, this.#layout)
    if (length < counted) {
      const message = `a frame of ${length} bytes can't hold the ${counted} of its header`
      throw new FrameError('ERR_FRAME_INVALID', message)
    }
    // Lengths beyond 2^53 are rounded, which is far beyond any limit.
    if (length - counted > maxBytes) throw tooLarge('a frame', maxBytes)
    return length - counted
  }
}

function readLength(input: ByteQueue, { bytes, little, offset }: Layout): number {
  let length = 0
  for (let i = 0; i < bytes; i++) {
    length = length * 256 + input.at(offset + (little ? bytes - 1 - i : i))
  }
  return length
}

function writeLength(into: Buffer, length: number, { bytes, little, offset }: Layout): void {
  let rest = length
  for (let i = 0; i < bytes; i++) {
    into[offset + (little ? i : bytes - 1 - i)] = rest % 256
    rest = Math.floor(rest / 256)
  }
}
