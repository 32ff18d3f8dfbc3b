/** The sending side of a connection: keeps what the kernel would not take yet, in order. */
import { onAbort } from './abort.js'
import { errno } from './errno.js'
import { abortedFailure, type ConnectError, type Failure, transferFailure } from './errors.js'

/** What a sender needs from its connection. */
export interface SenderSocket {
  send(data: Uint8Array, offset: number): number
  shutdown(): number
  wantWritable(): void
  /** Nothing can be sent any more, by this negated errno; whoever waits is told by the sender. */
  failed(result: number): void
  error(failure: Failure): ConnectError
  reset(): void
}

/** Data, or (without) the end of the stream. */
interface Pending {
  readonly data: Uint8Array | undefined
  offset: number
  resolve(): void
  reject(error: unknown): void
}

const NOTHING = new Uint8Array(0)

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

  async send(data: Uint8Array, signal: AbortSignal | undefined): Promise<void> {
    if (signal?.aborted) throw this.#socket.error(abortedFailure(signal.reason, 'send'))
    if (this.#failed) throw this.#socket.error(this.#failed)
    if (this.#ended) throw this.#socket.error(transferFailure(-errno.EPIPE, 'send', 'send'))
    if (data.length === 0 && this.#queue.length === 0) return
    let pending!: Pending
    const done = new Promise<void>((resolve, reject) => {
      pending = { data, offset: 0, resolve, reject }
    })
    this.#push(pending)
    if (signal === undefined || !this.#queue.includes(pending)) return done
    const stopWatching = onAbort(signal, () => this.#abort(pending, signal.reason))
    return done.finally(stopWatching)
  }

  end(): Promise<void> {
    if (this.#failed) return Promise.reject(this.#socket.error(this.#failed))
    this.#ended ??= new Promise<void>((resolve, reject) => {
      this.#push({ data: undefined, offset: 0, resolve, reject })
    })
    return this.#ended
  }

  /** Settles when everything is out; undefined where nothing waits. */
  flushed(): Promise<void> | undefined {
    if (this.#queue.length === 0) return undefined
    // Stands behind all that waits, and so is not taken back with any of it.
    return new Promise((resolve) => {
      this.#push({ data: NOTHING, offset: 0, resolve, reject: () => resolve() })
    })
  }

  /** The socket takes more. */
  writable(): void {
    while (this.#queue.length > 0) {
      const first = this.#queue[0] as Pending
      if (!this.#sendOne(first)) return
      this.#queue.shift()
      first.resolve()
    }
  }

  /** Rejects all that waits; later calls are rejected likewise. */
  fail(why: Failure): void {
    if (this.#failed) return
    this.#failed = why
    this.#pendingBytes = 0
    for (const pending of this.#queue.splice(0)) pending.reject(this.#socket.error(why))
  }

  #push(pending: Pending): void {
    this.#pendingBytes += pending.data?.length ?? 0
    this.#queue.push(pending)
    if (this.#queue.length === 1) this.writable()
  }

  /** False while the kernel has not taken all of it, or when sending has failed. */
  #sendOne(pending: Pending): boolean {
    const { data } = pending
    if (data === undefined) return this.#took(this.#socket.shutdown(), 'shutdown')
    while (pending.offset < data.length) {
      const sent = this.#socket.send(data, pending.offset)
      if (!this.#took(sent, 'send')) return false
      pending.offset += sent
      this.#pendingBytes -= sent
    }
    return true
  }

  #took(result: number, syscall: string): boolean {
    if (result >= 0) return true
    if (result === -errno.EAGAIN || result === -errno.EINTR) this.#socket.wantWritable()
    else {
      this.#socket.failed(result)
      this.fail(transferFailure(result, 'send', syscall))
    }
    return false
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
    this.#pendingBytes -= pending.data?.length ?? 0
    pending.reject(this.#socket.error(abortedFailure(reason, 'send')))
  }
}
