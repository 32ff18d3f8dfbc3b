/** Streams whose handle is closed and whose descriptor is still open: they have data to send, or are closing. */
import { setImmediate } from 'node:timers'
import type { Stream } from './stream.js'

export class Lingering {
  readonly #streams = new Set<Stream>()
  readonly #remove: (this: Stream) => void

  constructor() {
    const streams = this.#streams
    this.#remove = function (this: Stream) {
      streams.delete(this)
    }
  }

  add(stream: Stream | undefined): void {
    if (stream === undefined) return
    this.#streams.add(stream)
    stream.once('close', this.#remove)
  }

  /** Resets them all; resolves when each has said that it is closed. */
  async discard(): Promise<void> {
    const closed: Promise<void>[] = []
    for (const stream of this.#streams) {
      closed.push(new Promise((resolve) => stream.once('close', resolve)))
      stream.discard()
    }
    await Promise.all(closed)
    // Descriptors of sockets closed just before are given back, but libuv's closing phase has yet to forget them.
    await new Promise<void>((resolve) => setImmediate(() => setImmediate(resolve)))
  }
}
