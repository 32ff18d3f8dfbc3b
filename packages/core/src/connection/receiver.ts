/** The receiving side of a connection: one reader, who may pause. */
import type { SocketType } from '../backend/address.js'
import { errno } from '../backend/errno.js'
import type { ConnectError, Failure } from '../errors.js'

export interface ChunkListener {
  chunk(data: Buffer): void
  end(): void
  error(error: ConnectError): void
}

/** What a receiver needs from its connection. */
export interface ReceiverSocket {
  receive(into: Uint8Array): number
  /** Shared by all receivers: what was read has to be copied out before anybody else runs. */
  scratch(): Uint8Array
  wantReadable(): void
  unwantReadable(): void
  later(callback: () => void): void
  /** What a negated errno of `receive()` stands for. */
  failureOf(result: number): Failure
  error(failure: Failure): ConnectError
  readonly type: SocketType
}

export class Receiver {
  readonly #socket: ReceiverSocket
  #listener: ChunkListener | undefined
  #paused = true

  constructor(socket: ReceiverSocket, listener: ChunkListener) {
    this.#socket = socket
    this.#listener = listener
  }

  /** Somebody reads, and has not heard of the end. */
  get busy(): boolean {
    return this.#listener !== undefined
  }

  /** Chunks may come, from the next loop turn on. */
  resume(): void {
    this.#paused = false
    if (this.#listener) this.#socket.wantReadable()
  }

  /** No chunk comes until `resume()`; the data stays with the kernel. */
  pause(): void {
    this.#paused = true
    this.#socket.unwantReadable()
  }

  /** The reader leaves. */
  stop(): void {
    if (this.#listener === undefined) return
    this.#listener = undefined
    this.pause()
  }

  /** The socket has data, the end, or an error. */
  readable(): void {
    if (this.#paused || this.#listener === undefined) return
    const scratch = this.#socket.scratch()
    const count = this.#socket.receive(scratch)
    if (count > 0 || (count === 0 && this.#socket.type === 'dgram')) {
      this.#listener.chunk(Buffer.from(scratch.subarray(0, count)))
      if (!this.#paused && this.#listener) this.#socket.wantReadable()
    } else if (count === 0) {
      this.#finish((listener) => listener.end())
    } else if (count === -errno.EAGAIN || count === -errno.EINTR) {
      this.#socket.wantReadable()
    } else {
      const error = this.#socket.error(this.#socket.failureOf(count))
      this.#finish((listener) => listener.error(error))
    }
  }

  /** This side closes: the reader is told of an end, in a later loop turn. */
  end(): void {
    this.#finish((listener) => this.#socket.later(() => listener.end()))
  }

  /** The connection is taken away: the reader is told why, in a later loop turn. */
  fail(why: Failure): void {
    const error = this.#socket.error(why)
    this.#finish((listener) => this.#socket.later(() => listener.error(error)))
  }

  #finish(tell: (listener: ChunkListener) => void): void {
    const listener = this.#listener
    this.#listener = undefined
    if (listener) tell(listener)
  }
}
