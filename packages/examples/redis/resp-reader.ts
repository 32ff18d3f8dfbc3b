/** Reads one whole RESP reply into a value. */
import { FrameError } from '@pollout/framing'
import { Push, RedisError, type Reply } from './reply.js'

/** Redis nests a handful; who sends more wants the stack to overflow. */
const DEEPEST = 64
/** A view keeps the whole chunk that it is of, so small values are copied out. */
const COPIED_BYTES = 4_096

/** `whole` holds exactly one reply, as far as its lengths say. Throws FrameError where the rest of it is none. */
export function readReply(whole: Buffer): Reply {
  return new RespReader(whole).read(0)
}

/** The number in a header: -1 stands for null. */
export function countOf(digits: string): number {
  if (/^(\d{1,15}|-1)$/.test(digits)) return Number(digits)
  throw invalid('a length', digits)
}

class RespReader {
  readonly #bytes: Buffer
  #at = 0

  constructor(bytes: Buffer) {
    this.#bytes = bytes
  }

  read(depth: number): Reply {
    if (depth > DEEPEST) throw invalid('a reply', `nested deeper than ${DEEPEST}`)
    const line = this.#line()
    const rest = line.slice(1)
    switch (line[0]) {
      case '+':
        return rest
      case '-':
        return new RedisError(rest)
      case ':':
        return integer(rest)
      case '(':
        return big(rest)
      case ',':
        return double(rest)
      case '#':
        return boolean(rest)
      case '_':
        return null
      case '$':
        return this.#string(countOf(rest))
      case '=':
        // Behind three letters for its format, and a colon: `txt:Some text`.
        return this.#string(countOf(rest))?.toString('utf8', 4) ?? null
      case '!':
        return new RedisError(String(this.#string(countOf(rest))))
      case '*':
        return this.#array(countOf(rest), depth)
      case '~':
        return new Set(this.#array(countOf(rest), depth))
      case '>':
        return new Push(this.#array(countOf(rest), depth) ?? [])
      case '%':
        return this.#map(countOf(rest), depth)
      case '|':
        // Attributes are for those who know what they mean: passed over.
        this.#map(countOf(rest), depth)
        return this.read(depth + 1)
      default:
        throw invalid('a reply', line)
    }
  }

  #line(): string {
    const end = this.#bytes.indexOf('\r\n', this.#at)
    if (end < 0) throw invalid('the end of a line', 'missing')
    const line = this.#bytes.toString('utf8', this.#at, end)
    this.#at = end + 2
    return line
  }

  #string(length: number): Buffer | null {
    if (length < 0) return null
    const value = this.#bytes.subarray(this.#at, this.#at + length)
    this.#at += length
    if (this.#line() !== '') throw invalid('the end of a string', 'more of it')
    return length <= COPIED_BYTES ? Buffer.from(value) : value
  }

  #array(length: number, depth: number): Reply[] | null {
    if (length < 0) return null
    return Array.from({ length }, () => this.read(depth + 1))
  }

  #map(length: number, depth: number): Map<string, Reply> {
    const map = new Map<string, Reply>()
    for (let i = 0; i < length; i++) map.set(String(this.read(depth + 1)), this.read(depth + 1))
    return map
  }
}

function integer(text: string): number | bigint {
  if (!/^[+-]?\d{1,20}$/.test(text)) throw invalid('an integer', text)
  const value = Number(text)
  return Number.isSafeInteger(value) ? value : BigInt(text)
}

function big(text: string): bigint {
  if (!/^[+-]?\d+$/.test(text)) throw invalid('a big number', text)
  return BigInt(text)
}

function double(text: string): number {
  const named = /^(?:([+-]?)inf|nan)$/i.exec(text)
  if (named) return named[1] === undefined ? Number.NaN : Number(`${named[1]}Infinity`)
  const value = Number(text)
  if (text === '' || Number.isNaN(value)) throw invalid('a double', text)
  return value
}

function boolean(text: string): boolean {
  if (text !== 't' && text !== 'f') throw invalid('a boolean', text)
  return text === 't'
}

function invalid(what: string, found: string): FrameError {
  return new FrameError(
    'ERR_FRAME_INVALID',
    `${what} can't be ${JSON.stringify(found.slice(0, 40))}`,
  )
}
