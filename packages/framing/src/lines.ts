/** Lines of text. */
import type { OperatorFunction } from 'rxjs'
import type { ByteQueue } from './byte-queue.js'
import { DelimiterSearch } from './delimiter-search.js'
import { FrameError, tooLarge } from './frame-error.js'
import { type FrameDecoder, FrameParser } from './frame-parser.js'
import { frames } from './frames.js'
import { checkDelimiter, checkMaxBytes, checkNames, type FrameLimits, shown } from './options.js'

/**
 * Those in which no character holds the bytes of another one.
 *
 * @example
 * ```ts
 * import { type LineEncoding, lines } from '@pollout/framing'
 *
 * const encoding: LineEncoding = 'latin1' // as older mail servers write
 * const mail = lines({ encoding, delimiter: '\r\n' })
 * ```
 */
export type LineEncoding = 'utf8' | 'latin1'

/**
 * What a line is. Default: UTF-8 that ends in `\n` or `\r\n`.
 *
 * @example
 * ```ts
 * import { type LineOptions, lines } from '@pollout/framing'
 *
 * const smtp: LineOptions = { delimiter: '\r\n', maxBytes: 510 } // RFC 5321, 4.5.3.1.5
 * const replies = lines(smtp)
 * ```
 */
export interface LineOptions extends FrameLimits {
  /** What a line ends with. Default `\n`, which takes `\r\n` as well. */
  readonly delimiter?: string | undefined
  /** Default `utf8`; what is no UTF-8 becomes U+FFFD. */
  readonly encoding?: LineEncoding | undefined
  /** Leaves the end on each line, as it came. Default false. */
  readonly keepEnd?: boolean | undefined
  /** What an end of the stream within a line is: an error, which is the default, or the last line. */
  readonly unterminated?: 'error' | 'emit' | undefined
}

const LF = 0x0a
const CR = 0x0d

/**
 * An operator: the lines of a stream of text, without their ends. Errors with {@link FrameError}: a line longer than
 * `maxBytes`, or an end of the stream within a line.
 *
 * @example
 * ```ts
 * import { lines } from '@pollout/framing'
 * import type { Observable } from 'rxjs'
 *
 * declare const connection: { received: Observable<Buffer> }
 * connection.received.pipe(lines({ maxBytes: 1_000 })).subscribe((line) => console.log(line))
 * ```
 */
export function lines(options: LineOptions = {}): OperatorFunction<Uint8Array, string> {
  const rules = checkOptions(options)
  return frames(() => new FrameParser(new LineDecoder(rules)))
}

/**
 * The parser under {@link lines}.
 *
 * @example
 * ```ts
 * import { lineParser } from '@pollout/framing'
 *
 * const parser = lineParser({ unterminated: 'emit' })
 * for (const line of parser.push(Buffer.from('one\ntwo'))) console.log(line) // one
 * for (const line of parser.end()) console.log(line) // two
 * ```
 */
export function lineParser(options: LineOptions = {}): FrameParser<string> {
  return new FrameParser(new LineDecoder(checkOptions(options)))
}

/**
 * A line as it is sent: `text`, then the delimiter. Throws {@link FrameError} for text that would be more than one line
 * to somebody: one that has the delimiter in it, or any of CR and LF where the delimiter is made of those. That
 * is how commands are smuggled into SMTP or Redis.
 *
 * @example
 * ```ts
 * import { encodeLine } from '@pollout/framing'
 *
 * encodeLine('PING', { delimiter: '\r\n' }) // <PING\r\n>
 * ```
 */
export function encodeLine(
  text: string,
  options: Pick<LineOptions, 'delimiter' | 'encoding'> = {},
): Buffer {
  const { delimiter, encoding } = checkOptions(options)
  const body = Buffer.from(text, encoding)
  const whole = Buffer.concat([body, delimiter])
  const ofLineEnds = delimiter.every((byte) => byte === CR || byte === LF)
  const broken = ofLineEnds && (body.includes(CR) || body.includes(LF))
  if (broken || whole.indexOf(delimiter) !== body.length) {
    throw new FrameError('ERR_FRAME_INVALID', 'the text has the end of a line in it')
  }
  return whole
}

interface LineRules {
  readonly maxBytes: number
  readonly delimiter: Buffer
  readonly encoding: LineEncoding
  readonly keepEnd: boolean
  readonly emitUnterminated: boolean
}

function checkOptions(options: LineOptions): LineRules {
  checkNames(options, ['delimiter', 'encoding', 'keepEnd', 'unterminated', 'maxBytes'])
  const { encoding = 'utf8', delimiter = '\n', keepEnd = false, unterminated = 'error' } = options
  if (encoding !== 'utf8' && encoding !== 'latin1') {
    throw new TypeError(`encoding must be utf8 or latin1, not ${shown(encoding)}`)
  }
  if (typeof delimiter !== 'string') throw new TypeError('delimiter must be text')
  if (unterminated !== 'error' && unterminated !== 'emit') {
    throw new TypeError(`unterminated must be error or emit, not ${shown(unterminated)}`)
  }
  return {
    maxBytes: checkMaxBytes(options.maxBytes),
    delimiter: checkDelimiter(delimiter, encoding),
    encoding,
    keepEnd,
    emitUnterminated: unterminated === 'emit',
  }
}

class LineDecoder implements FrameDecoder<string> {
  readonly #rules: LineRules
  readonly #search: DelimiterSearch
  /** A line may end in `\r\n` as well. */
  readonly #takesCr: boolean

  constructor(rules: LineRules) {
    const { delimiter } = rules
    this.#rules = rules
    this.#search = new DelimiterSearch(delimiter)
    this.#takesCr = delimiter.length === 1 && delimiter[0] === LF
  }

  next(input: ByteQueue): string | undefined {
    const { maxBytes, delimiter, keepEnd } = this.#rules
    const at = this.#search.find(input)
    if (at < 0) {
      // The last bytes may be the beginning of the end.
      const longestEnd = this.#takesCr ? 2 : delimiter.length
      if (input.length - (longestEnd - 1) > maxBytes) throw tooLarge('a line', maxBytes)
      return undefined
    }
    const length = this.#takesCr && at > 0 && input.at(at - 1) === CR ? at - 1 : at
    if (length > maxBytes) throw tooLarge('a line', maxBytes)
    const whole = input.take(at + delimiter.length)
    return whole.toString(this.#rules.encoding, 0, keepEnd ? whole.length : length)
  }

  last(input: ByteQueue): string | undefined {
    if (!this.#rules.emitUnterminated) return undefined
    if (input.length > this.#rules.maxBytes) throw tooLarge('a line', this.#rules.maxBytes)
    return input.take().toString(this.#rules.encoding)
  }
}
