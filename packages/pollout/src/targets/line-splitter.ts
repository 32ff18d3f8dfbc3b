/** Cuts a byte stream into lines, whatever the bytes, and never keeps more than one line's share of them. */

/** The longest URI that can be meant has 260 bytes or so; the rest is room for a JSON line's own fields. */
export const LONGEST_LINE = 16 * 1_024

export const LINE_FEED = 0x0a

export interface Line {
  /** From 1. */
  readonly number: number
  /** Without its end; what is no UTF-8 is replaced. Cut where `overlong`. */
  readonly text: string
  readonly overlong: boolean
  /** Bytes up to the line's end, from the start of the stream. */
  readonly endOffset: number
}

export class LineSplitter {
  /** The beginning of a line whose end is not there yet: {@link LONGEST_LINE} bytes at most. */
  #begun = Buffer.alloc(0)
  #overlong = false
  #number: number
  /** Bytes of the chunks before the current one. */
  #offset = 0

  /** So many lines came before. */
  constructor(linesBefore = 0) {
    this.#number = linesBefore
  }

  /** The lines that end in this chunk; to be run to its end before the next chunk. */
  *lines(chunk: Buffer): Generator<Line, void, undefined> {
    let start = 0
    for (;;) {
      const end = chunk.indexOf(LINE_FEED, start)
      if (end === -1) break
      yield this.#line(chunk.subarray(start, end), this.#offset + end + 1)
      start = end + 1
    }
    this.#keep(chunk.subarray(start))
    this.#offset += chunk.length
  }

  /** The last line, where no line feed ends it. */
  *rest(): Generator<Line, void, undefined> {
    if (this.#begun.length > 0) yield this.#line(Buffer.alloc(0), this.#offset)
  }

  #line(last: Buffer, endOffset: number): Line {
    const whole = this.#begun.length === 0 ? last : Buffer.concat([this.#begun, last])
    const overlong = this.#overlong || whole.length > LONGEST_LINE
    const text = whole.toString('utf8', 0, Math.min(whole.length, LONGEST_LINE))
    this.#begun = Buffer.alloc(0)
    this.#overlong = false
    this.#number++
    return { number: this.#number, text, overlong, endOffset }
  }

  /** A copy: the chunk is 64 KiB, and its memory would stay with the part kept. */
  #keep(part: Buffer): void {
    if (part.length === 0) return
    const room = LONGEST_LINE - this.#begun.length
    if (part.length > room) this.#overlong = true
    this.#begun = Buffer.concat([this.#begun, part.subarray(0, room)])
  }
}
