/** A connection: a connected socket that its user owns, from the connect's `next` until it is closed. */
import { Observable } from 'rxjs'
import type { SocketAddress, SocketType } from './address.js'
import { captureContext } from './async-context.js'
import type { CloseMode, Handle, SocketSpec } from './backend.js'
import { ChunkIterator, type Chunks } from './chunk-iterator.js'
import * as diagnostics from './diagnostics.js'
import type { Endpoint } from './endpoint.js'
import { errno } from './errno.js'
import {
  type AttemptRecord,
  abortedFailure,
  ConnectError,
  type ErrorContext,
  type Failure,
  ownFailure,
  transferFailure,
} from './errors.js'
import { type NetSocket, type NetSocketOptions, netSocketOf } from './hand-over.js'
import { checkSignal, checkTimeout } from './options.js'
import type { ReactorCore } from './reactor-core.js'
import { Interest, Readiness } from './readiness.js'
import { type ChunkListener, Receiver } from './receiver.js'
import { Sender } from './sender.js'
import * as calls from './socket-calls.js'
import type { SocketOptionName } from './socket-options.js'
import type { TcpInfo } from './tcp-info.js'
import type { ConnectTimeline } from './timeline.js'

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
  readonly type: SocketType
  readonly failedAttempts: readonly AttemptRecord[]
  readonly timeline: ConnectTimeline
}

/**
 * One end of a byte stream, or of an exchange of messages where its {@link Connection.type} is `dgram` or `seqpacket`:
 * each send is then one message, and so is each chunk received. Data arrives only while somebody reads, by one of
 * {@link Connection.received} or async iteration; until then it stays with the kernel, and so does the news of the
 * peer's end.
 *
 * Who was given the connection closes it: `close()`, `reset()`, or `await using`. An open connection that
 * nobody reads from, and that has nothing left to send, does not keep the process alive.
 *
 * Datagrams (`udp`, `unixgram`) have no end: what the network, or the peer's machine, says against one rejects one send
 * or ends one reading, and the connection can be used on.
 */
export class Connection implements AsyncDisposable {
  /** What was connected to, as the user wrote it. */
  readonly endpoint: Endpoint
  /** Whether it carries a stream, datagrams, or packets in order. */
  readonly type: SocketType
  /** The address that answered. */
  readonly peerAddress: SocketAddress
  /** The sockets that failed before this one connected; empty for most. */
  readonly failedAttempts: readonly AttemptRecord[]
  /** The moments of the connect. */
  readonly timeline: ConnectTimeline
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
    this.type = origin.type
    this.peerAddress = origin.address
    this.failedAttempts = origin.failedAttempts
    this.timeline = origin.timeline
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
   *
   * A message comes as one chunk; what it has beyond 64 KiB is cut off. An empty datagram is an empty chunk; an empty
   * packet (`unixpacket`) can't be told from the end: recv(2). On datagrams an error, as ECONNREFUSED after an ICMP message,
   * ends this reading only: subscribe again for what comes later.
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
   *
   * Of a message all is sent or nothing: one that is too long rejects with EMSGSIZE, and only this send. So does, on
   * datagrams, any other errno; ECONNREFUSED means that an earlier one was not wanted, and that this one was not sent.
   * An empty datagram is sent; an empty packet is not, since the peer would take it for the end.
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

  /**
   * Half close: ends this side's stream once everything is sent; the peer can go on. shutdown(2) with SHUT_WR. Datagrams
   * have no end that a peer could see: there it only means that nothing more can be sent from here.
   */
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

  /**
   * setsockopt(2) of an option of the table; one that has to be set before connecting belongs into the connect's options.
   * Throws {@link ConnectError}: with the errno where the kernel refuses, `ERR_UNSUPPORTED` where the backend has no such
   * option.
   */
  setOption<Name extends SocketOptionName>(name: Name, value: calls.ValueOf<Name>): void {
    this.#assertOpen()
    const result = calls.setOption(this.#core.backend, this.#handle, name, value)
    if (result < 0) throw calls.localError(result, 'setsockopt', this.#where)
  }

  /**
   * getsockopt(2) of an option of the table, as the kernel has it: buffer sizes come doubled. Throws
   * {@link ConnectError} as {@link Connection.setOption} does; needs the capability `kernelSockets`.
   */
  getOption<Name extends SocketOptionName>(name: Name): calls.ValueOf<Name> {
    this.#assertOpen()
    return calls.getOption(this.#core.backend, this.#handle, this.#spec, name)
  }

  /**
   * What the kernel knows of this TCP connection: round-trip time, retransmissions, windows, ... Throws
   * {@link ConnectError} `ERR_UNSUPPORTED` for other connections, and where the capability `kernelSockets` is missing.
   */
  tcpInfo(): TcpInfo {
    this.#assertOpen()
    return calls.tcpInfo(this.#core.backend, this.#handle, this.#spec)
  }

  /**
   * Gives the descriptor away, still non-blocking and its registration gone before: closing it is the caller's from now on.
   * The connection is closed, and its reader told so; what was not read stays with the kernel. Throws {@link ConnectError}:
   * `ERR_UNSENT_DATA` while there is some (await `send()` before), `ERR_UNSUPPORTED` without the capability `kernelSockets`.
   */
  detach(): number {
    this.#assertOpen()
    if (this.#sender?.waiting) {
      const reason = 'there is data that the kernel has not taken yet: await send() before'
      throw this.#error(ownFailure('ERR_UNSENT_DATA', 'send', 'detach', reason))
    }
    const { backend } = this.#core
    calls.kernelOf(backend, 'giving descriptors away')
    if (this.#token !== 0) this.#core.deregister(this.#handle, this.#token)
    this.#token = 0
    try {
      const descriptor = calls.detach(backend, this.#handle)
      this.#leave(closedFailure('detach'), 'detached')
      return descriptor
    } finally {
      // Where it was refused, who reads goes on reading.
      this.#arm()
    }
  }

  /**
   * The connection as a `net.Socket`, which owns it from now on: {@link Connection.detach}, and Node's constructor. For
   * streams of `tcp` and `unix`; throws {@link ConnectError} `ERR_UNSUPPORTED` for others, which Node has no sockets for.
   */
  toNetSocket(options: NetSocketOptions = {}): NetSocket {
    const { family } = this.peerAddress
    if (this.type !== 'stream' || family === 'vsock') {
      throw calls.unsupported(this.#core.backend, `a net.Socket of a ${family} ${this.type} socket`)
    }
    return netSocketOf(this.detach(), options)
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
      type: this.type,
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
        type: this.type,
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
    this.#core.close(this.#handle, this.#token, mode)
    this.#token = 0
    this.#leave(why, mode)
  }

  /** The descriptor is gone: takes the connection off the reactor's books, then tells who uses it. */
  #leave(why: Failure, mode: CloseMode | 'detached'): void {
    this.#closed = why
    this.#core.disown(this)
    this.#core.counters.open--
    if (diagnostics.connectionClose.hasSubscribers) {
      diagnostics.connectionClose.publish({ endpoint: this.endpoint, backend: this.backend, mode })
    }
    this.#sender?.fail(why)
    if (mode !== 'reset' || why.code === 'ERR_CONNECTION_CLOSED') this.#receiver?.end()
    else this.#receiver?.fail(why)
  }

  get #spec(): SocketSpec {
    return { family: this.peerAddress.family, type: this.type }
  }

  get #where(): ErrorContext {
    return { endpoint: this.endpoint, address: this.peerAddress }
  }

  /** Throws why nothing can be done with the descriptor any more. */
  #assertOpen(): void {
    if (this.#closed) throw this.#error(this.#closed)
    if (this.#closing) throw this.#error(closedFailure('close'))
  }

  #busyError(): ConnectError {
    const reason = 'somebody else reads this connection'
    return this.#error(ownFailure('ERR_ALREADY_READING', 'receive', 'recv', reason))
  }

  #error(failure: Failure): ConnectError {
    return new ConnectError(failure, this.#where)
  }
}

function closedFailure(how: 'close' | 'reset' | 'detach'): Failure {
  return ownFailure(
    'ERR_CONNECTION_CLOSED',
    'aborted',
    'send',
    `the connection was closed by ${how}() on this side`,
  )
}
