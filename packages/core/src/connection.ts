/** A connection: a connected stream socket that its user owns, from the connect's `next` until it is closed. */
import { Observable } from 'rxjs'
import type { SocketAddress } from './address.js'
import { captureContext } from './async-context.js'
import type { CloseMode, Handle } from './backend.js'
import { ChunkIterator, type Chunks } from './chunk-iterator.js'
import * as diagnostics from './diagnostics.js'
import type { Endpoint } from './endpoint.js'
import { errno } from './errno.js'
import {
  type AttemptRecord,
  abortedFailure,
  ConnectError,
  type Failure,
  ownFailure,
  transferFailure,
} from './errors.js'
import { checkSignal, checkTimeout } from './options.js'
import type { ReactorCore } from './reactor-core.js'
import { Interest, Readiness } from './readiness.js'
import { type ChunkListener, Receiver } from './receiver.js'
import { Sender } from './sender.js'

export interface SendOptions {
  /** Takes the data back where nothing of it was sent yet; where some was, the connection is reset. */
  readonly signal?: AbortSignal | undefined
}

export interface ReadOptions {
  /** Ends the reading, with an error of code `ABORT_ERR`; the connection stays open. */
  readonly signal?: AbortSignal | undefined
}

export interface CloseOptions {
  /** Resets the connection when the peer has not taken everything by then, in milliseconds. Default: no limit. */
  readonly timeoutMs?: number | undefined
}

const DISPOSE_TIMEOUT_MS = 5_000

/** How a connection came about. */
export interface ConnectionOrigin {
  readonly endpoint: Endpoint
  readonly address: SocketAddress
  readonly failedAttempts: readonly AttemptRecord[]
}

/**
 * One end of a byte stream. Data arrives only while somebody reads, by one of {@link Connection.received} or
 * async iteration; until then it stays with the kernel, and so does the news of the peer's end.
 *
 * Who was given the connection closes it: `close()`, `reset()`, or `await using`. An open connection that
 * nobody reads from, and that has nothing left to send, does not keep the process alive.
 */
export class Connection implements AsyncDisposable {
  /** What was connected to, as the user wrote it. */
  readonly endpoint: Endpoint
  /** The address that answered. */
  readonly peerAddress: SocketAddress
  /** The sockets that failed before this one connected; empty for most. */
  readonly failedAttempts: readonly AttemptRecord[]
  readonly #core: ReactorCore
  /** Not a handle any more once `#closed` says why. */
  readonly #handle: Handle
  #token = 0
  #interest: Interest = 0
  /** Inside `ready()`. */
  #handling = false
  /** The error that sending ran into, negated. */
  #brokenBy: number | undefined
  /** Made on first use, so that an idle connection stays small. */
  #receiver: Receiver | undefined
  #sender: Sender | undefined
  #closed: Failure | undefined
  #closing: Promise<void> | undefined

  /** @internal Connections come from a reactor. */
  constructor(core: ReactorCore, handle: Handle, origin: ConnectionOrigin) {
    this.#core = core
    this.#handle = handle
    this.endpoint = origin.endpoint
    this.peerAddress = origin.address
    this.failedAttempts = origin.failedAttempts
    core.counters.open++
    core.own(this)
  }

  /** Name of the backend that holds the socket. */
  get backend(): string {
    return this.#core.backend.name
  }

  /** This side's address, asked of the kernel at each call: getsockname(2). Undefined once closed. */
  get localAddress(): SocketAddress | undefined {
    return this.#closed ? undefined : this.#core.backend.localAddress(this.#handle)
  }

  /** The descriptor is given back, or will be when what was sent is out. */
  get closed(): boolean {
    return this.#closed !== undefined || this.#closing !== undefined
  }

  /**
   * What the peer sends, as it comes; completes at the peer's end of stream, or when this side closes. Cold, for
   * one subscriber at a time; chunks are the subscriber's to keep. Unsubscribing stops the reading and leaves
   * the connection open. An observable can't be slowed down: to read at your own pace use async iteration.
   * Errors with a {@link ConnectError} of phase `receive`.
   */
  get received(): Observable<Buffer> {
    return new Observable((subscriber) => {
      const inContext = captureContext()
      const fail = (error: unknown): void => inContext(() => subscriber.error(error))
      if (this.#receiver?.busy) {
        const error = this.#busyError()
        return this.#core.later(() => fail(error))
      }
      const emit = (chunk: Buffer): void => subscriber.next(chunk)
      const reading = this.#read({
        chunk: (chunk) => inContext(emit, chunk),
        end: () => inContext(() => subscriber.complete()),
        error: fail,
      })
      reading.resume()
      return () => reading.stop()
    })
  }

  /**
   * What the peer sends, read from the kernel one chunk (64 KiB at most) for each step, so a slow loop slows the
   * peer down. Leaving the loop stops the reading and leaves the connection open. One reader at a time.
   */
  chunks(options: ReadOptions = {}): Chunks {
    const signal = checkSignal(options.signal)
    return new ChunkIterator({
      open: (listener) => this.#read(listener),
      abortError: () => this.#error(abortedFailure(signal?.reason, 'recv')),
      signal,
    })
  }

  [Symbol.asyncIterator](): Chunks {
    return this.chunks()
  }

  /**
   * Sends bytes, or text as UTF-8, after what was sent before. Resolves when the kernel has taken all of it (on
   * `node:net`: all but 64 KiB at most); await that to be slowed down to the peer's pace. Rejects with a
   * {@link ConnectError} of phase `send`, or `aborted` when the connection is closed first; handle that, as
   * Node ends a process over a rejection that nobody does. The bytes must not be changed until then.
   */
  send(data: string | Uint8Array, options: SendOptions = {}): Promise<void> {
    const signal = checkSignal(options.signal)
    const bytes = typeof data === 'string' ? Buffer.from(data) : data
    if (!(bytes instanceof Uint8Array)) throw new TypeError('send() takes a string or a Uint8Array')
    if (this.#closed) return Promise.reject(this.#error(this.#closed))
    if (this.#closing) return Promise.reject(this.#error(closedFailure('close')))
    return this.#sending().send(bytes, signal)
  }

  /** Bytes given to {@link Connection.send} that the kernel has not taken yet. */
  get unsentBytes(): number {
    return this.#sender?.pendingBytes ?? 0
  }

  /** Half close: ends this side's stream once everything is sent; the peer can go on. shutdown(2) with SHUT_WR. */
  end(): Promise<void> {
    if (this.#closed) return Promise.reject(this.#error(this.#closed))
    return this.#sending().end()
  }

  /**
   * Sends what is still to be sent, then gives the descriptor back: FIN, or RST where received data was left
   * unread, as close(2) has it. Resolves when that is done, also where the sending fails. Idempotent. A peer
   * that takes nothing makes this wait, for `timeoutMs` at most; `reset()` ends that too.
   */
  close(options: CloseOptions = {}): Promise<void> {
    const timeoutMs = checkTimeout('timeoutMs', options.timeoutMs ?? Number.POSITIVE_INFINITY)
    if (this.#closed) return Promise.resolve()
    this.#closing ??= this.#flushAndRelease()
    if (this.#closed || timeoutMs === Number.POSITIVE_INFINITY) return this.#closing
    const timer = this.#core.setTimer(timeoutMs, () => this.reset())
    return this.#closing.finally(() => timer.cancel())
  }

  async #flushAndRelease(): Promise<void> {
    this.#receiver?.end()
    const flushed = this.#sender?.flushed()
    // Awaited only where there is something to await: a close with nothing to send is done when it returns.
    if (flushed) await flushed
    this.#release('graceful', closedFailure('close'))
  }

  /** Gives the descriptor back at once, with RST on TCP; what was not sent is lost, and its senders are told. Idempotent. */
  reset(): void {
    this.#release('reset', closedFailure('reset'))
  }

  /** `close()` that gives a peer who takes nothing 5 seconds: leaving a scope must not hang for ever. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close({ timeoutMs: DISPOSE_TIMEOUT_MS })
  }

  /** @internal */
  reactorGone(why: Failure): void {
    this.#release('reset', why)
  }

  /** @internal The registration reported. */
  ready(readiness: Readiness): void {
    this.#token = 0
    const troubled = (readiness & (Readiness.ERROR | Readiness.HANGUP)) !== 0
    const due = troubled ? this.#interest : this.#interest & readiness
    this.#interest &= ~due
    this.#handling = true
    try {
      // Reading first: what arrived before an error is still there, and the error is told once, to whoever asks first.
      if (due & Interest.READABLE) this.#receiver?.readable()
      if (due & Interest.WRITABLE) this.#sender?.writable()
    } finally {
      this.#handling = false
      this.#arm()
    }
  }

  #sending(): Sender {
    this.#sender ??= new Sender({
      send: (data, offset) => this.#core.backend.send(this.#handle, data, offset),
      shutdown: () => this.#core.backend.shutdown(this.#handle),
      wantWritable: () => this.#want(Interest.WRITABLE),
      failed: (result) => {
        if (result !== -errno.EPIPE) this.#brokenBy = result
      },
      error: (failure) => this.#error(failure),
      reset: () => this.reset(),
    })
    return this.#sender
  }

  #read(listener: ChunkListener): Receiver {
    if (this.#receiver?.busy) throw this.#busyError()
    this.#receiver = new Receiver(
      {
        receive: (into) => this.#receive(into),
        scratch: () => this.#core.scratch,
        wantReadable: () => this.#want(Interest.READABLE),
        unwantReadable: () => this.#unwant(Interest.READABLE),
        later: (callback) => this.#core.later(callback),
        error: (failure) => this.#error(failure),
      },
      listener,
    )
    if (this.closed) this.#receiver.end()
    return this.#receiver
  }

  /** The kernel tells an error once: where sending was told of it, an end of the stream is none. */
  #receive(into: Uint8Array): number {
    const count = this.#core.backend.receive(this.#handle, into)
    return count === 0 && this.#brokenBy !== undefined ? this.#brokenBy : count
  }

  #want(interest: Interest): void {
    if ((this.#interest & interest) === interest) return
    this.#interest |= interest
    this.#arm()
  }

  #unwant(interest: Interest): void {
    if ((this.#interest & interest) === 0) return
    this.#interest &= ~interest
    this.#arm()
  }

  /** Brings the registration up to date with the interest; while readiness is handled, once, at its end. */
  #arm(): void {
    if (this.#closed || this.#handling) return
    if (this.#interest === 0) {
      if (this.#token !== 0) this.#core.deregister(this.#handle, this.#token)
      this.#token = 0
      return
    }
    const result = this.#core.register(this.#handle, this.#interest, this, this.#token)
    this.#token = Math.max(0, result)
    if (result < 0) this.#release('reset', transferFailure(result, 'receive', 'epoll_ctl'))
  }

  #release(mode: CloseMode, why: Failure): void {
    if (this.#closed) return
    this.#closed = why
    this.#core.disown(this)
    this.#core.counters.open--
    this.#core.close(this.#handle, this.#token, mode)
    this.#token = 0
    if (diagnostics.connectionClose.hasSubscribers) {
      diagnostics.connectionClose.publish({ endpoint: this.endpoint, backend: this.backend, mode })
    }
    this.#sender?.fail(why)
    if (mode === 'graceful' || why.code === 'ERR_CONNECTION_CLOSED') this.#receiver?.end()
    else this.#receiver?.fail(why)
  }

  #busyError(): ConnectError {
    const reason = 'somebody else reads this connection'
    return this.#error(ownFailure('ERR_ALREADY_READING', 'receive', 'recv', reason))
  }

  #error(failure: Failure): ConnectError {
    return new ConnectError(failure, { endpoint: this.endpoint, address: this.peerAddress })
  }
}

function closedFailure(how: 'close' | 'reset'): Failure {
  return ownFailure(
    'ERR_CONNECTION_CLOSED',
    'aborted',
    'send',
    `the connection was closed by ${how}() on this side`,
  )
}
