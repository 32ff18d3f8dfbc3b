/**
 * Where a reply of Redis ends: RESP2 and RESP3, https://redis.io/docs/latest/develop/reference/protocol-spec/.
 *
 * It counts the values that are missing and reads none of them, so that nesting costs nothing; and it goes on from where the
 * last look ended, so that a value of many chunks costs no more than its bytes.
 */
import { type ByteQueue, FrameError } from '@pollout/framing'

const CR = 13
const LF = 10
/** The shortest value there is: `_\r\n`. */
const LEAST_BYTES = 3
const LINES = '+-:(,#_'
/** How many values stand within one of this type, as a multiple of the number in its header. */
const VALUES_WITHIN: Readonly<Record<string, number>> = { '*': 1, '~': 1, '>': 1, '%': 2, '|': 2 }
const STRINGS = '$!='

export class RespEnd {
  readonly #maxBytes: number
  /** What was looked at. May lie behind the bytes that are there, within a long value. */
  #at = 0
  /** Where the line that is being looked at ends at the earliest. */
  #searched = 0
  #missing = 1

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes
  }

  /** How long the reply at the front is; undefined where its end is not there yet. Throws FrameError. */
  find(input: ByteQueue): number | undefined {
    while (this.#missing > 0) if (!this.#skipValue(input)) return undefined
    return this.#at <= input.length ? this.#at : undefined
  }

  #skipValue(input: ByteQueue): boolean {
    if (this.#at >= input.length) return false
    const type = String.fromCharCode(input.at(this.#at))
    const isCounted = type in VALUES_WITHIN || STRINGS.includes(type)
    if (!isCounted && !LINES.includes(type)) throw invalid(`${type} begins no value`)
    const end = this.#lineEnd(input, isCounted)
    if (end === undefined) {
      this.#check(input.length)
      return false
    }
    const count = isCounted ? countOf(input.peek(end).toString('latin1', this.#at + 1)) : 0
    this.#at = end + 2
    // What an attribute is about comes behind it, and is still missing.
    if (type !== '|') this.#missing--
    this.#missing += (VALUES_WITHIN[type] ?? 0) * Math.max(0, count)
    if (STRINGS.includes(type) && count >= 0) this.#at += count + 2
    this.#check(this.#at + this.#missing * LEAST_BYTES)
    return true
  }

  /** Where its CR LF begins. */
  #lineEnd(input: ByteQueue, isCounted: boolean): number | undefined {
    const from = Math.max(this.#searched, this.#at + 1)
    for (let at = from; at < input.length; at++) {
      const byte = input.at(at)
      if (byte === LF || (byte === CR && at + 1 < input.length && input.at(at + 1) !== LF)) {
        throw invalid('a line ends with CR and LF')
      }
      if (byte === CR) return at + 1 < input.length ? at : undefined
      if (isCounted && !isDigit(byte, at - this.#at)) throw invalid('a length is a number')
    }
    this.#searched = input.length
    return undefined
  }

  /** Told by the header already, before anything of it is waited for. */
  #check(bytes: number): void {
    if (bytes <= this.#maxBytes) return
    throw new FrameError('ERR_FRAME_TOO_LARGE', `a response is longer than ${this.#maxBytes} bytes`)
  }
}

const MINUS = 45
const MOST_DIGITS = 15

/** `-1` stands for null. */
function isDigit(byte: number, place: number): boolean {
  if (place === 1 && byte === MINUS) return true
  return byte >= 48 && byte <= 57 && place <= MOST_DIGITS + 1
}

function countOf(digits: string): number {
  if (/^(\d{1,15}|-1)$/.test(digits)) return Number(digits)
  throw invalid('a length is a number')
}

function invalid(message: string): FrameError {
  return new FrameError('ERR_FRAME_INVALID', message)
}
