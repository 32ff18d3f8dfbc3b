/** The receiving side of a connection: one reader, who may pause. */
import type { SystemResult } from '../backend/backend.js'
import { errno } from '../backend/errno.js'
import { Interest } from '../backend/readiness.js'
import { guarded, reportUncaught } from '../base/uncaught.js'
import type { ConnectError } from '../errors/connect-error.js'
import type { Failure } from '../errors/failure.js'
import type { ReactorCore } from '../reactor/reactor-core.js'
import type { Channel } from './channel.js'

/** Of what it throws the receiver is none the worse: it goes on, and the error is reported as uncaught. */
export interface ChunkListener {
  chunk(data: Buffer): void
  end(): void
  error(error: ConnectError): void
}

/** What a receiver needs of its link. */
export interface ReceivingLink {
  readonly core: Pick<ReactorCore, 'readBuffer' | 'later'>
  readonly channel: Channel
  /** What was received last is the end. */
  readonly peerEnded: boolean
  receive(into: Uint8Array): SystemResult
  error(failure: Failure): ConnectError
}

/**
 * Full buffers in a row, before the others of the batch have their turn: as many as libuv reads. A sender that keeps up is
 * met while its data is still in the cache; 2 MiB hold a turn to some 0.5 ms.
 */
const MOST_READS = 32

export class Receiver {
  readonly #link: ReceivingLink
  #listener: ChunkListener | undefined
  #paused = true

  constructor(link: ReceivingLink, listener: ChunkListener) {
    this.#link = link
    this.#listener = listener
  }

  /** Somebody reads, and has not heard of the end. */
  get busy(): boolean {
    return this.#listener !== undefined
  }

  /** Chunks may come, from the next loop turn on. */
  resume(): void {
    this.#paused = false
    if (this.#listener) this.#link.channel.want(Interest.READABLE)
  }

  /** No chunk comes until `resume()`; the data stays with the kernel. */
  pause(): void {
    this.#paused = true
    this.#link.channel.unwant(Interest.READABLE)
  }

  /** The reader leaves. */
  stop(): void {
    if (this.#listener === undefined) return
    this.#listener = undefined
    this.pause()
  }

  /** The socket has data, the end, or an error. */
  readable(): void {
    for (let reads = 0; reads < MOST_READS && this.#read(); reads++);
  }

  /** This side closes: the reader is told of an end, in a later loop turn. */
  end(): void {
    this.#finish((listener) => this.#link.core.later(() => listener.end()))
  }

  /** The connection is taken away: the reader is told why, in a later loop turn. */
  fail(why: Failure): void {
    const error = this.#link.error(why)
    this.#finish((listener) => this.#link.core.later(() => listener.error(error)))
  }

  /** Whether there may be more at once: the buffer was filled. */
  #read(): boolean {
    if (this.#paused || this.#listener === undefined) return false
    const { core, channel } = this.#link
    const { memory } = core.readBuffer
    const count = this.#link.receive(memory)
    // A message may be empty.
    if (count > 0 || (count === 0 && !this.#link.peerEnded)) {
      const isHeard = this.#tell(this.#listener, core.readBuffer.take(count))
      if (!this.#paused && this.#listener) channel.want(Interest.READABLE)
      return isHeard && count === memory.length
    }
    if (count === 0) {
      this.#finish((listener) => listener.end())
    } else if (count === -errno.EAGAIN || count === -errno.EINTR) {
      channel.want(Interest.READABLE)
    } else {
      const error = this.#link.error(channel.failureOf(count, 'receive', 'recv'))
      this.#finish((listener) => listener.error(error))
    }
    return false
  }

  /** False where the listener threw: the error is reported before the next chunk comes. */
  #tell(listener: ChunkListener, data: Buffer): boolean {
    try {
      listener.chunk(data)
      return true
    } catch (error) {
      reportUncaught(error)
      return false
    }
  }

  #finish(tell: (listener: ChunkListener) => void): void {
    const listener = this.#listener
    this.#listener = undefined
    if (listener) guarded(() => tell(listener))
  }
}
