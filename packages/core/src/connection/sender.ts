/** The sending side of a connection: keeps what the kernel would not take yet, in order. */
import type { SocketType } from '../backend/address.js'
import { errno } from '../backend/errno.js'
import { abortedFailure, type ConnectError, type Failure, transferFailure } from '../errors.js'
import { onAbort } from '../reactor/abort.js'
import { guarded } from '../reactor/uncaught.js'

/** What a sender needs from its connection. */
export interface SenderSocket {
  send(data: Uint8Array, offset: number): number
  shutdown(): number
  wantWritable(): void
  /** Nothing can be sent any more, by this negated errno; whoever waits is told by the sender. */
  failed(result: number): void
  /** What a negated errno of `send()` or `shutdown()` stands for. */
  failureOf(result: number, syscall: string): Failure
  error(failure: Failure): ConnectError
  reset(): void
  readonly type: SocketType
}

interface Pending {
  /** What to send; `end` is that of the stream, `mark` only waits for what stands before it. */
  readonly data: Uint8Array | 'end' | 'mark'
  offset: number
  resolve(): void
  reject(error: unknown): void
}

/** A packet that does not fit says nothing about the others; any other error ends the connection. */
const OF_ONE_PACKET = new Set([-errno.EMSGSIZE, -errno.ENOBUFS])

export class Sender {
  readonly #socket: SenderSocket
  readonly #queue: Pending[] = []
  #pendingBytes = 0
  /** Nothing can be sent any more, and why. */
  #failed: Failure | undefined
  #ended: Promise<void> | undefined

  constructor(socket: SenderSocket) {
    this.#socket = socket
  }

  get pendingBytes(): number {
    return this.#pendingBytes
  }

  /** Something waits for the kernel to take it: data, empty messages, the end. */
  get waiting(): boolean {
    return this.#queue.length > 0
  }

  async send(data: Uint8Array, signal: AbortSignal | undefined): Promise<void> {
    if (signal?.aborted) throw this.#socket.error(abortedFailure(signal.reason, 'send'))
    const refusal = this.#refusal()
    if (refusal) throw this.#socket.error(refusal)
    const isNothing = data.length === 0 && this.#socket.type !== 'dgram'
    if (isNothing && this.#queue.length === 0) return
    let pending!: Pending
    const done = new Promise<void>((resolve, reject) => {
      pending = { data: isNothing ? 'mark' : data, offset: 0, resolve, reject }
    })
    this.#push(pending)
    if (signal === undefined || !this.#queue.includes(pending)) return done
    const stopWatching = onAbort(signal, () => this.#abort(pending, signal.reason))
    return done.finally(stopWatching)
  }

  /** As `send()`, for streams: tells `done` instead of a promise, at once where the kernel takes it at once. */
  write(data: Uint8Array, done: (error?: ConnectError) => void): void {
    const refusal = this.#refusal()
    if (refusal) return done(this.#socket.error(refusal))
    const told = (error?: unknown): void => guarded(() => done(error as ConnectError | undefined))
    this.#push({ data: data.length === 0 ? 'mark' : data, offset: 0, resolve: told, reject: told })
  }

  end(): Promise<void> {
    if (this.#failed) return Promise.reject(this.#socket.error(this.#failed))
    this.#ended ??= new Promise<void>((resolve, reject) => {
      this.#push({ data: 'end', offset: 0, resolve, reject })
    })
    return this.#ended
  }

  /** Settles when everything is out; undefined where nothing waits. */
  flushed(): Promise<void> | undefined {
    if (this.#queue.length === 0) return undefined
    // Stands behind all that waits, and so is not taken back with any of it.
    return new Promise((resolve) => {
      this.#push({ data: 'mark', offset: 0, resolve, reject: () => resolve() })
    })
  }

  /** The socket takes more. */
  writable(): void {
    while (this.#queue.length > 0) {
      const first = this.#queue[0] as Pending
      const result = this.#sendOne(first)
      if (isFullQueue(result)) return this.#socket.wantWritable()
      if (result < 0 && !this.#isOfOneMessage(result)) return this.#broken(first, result)
      this.#queue.shift()
      this.#pendingBytes -= remaining(first)
      if (result >= 0) first.resolve()
      else first.reject(this.#socket.error(this.#socket.failureOf(result, 'send')))
    }
  }

  /** Rejects all that waits; later calls are rejected likewise. */
  fail(why: Failure): void {
    if (this.#failed) return
    this.#failed = why
    this.#pendingBytes = 0
    for (const pending of this.#queue.splice(0)) pending.reject(this.#socket.error(why))
  }

  /** Why nothing more can be sent. */
  #refusal(): Failure | undefined {
    if (this.#failed) return this.#failed
    return this.#ended && transferFailure(-errno.EPIPE, 'send', 'send')
  }

  #push(pending: Pending): void {
    this.#pendingBytes += remaining(pending)
    this.#queue.push(pending)
    if (this.#queue.length === 1) this.writable()
  }

  /** 0 or more once the kernel has taken all of it, else the negated errno. */
  #sendOne(pending: Pending): number {
    const { data } = pending
    if (data === 'mark') return 0
    // Nobody would see the end of datagrams; that nothing follows is kept here.
    if (data === 'end') return this.#socket.type === 'dgram' ? 0 : this.#socket.shutdown()
    if (this.#socket.type !== 'stream') return this.#socket.send(data, 0)
    while (pending.offset < data.length) {
      const sent = this.#socket.send(data, pending.offset)
      if (sent < 0) return sent
      pending.offset += sent
      this.#pendingBytes -= sent
    }
    return 0
  }

  /** Whether an error speaks of one message only, so that the next may be sent. */
  #isOfOneMessage(result: number): boolean {
    const { type } = this.#socket
    return type === 'dgram' || (type === 'seqpacket' && OF_ONE_PACKET.has(result))
  }

  #broken(first: Pending, result: number): void {
    this.#socket.failed(result)
    this.fail(this.#socket.failureOf(result, first.data === 'end' ? 'shutdown' : 'send'))
  }

  #abort(pending: Pending, reason: unknown): void {
    const index = this.#queue.indexOf(pending)
    if (index < 0) return
    if (pending.offset > 0) {
      // The peer has seen a part: nothing that follows could make sense to it.
      pending.reject(this.#socket.error(abortedFailure(reason, 'send')))
      this.#socket.reset()
      return
    }
    this.#queue.splice(index, 1)
    this.#pendingBytes -= remaining(pending)
    pending.reject(this.#socket.error(abortedFailure(reason, 'send')))
  }
}

function remaining({ data, offset }: Pending): number {
  return typeof data === 'string' ? 0 : data.length - offset
}

function isFullQueue(result: number): boolean {
  return result === -errno.EAGAIN || result === -errno.EINTR
}
