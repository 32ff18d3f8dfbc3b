/** The one subclass of `net.Socket`: its events go to an owner, by listeners that all sockets share. */
import { Socket } from 'node:net'

/** Who is told of a stream's events. */
export interface StreamOwner {
  onConnect(): void
  onData(chunk: Buffer): void
  onEnd(): void
  onDrain(): void
  onError(error: Error): void
}

/** What one read takes at most. One buffer serves all sockets of a thread: libuv fills it and calls at once. */
const READ_BYTES = 65_536
let readBuffer: Buffer | undefined

export class Stream extends Socket {
  /** Undefined once the owner has let go: what still happens to the stream is nobody's business then. */
  owner: StreamOwner | undefined

  readonly #isTcp: boolean

  constructor(owner: StreamOwner, isTcp: boolean) {
    readBuffer ??= Buffer.allocUnsafeSlow(READ_BYTES)
    // Not in @types/node for this constructor, but documented: reads go to one buffer, not through the stream.
    const onread = {
      buffer: readBuffer,
      callback: (count: number, buffer: Uint8Array) => this.#onRead(count, buffer),
    }
    const options = { allowHalfOpen: true, onread }
    super(options)
    this.owner = owner
    this.#isTcp = isTcp
    // A paused stream is not read from when it connects: the data stays in the kernel until asked for.
    this.pause()
    this.on('connect', onConnect)
    this.on('error', onError)
    this.on('end', onEnd)
    this.on('drain', onDrain)
  }

  /** Gives up at once, with RST where there is one. Returns the stream while its descriptor is still open. */
  discard(): Stream | undefined {
    if (this.destroyed) return undefined
    if (!this.#isTcp || this.connecting) {
      this.destroy()
      return undefined
    }
    if (this.writableEnded && this.writableLength === 0 && !this.writableFinished) {
      // libuv refuses a reset while its shutdown(2) is under way, which takes one turn, and Node then loses the handle.
      this.once('finish', this.#reset)
      return this
    }
    this.resetAndDestroy()
    return undefined
  }

  /** Sends what it has, then FIN. Returns the stream while its descriptor is still open. */
  finish(): Stream | undefined {
    if (this.destroyed) return undefined
    if (this.connecting || this.writableLength === 0) {
      // The kernel has it all, and close(2) of its own sends the rest and FIN.
      this.destroy()
      return undefined
    }
    this.destroySoon()
    return this
  }

  #reset(): void {
    if (!this.destroyed) this.resetAndDestroy()
  }

  /**
   * One read at a time: `false` stops reading. It also keeps errors right: while it goes on reading, libuv takes a
   * hang-up after a short read for the end of the stream, and a connection reset would look like a complete one.
   */
  #onRead(count: number, buffer: Uint8Array): boolean {
    this.owner?.onData(Buffer.from(buffer.subarray(0, count)))
    return false
  }
}

function onConnect(this: Stream): void {
  this.owner?.onConnect()
}

/** Stays for the stream's whole life, so that no error after close() ever is an uncaught exception. */
function onError(this: Stream, error: Error): void {
  this.owner?.onError(error)
}

function onEnd(this: Stream): void {
  this.owner?.onEnd()
}

function onDrain(this: Stream): void {
  this.owner?.onDrain()
}
