/**
 * RESP2 and RESP3 as rules for a FrameParser. One frame is one whole reply, however it is nested.
 *
 * First the end of the reply is looked for, from where the last look ended, so that a value of many chunks costs no more
 * than its bytes. What is found whole is then read in one go, without a thought about chunks.
 */
import { type ByteQueue, type FrameDecoder, FrameError } from '@pollout/framing'
import type { Reply } from './reply.js'
import { countOf, readReply } from './resp-reader.js'

const CR_LF = Buffer.from('\r\n')
/** The shortest value there is: `_\r\n`. */
const LEAST_BYTES = 3

/** How many values stand within one of this type, as a multiple of the number in its header. */
const VALUES_WITHIN: Readonly<Record<string, number>> = { '*': 1, '~': 1, '>': 1, '%': 2, '|': 2 }

export class RespDecoder implements FrameDecoder<Reply> {
  readonly #maxBytes: number
  /** Of the reply at the front: what was looked at. May lie behind the bytes that are there, within a long value. */
  #at = 0
  /** The values that begin there and belong to the same reply. */
  #missing = 1
  /** No CR LF begins between `#at` and here. */
  #searched = 0

  /** Replies longer than `maxBytes` are refused; Redis itself has values of 512 MB at most. */
  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes
  }

  next(input: ByteQueue): Reply | undefined {
    while (this.#missing > 0) if (!this.#skipValue(input)) return undefined
    if (this.#at > input.length) return undefined
    const whole = input.take(this.#at)
    this.#at = 0
    this.#missing = 1
    this.#searched = 0
    return readReply(whole)
  }

  /** One header, with its bytes where it has some. False where it is not there yet. */
  #skipValue(input: ByteQueue): boolean {
    if (this.#at >= input.length) return false
    const end = input.indexOf(CR_LF, Math.max(this.#searched, this.#at))
    if (end < 0) {
      this.#searched = Math.max(this.#at, input.length - 1)
      this.#check(input.length)
      return false
    }
    const type = String.fromCharCode(input.at(this.#at))
    const header = this.#at + 1
    const count = (): number => countOf(input.peek(end).toString('latin1', header))
    this.#at = end + CR_LF.length
    // Attributes come before the value that they are about: that is still missing.
    if (type !== '|') this.#missing--
    const within = VALUES_WITHIN[type]
    if (within !== undefined) this.#missing += within * Math.max(0, count())
    if (type === '$' || type === '!' || type === '=') {
      const length = count()
      this.#at += length < 0 ? 0 : length + CR_LF.length
    }
    this.#check(this.#at + this.#missing * LEAST_BYTES)
    return true
  }

  /** Told by the header already, before anything of it is waited for. */
  #check(bytes: number): void {
    if (bytes <= this.#maxBytes) return
    throw new FrameError('ERR_FRAME_TOO_LARGE', `a reply is longer than ${this.#maxBytes} bytes`)
  }
}
