/** The one subclass of `net.Socket`: its events go to an owner, by listeners that all sockets share. */
import { Socket } from 'node:net'
import type { InetAddress, SocketAddress } from '@pollout/core'
import { chunkMemory } from './copies.js'
import type { LingeringSocket } from './lingering.js'
import { connectOptions } from './socket-address.js'

/** Who is told of a stream's events. */
export interface StreamOwner {
  /** connect(2) is about to be called. */
  onAttempt(): void
  onConnect(): void
  /** `chunk` is the owner's to read during the call only. */
  onData(chunk: Uint8Array): void
  onEnd(): void
  /** The kernel has taken all that was written. */
  onDrain(): void
  onError(error: Error): void
}

/** Who takes a stream back for another connect. */
export interface StreamStore {
  /** `stream` is unused, and has emitted 'close'. */
  put(stream: Stream): void
}

/** One buffer serves all sockets of a thread: libuv fills it and calls at once. */
let readBuffer: Buffer | undefined

export class Stream extends Socket implements LingeringSocket {
  /** Undefined once the owner has let go: what still happens to the stream is nobody's business then. */
  owner: StreamOwner | undefined
  hadPeer = false
  /** Nothing was ever read, written, ended or set. */
  unused = true
  readonly store: StreamStore
  #isTcp = false
  /** Made on first use, so that a stream that sends nothing stays small. */
  #written: ((error: Error | null | undefined) => void) | undefined

  constructor(store: StreamStore) {
    readBuffer ??= chunkMemory()
    // Not in @types/node for this constructor, but documented: reads go to one buffer, not through the stream.
    const onread = {
      buffer: readBuffer,
      callback: (count: number, buffer: Uint8Array) => this.#onRead(count, buffer),
    }
    const options = { allowHalfOpen: true, onread }
    super(options)
    this.store = store
    // A paused stream is not read from when it connects: the data stays in the kernel until asked for.
    this.pause()
    this.on('connectionAttempt', onConnectionAttempt)
    this.on('connect', onConnect)
    this.on('error', onError)
    this.on('end', onEnd)
    this.on('close', onClose)
  }

  /** Binds to `from` first, where that is given. Throws where Node does not take an address. */
  start(owner: StreamOwner, to: SocketAddress, from?: InetAddress): void {
    this.owner = owner
    this.hadPeer = false
    this.#isTcp = to.family !== 'unix'
    this.connect(connectOptions(to, from))
  }

  /** Hands `data` to the kernel as far as that takes it at once, and keeps the rest for later. */
  send(data: Uint8Array): void {
    this.#written ??= (error) => {
      if (!error) this.owner?.onDrain()
    }
    this.unused = false
    this.write(data, this.#written)
  }

  /** Reads once, until `pause()`. */
  receive(): void {
    this.unused = false
    this.read(0)
  }

  /** Sends FIN, after the data. */
  shutdown(): void {
    this.unused = false
    this.end()
  }

  /** The kernel has taken all that was sent. */
  get drained(): boolean {
    return this.writableLength === 0
  }

  /** Gives up at once, with RST where there is one. Returns the stream while its descriptor is still open. */
  discard(): Stream | undefined {
    if (this.destroyed) return undefined
    if (!this.#isTcp || this.connecting) {
      this.destroy()
      return undefined
    }
    if (this.writableEnded && this.drained && !this.writableFinished) {
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
    if (this.connecting || this.drained) {
      // The kernel has it all, and close(2) of its own sends the rest and FIN.
      this.destroy()
      return undefined
    }
    this.destroySoon()
    return this
  }

  /** While a write is under way Node looks once each period whether the kernel has taken more of it. */
  giveUpAfter(patienceMs: number): void {
    this.setTimeout(patienceMs, this.discard)
  }

  /**
   * How Node ends a connect that failed. The error goes no further than to the owner: emitting it is what costs a
   * failed connect most, after the kernel's share, since the stream has the error's stack made into text before.
   */
  override destroy(error?: Error): this {
    const { owner } = this
    if (error === undefined || this.hadPeer || owner === undefined) return super.destroy(error)
    super.destroy()
    owner.onError(error)
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
    this.owner?.onData(buffer.subarray(0, count))
    return false
  }
}

/** Node calls connect(2) in a later tick than `connect()`; a burst of them would be told as the network's time. */
function onConnectionAttempt(this: Stream): void {
  this.owner?.onAttempt()
}

function onConnect(this: Stream): void {
  this.hadPeer = true
  this.owner?.onConnect()
}

/** Stays for the stream's whole life, so that no error after close() ever is an uncaught exception. */
function onError(this: Stream, error: Error): void {
  this.owner?.onError(error)
}

function onEnd(this: Stream): void {
  this.owner?.onEnd()
}

function onClose(this: Stream): void {
  this.owner = undefined
  if (this.unused) this.store.put(this)
}
