/** The sending side of a connection: keeps what the kernel would not take yet, in order. */
import type { SocketType } from '../backend/address.js'
import { isDetached } from '../backend/arguments.js'
import type { SystemResult } from '../backend/backend.js'
import { errno } from '../backend/errno.js'
import { Interest } from '../backend/readiness.js'
import { onAbort } from '../base/abort.js'
import { guarded } from '../base/uncaught.js'
import type { ConnectError } from '../errors/connect-error.js'
import type { Failure } from '../errors/failure.js'
import { abortedFailure, ownFailure, transferFailure } from '../errors/failures.js'
import type { Outgoing } from '../reactor/outbox.js'
import type { ReactorCore } from '../reactor/reactor-core.js'
import type { Channel } from './channel.js'

/** What a sender needs of its link. */
export interface SendingLink {
  readonly core: Pick<ReactorCore, 'backend' | 'outbox'>
  readonly channel: Channel
  readonly type: SocketType
  transmit(data: Uint8Array, offset: number): SystemResult
  /** Nothing can be sent any more, by this negated errno; whoever waits is told by the sender. */
  sendingBroke(result: SystemResult): void
  error(failure: Failure): ConnectError
  reset(): void
  /** Resets, and tells why. */
  fail(why: Failure): void
}

interface Pending {
  /** What to send; `end` is that of the stream, `mark` only waits for what stands before it. */
  readonly data: Uint8Array | 'end' | 'mark'
  /** Bytes owed: those that it had when it was given. The buffer is the user's, who may transfer or shrink it. */
  readonly length: number
  offset: number
  resolve(): void
  reject(error: unknown): void
}

/** A packet that does not fit says nothing about the others; any other error ends the connection. */
const OF_ONE_PACKET = new Set([-errno.EMSGSIZE, -errno.ENOBUFS])

export class Sender implements Outgoing {
  readonly #link: SendingLink
  readonly #queue: Pending[] = []
  /** Taken by a channel that keeps it, as TLS does, and not with the kernel yet. */
  readonly #taken: Pending[] = []
  #pendingBytes = 0
  /** Nothing can be sent any more, and why. */
  #failed: Failure | undefined
  #ended: Promise<void> | undefined
  /** What stands in the queue has not been tried yet: see `Outbox`. */
  #isHeld = false

  constructor(link: SendingLink) {
    this.#link = link
  }

  get pendingBytes(): number {
    return this.#pendingBytes
  }

  /** Something waits for the kernel to take it: data, empty messages, the end. */
  get waiting(): boolean {
    return this.#queue.length > 0
  }

  /** `length` is what was given, where that was before this call. */
  send(data: Uint8Array, signal?: AbortSignal, length = data.length): Promise<void> {
    const refusal = signal?.aborted
      ? abortedFailure(signal.reason, 'send')
      : this.#refusal(data, length)
    if (refusal) return Promise.reject(this.#link.error(refusal))
    const isNothing = length === 0 && this.#link.type !== 'dgram'
    const pending: Pending = {
      data: isNothing ? 'mark' : data,
      length,
      offset: 0,
      resolve() {},
      reject() {},
    }
    const isNext = this.#add(pending)
    const result = isNext ? this.#tried(pending) : -errno.EAGAIN
    // The backend, or a clock, may have ended the link within that call.
    if (this.#failed) return Promise.reject(this.#link.error(this.#failed))
    // Most are out here, and need no promise of their own.
    if (typeof result === 'number' && result >= 0 && !this.#link.channel.heldBytes) {
      this.#settle(pending, result)
      return this.#link.core.outbox.doneAtOnce()
    }
    const done = new Promise<void>((resolve, reject) => {
      pending.resolve = resolve
      pending.reject = reject
    })
    if (isNext) this.#settle(pending, result)
    const waits = this.#queue.includes(pending) || this.#taken.includes(pending)
    if (signal === undefined || !waits) return done
    const stopWatching = onAbort(signal, () => this.#abort(pending, signal.reason))
    return done.finally(stopWatching)
  }

  /** As `send()`, for streams: tells `done` instead of a promise, at once where the kernel takes it at once. */
  write(data: Uint8Array, done: (error?: ConnectError) => void, length = data.length): void {
    const refusal = this.#refusal(data, length)
    if (refusal) return done(this.#link.error(refusal))
    const told = (error?: unknown): void => guarded(() => done(error as ConnectError | undefined))
    const what = length === 0 ? 'mark' : data
    this.#push({ data: what, length, offset: 0, resolve: told, reject: told })
  }

  end(): Promise<void> {
    if (this.#failed) return Promise.reject(this.#link.error(this.#failed))
    this.#ended ??= new Promise<void>((resolve, reject) => {
      this.#push({ data: 'end', length: 0, offset: 0, resolve, reject })
    })
    return this.#ended
  }

  /** Settles when everything is out; undefined where nothing waits. */
  flushed(): Promise<void> | undefined {
    this.flush()
    if (this.#queue.length === 0) return undefined
    // Stands behind all that waits, and so is not taken back with any of it.
    return new Promise((resolve) => {
      this.#push({ data: 'mark', length: 0, offset: 0, resolve, reject: () => resolve() })
    })
  }

  /** What was held back goes out now. */
  flush(): void {
    if (!this.#isHeld) return
    this.#isHeld = false
    this.writable()
  }

  /** The socket takes more. */
  writable(): void {
    let goesOn = true
    while (goesOn && this.#queue.length > 0) {
      const first = this.#queue[0] as Pending
      goesOn = this.#settle(first, this.#tried(first))
    }
  }

  /** Rejects all that waits; later calls are rejected likewise. */
  fail(why: Failure): void {
    if (this.#failed) return
    this.#failed = why
    this.#pendingBytes = 0
    const left = [...this.#taken.splice(0), ...this.#queue.splice(0)]
    for (const pending of left) pending.reject(this.#link.error(why))
  }

  /** Why this can't be sent, or nothing more can. */
  #refusal(data: Uint8Array, length: number): Failure | undefined {
    if (this.#failed) return this.#failed
    if (this.#ended) return transferFailure(-errno.EPIPE, 'send', 'send')
    return length === 0 && isDetached(data) ? lostFailure() : undefined
  }

  #push(pending: Pending): void {
    if (this.#add(pending)) this.writable()
  }

  /** Whether it is to be sent now: nothing stands before it, and nobody will flush it soon. */
  #add(pending: Pending): boolean {
    this.#pendingBytes += remaining(pending)
    this.#queue.push(pending)
    if (this.#queue.length > 1) return false
    this.#isHeld = this.#link.core.outbox.holds(this)
    return !this.#isHeld
  }

  /** What the first of the queue has come to; whether the next one may be tried. */
  #settle(first: Pending, result: SystemResult | Failure): boolean {
    // It has left while it was sent, and was told then.
    if (this.#queue[0] !== first) return false
    if (typeof result === 'object') return this.#lost(first, result)
    if (isFullQueue(result)) {
      this.#link.channel.want(Interest.WRITABLE)
      return false
    }
    if (result < 0 && !this.#isOfOneMessage(result)) {
      this.#broken(first, result)
      return false
    }
    this.#queue.shift()
    this.#pendingBytes -= remaining(first)
    if (result >= 0) this.#resolveOnceOut(first)
    else first.reject(this.#link.error(this.#link.channel.failureOf(result, 'send', 'send')))
    return true
  }

  /** Told as sent is what the kernel has: what only a buffer in this process has is gone when that ends. */
  #resolveOnceOut(pending: Pending): void {
    const { channel } = this.#link
    if (!channel.whenOut || !channel.heldBytes) return pending.resolve()
    this.#taken.push(pending)
    channel.whenOut((isOut) => {
      const index = this.#taken.indexOf(pending)
      if (index < 0) return
      if (!isOut) return this.#broken(pending, -errno.EPIPE)
      this.#taken.splice(index, 1)
      pending.resolve()
    })
  }

  /** `sendOne()` that never throws: what stands in the queue has to leave it. */
  #tried(pending: Pending): SystemResult | Failure {
    try {
      return this.#sendOne(pending)
    } catch (cause) {
      return ownFailure('ERR_BACKEND_BROKEN', 'send', 'send', 'the backend threw', cause)
    }
  }

  /** The first can't be sent, by this side's doing. A message goes alone; a stream would have a hole, so it is reset. */
  #lost(first: Pending, why: Failure): boolean {
    this.#queue.shift()
    this.#pendingBytes -= remaining(first)
    first.reject(this.#link.error(why))
    if (this.#link.type !== 'stream') return true
    this.#link.fail(why)
    return false
  }

  /** 0 or more once the kernel has taken all of it, else the negated errno. */
  #sendOne(pending: Pending): SystemResult | Failure {
    const { length } = pending
    let { data } = pending
    if (data === 'mark') return 0
    // Nobody would see the end of datagrams; that nothing follows is kept here.
    const { type, channel } = this.#link
    if (data === 'end') return type === 'dgram' ? 0 : channel.shutdown()
    if (data.length < length) return lostFailure()
    // What it has grown by meanwhile was not given.
    if (data.length > length) data = data.subarray(0, length)
    if (type !== 'stream') return this.#link.transmit(data, 0)
    const { kernelReadiness } = this.#link.core.backend.capabilities
    while (pending.offset < length) {
      const sent = this.#link.transmit(data, pending.offset)
      if (this.#queue[0] !== pending) return -errno.EPIPE
      if (sent < 0) return sent
      pending.offset += sent
      this.#pendingBytes -= sent
      // The kernel will say when there is room for much, and an attempt now would get crumbs.
      if (kernelReadiness && pending.offset < length) return -errno.EAGAIN
    }
    return 0
  }

  /** Whether an error speaks of one message only, so that the next may be sent. */
  #isOfOneMessage(result: number): boolean {
    const { type } = this.#link
    return type === 'dgram' || (type === 'seqpacket' && OF_ONE_PACKET.has(result))
  }

  #broken(first: Pending, result: number): void {
    this.#link.sendingBroke(result)
    const syscall = first.data === 'end' ? 'shutdown' : 'send'
    this.fail(this.#link.channel.failureOf(result, 'send', syscall))
  }

  #abort(pending: Pending, reason: unknown): void {
    const index = this.#queue.indexOf(pending)
    const isTaken = this.#taken.includes(pending)
    if (index < 0 && !isTaken) return
    if (pending.offset > 0 || isTaken) {
      // The peer has seen a part: nothing that follows could make sense to it.
      pending.reject(this.#link.error(abortedFailure(reason, 'send')))
      this.#link.reset()
      return
    }
    this.#queue.splice(index, 1)
    this.#pendingBytes -= remaining(pending)
    pending.reject(this.#link.error(abortedFailure(reason, 'send')))
    // What stood behind it may not have to wait for room: an end, a close().
    if (index > 0 || this.#isHeld) return
    this.writable()
    if (this.#queue.length === 0) this.#link.channel.unwant(Interest.WRITABLE)
  }
}

function remaining({ data, length, offset }: Pending): number {
  return typeof data === 'string' ? 0 : length - offset
}

/** What was given to be sent is not there any more: a buffer is its user's, to transfer and to shrink at any time. */
function lostFailure(): Failure {
  const reason =
    'the buffer was transferred, or has shrunk, before all of it was sent: wait for send() before'
  return { ...ownFailure('ERR_BUFFER_LOST', 'send', 'send', reason), localFault: true }
}

function isFullQueue(result: number): boolean {
  return result === -errno.EAGAIN || result === -errno.EINTR
}
