/** A connection as the Web's streams have it. */
import type { PausableReader } from './chunk-iterator.js'
import type { Link } from './link.js'

/** Both sides of a connection; once both have ended, the connection is closed. */
export class WebStreams {
  readonly readable: ReadableStream<Uint8Array>
  readonly writable: WritableStream<Uint8Array>
  readonly #link: Link
  #reader: PausableReader | undefined
  #ended = 0

  constructor(link: Link) {
    this.#link = link
    this.readable = new ReadableStream<Uint8Array>(
      { pull: (controller) => this.#pull(controller), cancel: () => this.#cancel() },
      // Nothing is read ahead of who asks.
      { highWaterMark: 0 },
    )
    this.writable = new WritableStream<Uint8Array>({
      write: (chunk) => this.#write(chunk),
      close: async () => {
        await link.end()
        this.#sideEnded()
      },
      abort: () => link.reset(),
    })
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

  async #write(chunk: unknown): Promise<void> {
    if (!(chunk instanceof Uint8Array)) {
      throw new TypeError('a connection takes chunks of Uint8Array')
    }
    await this.#link.send(chunk)
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
