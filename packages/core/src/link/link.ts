/**
 * A channel in use: one reader, one queue of what is to be sent, and every way to end. All faces of a connection stand
 * on it, those of RxJS, of Node and of the Web; it knows of none of them.
 */
import type { SocketAddress, SocketType } from '../backend/address.js'
import type { CloseMode, SystemResult } from '../backend/backend.js'
import { errno } from '../backend/errno.js'
import { Interest } from '../backend/readiness.js'
import type { Endpoint } from '../endpoint/endpoint.js'
import { ConnectError } from '../errors/connect-error.js'
import type { Failure } from '../errors/failure.js'
import { ownFailure } from '../errors/failures.js'
import { type Moving, Patience, waitAtMost } from '../reactor/patience.js'
import type { Owned, ReactorCore } from '../reactor/reactor-core.js'
import type { Channel, ChannelListener } from './channel.js'
import { type ChunkListener, Receiver, type ReceivingLink } from './receiver.js'
import { Sender, type SendingLink } from './sender.js'

export interface LinkPlace {
  readonly endpoint: Endpoint
  readonly address: SocketAddress
  readonly type: SocketType
}

export class Link implements Owned, ChannelListener, ReceivingLink, SendingLink, Moving {
  readonly core: ReactorCore
  readonly channel: Channel
  readonly #place: LinkPlace
  /** The error that sending ran into, negated. */
  #brokenBy: number | undefined
  #peerEnded = false
  /** Made on first use, so that an idle connection stays small. */
  #receiver: Receiver | undefined
  #sender: Sender | undefined
  #idle: Patience | undefined
  #notesMoves = false
  #movedAt = Number.NEGATIVE_INFINITY
  #closed: Failure | undefined
  #closing: Promise<void> | undefined

  constructor(core: ReactorCore, channel: Channel, place: LinkPlace) {
    this.core = core
    this.channel = channel
    this.#place = place
    channel.attach(this)
    core.own(this)
  }

  /** Given back, or as good as. */
  get closed(): boolean {
    return this.#closed !== undefined || this.#closing !== undefined
  }

  get unsentBytes(): number {
    return (this.#sender?.pendingBytes ?? 0) + (this.channel.heldBytes ?? 0)
  }

  /** When something came or went, here or below. */
  get movedAt(): number {
    return Math.max(this.#movedAt, this.channel.below?.movedAt ?? this.#movedAt)
  }

  get type(): SocketType {
    return this.#place.type
  }

  /** The reader has come to the end of what the peer sends. */
  get peerEnded(): boolean {
    return this.#peerEnded
  }

  /** That end came without the word that TLS has for it. */
  get truncated(): boolean {
    return this.#peerEnded && this.channel.truncated === true
  }

  /** Somebody reads, and has not heard of the end. */
  get busy(): boolean {
    return this.#receiver?.busy ?? false
  }

  /** Starts to read, paused; throws where somebody else does. */
  read(listener: ChunkListener): Receiver {
    if (this.busy) throw this.busyError()
    const receiver = new Receiver(this, listener)
    this.#receiver = receiver
    if (this.#closed) this.#endReader(this.#closed)
    else if (this.#closing) receiver.end()
    return receiver
  }

  /** `length` is what was given, where that was before this call. */
  send(bytes: Uint8Array, signal?: AbortSignal, length?: number): Promise<void> {
    if (this.#closed) return Promise.reject(this.error(this.#closed))
    if (this.#closing) return Promise.reject(this.error(closedFailure('close')))
    return this.#sending().send(bytes, signal, length)
  }

  /** As `send()` on streams; tells by a callback, at once where it can. */
  write(bytes: Uint8Array, done: (error?: ConnectError) => void, length?: number): void {
    const why = this.#closed ?? (this.#closing && closedFailure('close'))
    if (why) done(this.error(why))
    else this.#sending().write(bytes, done, length)
  }

  end(): Promise<void> {
    if (this.#closed) return Promise.reject(this.error(this.#closed))
    return this.#sending().end()
  }

  close(timeoutMs = Number.POSITIVE_INFINITY): Promise<void> {
    if (this.#closed) return Promise.resolve()
    this.#closing ??= this.#flushAndRelease()
    if (this.#closed || timeoutMs === Number.POSITIVE_INFINITY) return this.#closing
    const timer = waitAtMost(this.core, timeoutMs, () => this.reset(), this)
    return this.#closing.finally(() => timer.cancel())
  }

  reset(): void {
    this.fail(closedFailure('reset'))
  }

  /** Gives the channel back at once, and waits for nothing: by RST where something is still to be sent. Idempotent. */
  leave(): void {
    this.#sender?.flush()
    if (this.unsentBytes > 0) this.reset()
    else this.#release('graceful', closedFailure('close'))
  }

  /** Resets, and tells whoever reads or sends why. Idempotent. */
  fail(why: Failure): void {
    this.#release('reset', why)
  }

  /** Resets when nothing came and nothing went for so long; Infinity for never. */
  idleTimeout(limitMs: number): void {
    this.#idle?.stop()
    this.#idle = undefined
    if (this.closed || limitMs === Number.POSITIVE_INFINITY) return
    this.#idle = new Patience(this.core, limitMs, () => this.#idled(limitMs), this)
  }

  detach(): number {
    this.#sender?.flush()
    this.assertOpen()
    if (this.#sender?.waiting) {
      const reason = 'there is data that the kernel has not taken yet: await send() before'
      throw this.error(ownFailure('ERR_UNSENT_DATA', 'send', 'detach', reason))
    }
    const descriptor = this.channel.detach()
    this.#leave(closedFailure('detach'))
    return descriptor
  }

  /** Settles when everything is sent; undefined where nothing waits. */
  flushed(): Promise<void> | undefined {
    return this.#sender?.flushed()
  }

  /** Gives the channel to somebody else, at once; who reads or sends here is told as by `detach()`. */
  handOver(): Channel {
    this.assertOpen()
    this.channel.unwant(Interest.READABLE | Interest.WRITABLE)
    this.#leave(closedFailure('upgradeToTls'))
    return this.channel
  }

  ready(due: Interest): void {
    // Reading first: what arrived before an error is still there, and the error is told once, to whoever asks first.
    if (due & Interest.READABLE) this.#receiver?.readable()
    if (due & Interest.WRITABLE) this.#sender?.writable()
  }

  broken(why: Failure): void {
    this.fail(why)
  }

  reactorGone(why: Failure): void {
    this.fail(why)
  }

  /** For the receiver. The kernel tells an error once: where sending was told of it, an end of the stream is none. */
  receive(into: Uint8Array): SystemResult {
    const count = this.channel.receive(into)
    if (count > 0) this.#moved()
    if (count !== 0 || this.type === 'dgram') return count
    if (this.type === 'seqpacket' && this.channel.ended === false) return count
    if (this.#brokenBy !== undefined) return this.#brokenBy
    this.#peerEnded = true
    return 0
  }

  /** For the sender. */
  transmit(data: Uint8Array, offset: number): SystemResult {
    const count = this.channel.send(data, offset)
    if (count > 0) this.#moved()
    return count
  }

  /** For the sender: nothing can be sent any more, by this negated errno. */
  sendingBroke(result: SystemResult): void {
    if (result !== -errno.EPIPE) this.#brokenBy = result
  }

  /** Throws why nothing can be done with the descriptor any more. */
  assertOpen(): void {
    if (this.#closed) throw this.error(this.#closed)
    if (this.#closing) throw this.error(closedFailure('close'))
  }

  busyError(): ConnectError {
    const reason = 'somebody else reads this connection'
    return this.error(ownFailure('ERR_ALREADY_READING', 'receive', 'recv', reason))
  }

  error(failure: Failure): ConnectError {
    return new ConnectError(failure, this.#place)
  }

  async #flushAndRelease(): Promise<void> {
    this.#receiver?.end()
    const flushed = this.flushed()
    // Awaited only where there is something to await: a close with nothing to send is done when it returns.
    if (flushed) await flushed
    const finished = this.#closed ? undefined : this.channel.finish?.()
    if (finished) await finished
    this.#release('graceful', closedFailure('close'))
  }

  noteMoves(): void {
    this.#notesMoves = true
    this.channel.below?.noteMoves()
  }

  #moved(): void {
    // Most connections have nobody who is interested, and the time costs something.
    if (!this.#notesMoves) return
    this.#movedAt = this.core.clock.now()
    this.#idle?.touch(this.#movedAt)
  }

  /** Nothing has come or gone here; but below there may be a part of what TLS has as one. */
  #idled(limitMs: number): void {
    const { movedAt } = this
    if (movedAt + limitMs > this.core.clock.now()) this.#idle?.goOn(movedAt)
    else this.fail(idleFailure(limitMs))
  }

  #sending(): Sender {
    this.#sender ??= new Sender(this)
    return this.#sender
  }

  #release(mode: CloseMode, why: Failure): void {
    this.#sender?.flush()
    if (this.#closed) return
    this.#closed = why
    this.channel.close(mode)
    this.#leave(why)
  }

  /** The channel is gone: takes this off the reactor's books, then tells who uses it. */
  #leave(why: Failure): void {
    this.#closed = why
    this.#idle?.stop()
    this.core.disown(this)
    this.#sender?.fail(why)
    this.#endReader(why)
  }

  /** What this side has ended itself is an end for its reader, and no error. */
  #endReader(why: Failure): void {
    if (why.code === 'ERR_CONNECTION_CLOSED') this.#receiver?.end()
    else this.#receiver?.fail(why)
  }
}

function closedFailure(how: 'close' | 'reset' | 'detach' | 'upgradeToTls'): Failure {
  return ownFailure(
    'ERR_CONNECTION_CLOSED',
    'aborted',
    'send',
    `the connection was closed by ${how}() on this side`,
  )
}

function idleFailure(limitMs: number): Failure {
  return ownFailure(
    'ERR_IDLE_TIMEOUT',
    'aborted',
    'idle',
    `nothing was sent or received for ${limitMs} ms, so this side has reset the connection`,
  )
}
