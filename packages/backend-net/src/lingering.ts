/**
 * Streams whose handle is closed and whose descriptor is still open: they have data to send, or are closing.
 *
 * The data is at most what one send() took beyond the kernel's buffer, less than 64 KiB; but it is in this process.
 * While it waits it keeps the event loop alive; process.exit() or the end of the worker thread loses it.
 */
import { setImmediate } from 'node:timers'
import type { Stream } from './stream.js'

/**
 * A peer that makes no room for so long, once the backend is being destroyed, is given up. Not shorter, for the sake
 * of slow ones: the kernel takes more only when about a third of its buffer, of up to 4 MB, has come free.
 */
const PATIENCE_MS = 30_000

export class Lingering {
  readonly #streams = new Set<Stream>()
  readonly #patienceMs: number
  readonly #remove: (this: Stream) => void

  constructor(patienceMs = PATIENCE_MS) {
    this.#patienceMs = patienceMs
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

  /** Resolves when each has sent what it has, or was reset after its time, and has said that it is closed. */
  async ended(): Promise<void> {
    const closed: Promise<void>[] = []
    for (const stream of this.#streams) {
      closed.push(new Promise((resolve) => stream.once('close', resolve)))
      // While a write is under way Node looks once each period whether the kernel has taken more of it, so this is
      // the least time without progress, and twice of it the most.
      stream.setTimeout(this.#patienceMs, stream.discard)
    }
    await Promise.all(closed)
    // Descriptors of sockets closed just before are given back, but libuv's closing phase has yet to forget them.
    await new Promise<void>((resolve) => setImmediate(() => setImmediate(resolve)))
  }
}
