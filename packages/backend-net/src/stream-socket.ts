/** A stream: a POSIX-shaped socket on top of a `net.Socket`, its state and what it is ready for. */
import { executionAsyncId } from 'node:async_hooks'
import type { Buffer } from 'node:buffer'
import {
  appliesTo,
  type CloseMode,
  ConnectStatus,
  type ConnectTimes,
  errno,
  type InetAddress,
  type Interest,
  Interest as InterestBit,
  isInet,
  Readiness,
  type SocketAddress,
  type SocketOptionName,
  type SocketOptionValue,
  type SocketSpec,
  type SystemResult,
} from '@pollout/core'
import type { BackendSocket, SocketContext } from './backend-socket.js'
import { ConnectClock } from './connect-clock.js'
import { CHUNK_BYTES } from './copies.js'
import { Registration } from './registration.js'
import { addressFault, inetAddress } from './socket-address.js'
import type { Stream, StreamOwner } from './stream.js'
import { STREAM_OPTIONS, StreamOptions } from './stream-options.js'
import { negatedErrno } from './system-error.js'

/**
 * `LOST` is both a connect that failed and a connection that broke, as TCP_CLOSE is for the kernel; what differs,
 * whether the socket may connect again, is told by `#wasConnected`.
 */
const State = { FRESH: 0, CONNECTING: 1, CONNECTED: 2, LOST: 3, CLOSED: 4 } as const
type State = (typeof State)[keyof typeof State]

const EVERYTHING = Readiness.READABLE | Readiness.WRITABLE | Readiness.HANGUP

export class StreamSocket extends Registration implements BackendSocket, StreamOwner {
  #state: State = State.FRESH
  #stream: Stream | undefined
  /** SO_ERROR: negated, 0 for none; whoever is told of it has read it. */
  #pendingError = 0
  #failedHere = false
  /** In which callback connect(2) was called; 0 until then. */
  #calledIn = 0
  /** Connected, and lost before libuv looked; not told of yet. */
  #lostAtOnce = false
  #wasConnected = false
  #reading = false
  #ended = false
  #shutDown = false
  #notSelf = false
  #to: SocketAddress | undefined
  #local: SocketAddress | undefined
  /** What was read and not received, from `#receivedFrom` on. */
  #received: Buffer | undefined
  #receivedFrom = 0
  /** The copy that the kernel has not taken whole. */
  #sending: Buffer | undefined
  /** What bind() was given: `net.Socket` binds only when it connects. */
  #bound: InetAddress | undefined
  #options: StreamOptions | undefined
  readonly #clock = new ConnectClock()
  readonly #spec: SocketSpec

  constructor(spec: SocketSpec, context: SocketContext) {
    super(context)
    this.#spec = spec
  }

  connect(to: SocketAddress): SystemResult {
    if (this.#state === State.CONNECTING) return -errno.EALREADY
    if (this.#state === State.CONNECTED || this.#wasConnected) return -errno.EISCONN
    // A failure nobody has read is told by the next connect(2), which starts nothing; after disconnect() it is forgotten.
    if (this.#state === State.LOST && this.#pendingError !== 0) return this.#takeError()
    this.#pendingError = 0
    this.#state = State.CONNECTING
    this.#to = to
    this.#local = undefined
    this.#calledIn = 0
    this.#lostAtOnce = false
    this.#sending = undefined
    this.#clock.start()
    const fault = addressFault(this.#spec, to)
    if (fault !== 0) {
      this.#lose(fault, true)
      return -errno.EINPROGRESS
    }
    this.#stream = this.context.streams.take()
    try {
      this.#stream.start(this, to, this.#bound)
    } catch (cause) {
      // Node checks its arguments itself and throws, at a port of 65536 say; the interface has only errnos.
      this.#discardStream('reset')
      this.#lose(negatedErrno(cause), true)
    }
    // It may have failed at once.
    if (!this.context.loopHold.referenced) this.#stream?.unref()
    return -errno.EINPROGRESS
  }

  /** Answers for the address alone; whether it can be had is told by the connect. A Unix socket can't be bound. */
  bind(at: SocketAddress): SystemResult {
    if (this.#spec.family === 'unix') return -errno.EOPNOTSUPP
    const fault = addressFault(this.#spec, at)
    if (fault !== 0) return fault
    const isUnderWay = this.#state === State.CONNECTING || this.#state === State.CONNECTED
    if (!isInet(at) || this.#bound !== undefined || isUnderWay) return -errno.EINVAL
    this.#bound = at
    return 0
  }

  /** As tcp_disconnect() of the kernel: a connection, or an attempt, is reset, and the next connect() starts anew. */
  disconnect(): SystemResult {
    if (this.#spec.family === 'unix') return -errno.EINVAL
    if (this.#state === State.CONNECTING || this.#state === State.CONNECTED) {
      this.#discardStream('reset')
      this.#lose(-errno.ECONNRESET)
    }
    this.#state = State.FRESH
    this.#wasConnected = false
    this.#ended = false
    this.#shutDown = false
    this.#notSelf = false
    this.#received = undefined
    return 0
  }

  setOption(name: SocketOptionName, value: SocketOptionValue): SystemResult {
    if (!STREAM_OPTIONS.includes(name) || !appliesTo(name, this.#spec)) return -errno.ENOPROTOOPT
    this.#options ??= new StreamOptions()
    this.#options.set(name, value)
    const stream = this.#state === State.CONNECTED ? this.#stream : undefined
    return stream === undefined ? 0 : this.#options.applyTo(stream)
  }

  level(): number {
    const ready = this.#readiness()
    const asked = ready & this.interest
    if ((ready & Readiness.ERROR) !== 0 || this.#state === State.LOST) {
      return asked | (ready & (Readiness.ERROR | Readiness.HANGUP))
    }
    // The peer's FIN alone is POLLRDHUP, which comes only with what was asked for: a sender that waits for room on a
    // half-open connection would otherwise be woken for ever.
    return asked === 0 ? 0 : asked | (ready & Readiness.HANGUP)
  }

  finishConnect(times: ConnectTimes | undefined): ConnectStatus {
    if (this.#state === State.CONNECTING) return ConnectStatus.PENDING
    this.#clock.writeTo(times)
    switch (this.#state) {
      case State.FRESH:
        return this.#takeError() || -errno.ENOTCONN
      case State.CONNECTED:
        return this.#isSelfConnected() ? ConnectStatus.SELF_CONNECTED : ConnectStatus.CONNECTED
      default:
        // Whoever receives or sends next is told by what, once; that there was a connection, however often this is asked.
        if (this.#wasLost) return LOST - (this.#pendingError || -errno.ECONNRESET)
        return this.#takeError() || -errno.ECONNRESET
    }
  }

  /** It had a peer, and the network took that away; of a unix socket no number says so. */
  get #wasLost(): boolean {
    return this.#wasConnected && !this.#failedHere && this.#spec.family !== 'unix'
  }

  get failedHere(): boolean {
    return this.#failedHere
  }

  receive(into: Uint8Array): SystemResult {
    const received = this.#received
    if (received !== undefined) {
      const count = received.copy(into, 0, this.#receivedFrom)
      this.#receivedFrom += count
      if (this.#receivedFrom === received.length) {
        this.#received = undefined
        this.context.copies.release(received)
      }
      // A registration that was to report these bytes waits for others now.
      this.notify()
      return count
    }
    if (this.#state === State.FRESH) return this.#takeError() || -errno.ENOTCONN
    if (this.#neverStarted) return -errno.ENOTCONN
    // After a FIN, RST is EPIPE: the end is an end for who reads. What came before it Node has thrown away.
    if (this.#lostAtOnce && this.#pendingError === -errno.EPIPE) return 0
    if (this.#state === State.LOST) return this.#takeError()
    return this.#ended ? 0 : -errno.EAGAIN
  }

  /**
   * Takes a chunk at most, and nothing while the kernel has not all of the one before: so a chunk is also what is taken
   * at most beyond the kernel's buffer, and what a process that is ended from outside can lose.
   */
  send(data: Uint8Array, offset: number): SystemResult {
    if (this.#neverStarted) return -errno.ENOTCONN
    if (this.#state === State.LOST) return this.#takeError() || -errno.EPIPE
    if (this.#state === State.CONNECTING) return -errno.EAGAIN
    const stream = this.#stream
    if (stream === undefined) return this.#takeError() || -errno.ENOTCONN
    if (this.#shutDown) return -errno.EPIPE
    if (!stream.drained) return -errno.EAGAIN
    const count = Math.min(data.length - offset, CHUNK_BYTES)
    if (count <= 0) return 0
    // A copy: the caller may change its buffer after the call, and the stream may still hold on to this one.
    const copy = this.context.copies.of(data.subarray(offset, offset + count))
    stream.send(copy)
    if (stream.drained) this.context.copies.release(copy)
    else this.#sending = copy
    // libuv writes at once as far as it can; its error is the caller's now, the event that follows tells nothing new.
    const { errored } = stream
    if (errored === null) return count
    this.onError(errored)
    return this.#takeError()
  }

  shutdown(): SystemResult {
    if (this.#state === State.CONNECTING) {
      // Linux gives the attempt up, and the error is a reset: docs/semantics.md, ECONNRESET.
      this.#discardStream('reset')
      this.#lose(-errno.ECONNRESET)
      return 0
    }
    if (this.#state !== State.CONNECTED) return -errno.ENOTCONN
    if (!this.#shutDown) this.#stream?.shutdown()
    this.#shutDown = true
    return 0
  }

  close(mode: CloseMode): void {
    this.disarm()
    this.#state = State.CLOSED
    this.#received = undefined
    this.#discardStream(mode)
  }

  localAddress(): SocketAddress | undefined {
    if (this.#state === State.FRESH) return this.#bound
    if (this.#spec.family === 'unix') return this.#wasConnected ? UNNAMED : undefined
    const stream = this.#stream
    this.#local ??= inetAddress(this.#spec.family, stream?.localAddress, stream?.localPort)
    return this.#local ?? this.#bound
  }

  peerAddress(): SocketAddress | undefined {
    if (this.#state !== State.CONNECTED) return undefined
    if (this.#spec.family === 'unix') return this.#to
    const stream = this.#stream
    return inetAddress(this.#spec.family, stream?.remoteAddress, stream?.remotePort)
  }

  setReferenced(referenced: boolean): void {
    if (referenced) this.#stream?.ref()
    else this.#stream?.unref()
  }

  onAttempt(): void {
    this.#calledIn = executionAsyncId()
    this.#clock.start()
  }

  onConnect(): void {
    this.#clock.end()
    this.#state = State.CONNECTED
    this.#wasConnected = true
    const refusal = this.#stream === undefined ? 0 : (this.#options?.applyTo(this.#stream) ?? 0)
    if (refusal === 0) return this.notify()
    this.#discardStream('reset')
    this.#lose(refusal, true)
  }

  onData(chunk: Uint8Array): void {
    this.#reading = false
    this.#received = this.context.copies.of(chunk)
    this.#receivedFrom = 0
    this.notify()
  }

  onEnd(): void {
    this.#reading = false
    this.#ended = true
    // Ended both ways, the stream closes itself next; the kernel would still tell the address.
    if (this.#shutDown) this.localAddress()
    this.notify()
  }

  onDrain(): void {
    // Node tells in a later tick of a write that the kernel took at once; another one may be under way by then.
    if (this.#sending !== undefined && this.#stream?.drained) {
      this.context.copies.release(this.#sending)
      this.#sending = undefined
    }
    this.notify()
  }

  onError(error: Error): void {
    if (this.#state === State.LOST) return
    const negated = negatedErrno(error)
    if (this.#state !== State.CONNECTING) return this.#lose(negated)
    const isReported = this.#isReported(negated)
    // RST during the handshake is ECONNREFUSED. An error without a number is Node's own.
    this.#lostAtOnce = isReported && AFTER_HANDSHAKE.has(negated) && 'errno' in error
    this.#wasConnected = this.#lostAtOnce
    this.#lose(negated, !isReported)
  }

  /**
   * Of a connect that has failed: libuv read SO_ERROR, and no call returned it. What connect(2) returns is told in the very
   * callback that called it, but on a Unix socket, where there is nothing to report; what bind(2) did before it, likewise.
   * Only EADDRINUSE of bind(2) is kept and told with the connect (uv_tcp_bind()); no packet says that.
   */
  #isReported(negated: number): boolean {
    if (this.#spec.family === 'unix' || negated === -errno.EADDRINUSE) return false
    return this.#calledIn !== 0 && this.#calledIn !== executionAsyncId()
  }

  #lose(negated: number, here = false): void {
    if (this.#state === State.CONNECTING) this.#clock.end()
    this.#state = State.LOST
    this.#pendingError = negated
    this.#failedHere = here
    this.#reading = false
    if (this.#stream !== undefined) this.#stream.owner = undefined
    this.#stream = undefined
    this.notify()
  }

  #readiness(): number {
    if (this.#pendingError !== 0) return EVERYTHING | Readiness.ERROR
    if (this.#state === State.LOST) return EVERYTHING
    if (this.#state !== State.CONNECTED) return 0
    let ready = this.#ended ? Readiness.READABLE | Readiness.HANGUP : 0
    if (this.#received !== undefined) ready |= Readiness.READABLE
    if (this.#shutDown || this.#stream?.drained) ready |= Readiness.WRITABLE
    return ready
  }

  /** Reads from the kernel exactly while a registration waits for data: that is the backpressure. */
  protected override waitFor(interest: Interest): void {
    const wanted = (interest & InterestBit.READABLE) !== 0
    if (wanted === this.#reading || this.#state !== State.CONNECTED || this.#ended) return
    this.#reading = wanted
    if (wanted) this.#stream?.receive()
    else this.#stream?.pause()
  }

  /** A full unix backlog turned the connect away: that is no error of the socket's, and only `finishConnect()` tells it. */
  get #neverStarted(): boolean {
    return this.#state === State.LOST && this.#pendingError === -errno.EAGAIN
  }

  #takeError(): number {
    const error = this.#pendingError
    this.#pendingError = 0
    return error
  }

  /** Asked once a connection: the port alone tells nearly always, and costs one getsockname(2). */
  #isSelfConnected(): boolean {
    const to = this.#to
    if (this.#notSelf || to === undefined || !isInet(to)) return false
    const local = this.localAddress()
    if (local === undefined || !isInet(local)) return false
    this.#notSelf = local.port !== to.port || local.address !== this.#stream?.remoteAddress
    return !this.#notSelf
  }

  #discardStream(mode: CloseMode): void {
    const stream = this.#stream
    this.#stream = undefined
    if (stream === undefined) return
    stream.owner = undefined
    this.context.lingering.add(mode === 'reset' ? stream.discard() : stream.finish())
  }
}

const { LOST } = ConnectStatus
/** What SO_ERROR says of a TCP connection that the peer has accepted, perhaps ended, and reset. */
const AFTER_HANDSHAKE = new Set([-errno.ECONNRESET, -errno.EPIPE])

const UNNAMED: SocketAddress = { family: 'unix', path: '' }
