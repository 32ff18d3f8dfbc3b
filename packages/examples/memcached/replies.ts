/** Memcached's text protocol, from lines to replies: https://github.com/memcached/memcached/blob/master/doc/protocol.txt */
import { FrameError, lines } from '@pollout/framing'
import { concatMap, defer, EMPTY, type Observable, type OperatorFunction, of } from 'rxjs'

export interface Item {
  readonly key: string
  readonly value: Buffer
}

/** One answer: the line that ends it, and the items before that, which `get` has. */
export interface MemcachedReply {
  readonly line: string
  readonly items: readonly Item[]
}

const LINE_END = '\r\n'

/**
 * An operator: replies out of chunks. Values are bytes, and may have line ends in them, so lines are kept with theirs, as
 * they came, in latin1, which has a character for each byte; those of a value are joined again. Errors with FrameError.
 */
export function memcachedReplies(
  maxValueBytes: number,
): OperatorFunction<Uint8Array, MemcachedReply> {
  const maxBytes = maxValueBytes + LINE_END.length
  return (chunks) =>
    defer(() => {
      const reader = new ReplyReader(maxValueBytes)
      return chunks.pipe(
        lines({ encoding: 'latin1', keepEnd: true, maxBytes }),
        concatMap((line): Observable<MemcachedReply> => {
          const reply = reader.read(line)
          return reply === undefined ? EMPTY : of(reply)
        }),
      )
    })
}

/** A value that is not complete yet. */
interface OpenItem {
  readonly key: string
  readonly lines: string[]
  /** Of the value and its line end. */
  missing: number
}

class ReplyReader {
  readonly #maxValueBytes: number
  #items: Item[] = []
  #open: OpenItem | undefined

  constructor(maxValueBytes: number) {
    this.#maxValueBytes = maxValueBytes
  }

  /** Undefined where the line does not end a reply. */
  read(line: string): MemcachedReply | undefined {
    if (this.#open) {
      this.#readValue(this.#open, line)
      return undefined
    }
    if (line.startsWith('VALUE ')) {
      this.#open = this.#openItem(line.trimEnd())
      return undefined
    }
    const items = this.#items
    this.#items = []
    return { line: line.trimEnd(), items }
  }

  /** `VALUE <key> <flags> <bytes>` */
  #openItem(header: string): OpenItem {
    const [, key, bytes] = /^VALUE (\S+) \d+ (\d+)(?: \d+)?$/.exec(header) ?? []
    if (key === undefined || !(Number(bytes) <= this.#maxValueBytes)) {
      const text = JSON.stringify(header.slice(0, 300))
      throw new FrameError(
        'ERR_FRAME_INVALID',
        `no value of at most ${this.#maxValueBytes} bytes: ${text}`,
      )
    }
    return { key: fromLatin1(key), lines: [], missing: Number(bytes) + LINE_END.length }
  }

  #readValue(open: OpenItem, line: string): void {
    open.lines.push(line)
    open.missing -= line.length
    if (open.missing > 0) return
    const whole = Buffer.from(open.lines.join(''), 'latin1')
    if (open.missing < 0 || !whole.subarray(-LINE_END.length).equals(Buffer.from(LINE_END))) {
      throw new FrameError('ERR_FRAME_INVALID', 'a value does not end where it should')
    }
    this.#items.push({ key: open.key, value: whole.subarray(0, -LINE_END.length) })
    this.#open = undefined
  }
}

/** Keys are sent as UTF-8. */
function fromLatin1(text: string): string {
  return Buffer.from(text, 'latin1').toString()
}
