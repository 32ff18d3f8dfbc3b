/** Streams that may connect again, for the next connects: making one costs a quarter of a refused connect. */
import { Stream, type StreamStore } from './stream.js'

/** Some 3 KB each. More than this end in one loop turn only in the largest of storms. */
const MOST_STREAMS = 256

/**
 * `net.Socket` may connect again once it has emitted 'close': Node's documentation of socket.connect(). Only such come
 * here as were never used, connected or not, and so have no trace of the data, the end, the error or the options of a
 * connection. A local address leaves none: Node is given it with each connect.
 */
export class StreamPool implements StreamStore {
  readonly #streams: Stream[] = []

  take(): Stream {
    return this.#streams.pop() ?? new Stream(this)
  }

  put(stream: Stream): void {
    if (this.#streams.length < MOST_STREAMS) this.#streams.push(stream)
  }
}
