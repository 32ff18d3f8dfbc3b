/** A connection as the Web's streams have it. */
import { Fifo } from '../base/fifo.js'
import type { PausableReader } from '../link/chunk-iterator.js'
import type { Link } from '../link/link.js'

/** Both sides of a connection; once both have ended, the connection is closed. */
export class WebStreams {
  readonly readable: ReadableStream<Uint8Array>
  readonly writable: WritableStream<Uint8Array>
  readonly #link: Link
  #reader: PausableReader | undefined
  #ended = 0
  /** Of the chunks that wait in the stream: as long as they were when they were written. */
  readonly #lengths = new Fifo<number>()

  constructor(link: Link) {
    this.#link = link
    this.readable = new ReadableStream<Uint8Array>(
      { pull: (controller) => this.#pull(controller), cancel: () => this.#cancel() },
      // Nothing is read ahead of who asks.
      { highWaterMark: 0 },
    )
    this.writable = new WritableStream<Uint8Array>(
      {
        write: (chunk) => this.#write(chunk),
        close: async () => {
          await link.end()
          this.#sideEnded()
        },
        abort: () => link.reset(),
      },
      // Asked at the moment of each write().
      { highWaterMark: 1, size: (chunk) => this.#written(chunk) },
    )
  }

  /** Resolves when a chunk has come, or none will. */
  #pull(controller: ReadableStreamDefaultController<Uint8Array>): Promise<void> {
    return new Promise((resolve) => {
      // At most one pull waits at a time; each replaces the listener's way of telling it.
      this.#told = resolve
      this.#reader ??= this.#open(controller)
      this.#reader.resume()
    })
  }

  #told: () => void = () => {}

  #open(controller: ReadableStreamDefaultController<Uint8Array>): PausableReader {
    return this.#link.read({
      chunk: (data) => {
        this.#reader?.pause()
        controller.enqueue(data)
        this.#told()
      },
      end: () => {
        controller.close()
        this.#told()
        this.#sideEnded()
      },
      error: (error) => {
        controller.error(error)
        this.#told()
      },
    })
  }

  /** Chunks are counted, and not their bytes. */
  #written(chunk: unknown): 1 {
    this.#lengths.push(chunk instanceof Uint8Array ? chunk.length : 0)
    return 1
  }

  async #write(chunk: unknown): Promise<void> {
    const length = this.#lengths.take()
    if (!(chunk instanceof Uint8Array)) {
      throw new TypeError('a connection takes chunks of Uint8Array')
    }
    await this.#link.send(chunk, undefined, length)
  }

  #cancel(): void {
    this.#reader?.stop()
    this.#link.reset()
  }

  #sideEnded(): void {
    this.#ended++
    if (this.#ended === 2) void this.#link.close()
  }
}
