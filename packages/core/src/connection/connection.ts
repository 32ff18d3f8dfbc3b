/** A connection: a connected socket that its user owns, from the connect's `next` until it is closed. */
import { Observable } from 'rxjs'
import type { SocketAddress, SocketType } from '../backend/address.js'
import type { SocketOptionName } from '../backend/socket-options.js'
import { captureContext } from '../base/async-context.js'
import { checkNames, checkSignal, checkTimeout } from '../base/options.js'
import type { Endpoint } from '../endpoint/endpoint.js'
import type { AttemptRecord } from '../errors/failure.js'
import { abortedFailure } from '../errors/failures.js'
import type { ConnectTimeline } from '../errors/timeline.js'
import type { Channel } from '../link/channel.js'
import { ChunkIterator, type Chunks } from '../link/chunk-iterator.js'
import { Link } from '../link/link.js'
import type { ReactorCore } from '../reactor/reactor-core.js'
import { unsupported, type ValueOf } from '../socket/socket-calls.js'
import type { TcpInfo } from '../socket/tcp-info.js'
import type { TlsInfo } from '../tls/tls-info.js'
import { checkTls } from '../tls/tls-options.js'
import { upgrade } from '../tls/upgrade.js'
import type {
  CloseOptions,
  ReadOptions,
  SendOptions,
  UpgradeOptions,
} from './connection-options.js'
import { ConnectionDuplex, type DuplexOptions } from './duplex.js'
import { type NetSocket, type NetSocketOptions, netSocketOf } from './hand-over.js'
import { WebStreams } from './web-streams.js'

const DISPOSE_TIMEOUT_MS = 5_000

/**
 * A connection inside of TLS.
 *
 * @example
 * ```ts
 * import type { TlsConnection } from 'pollout'
 *
 * function describe({ tls }: TlsConnection): string {
 *   return `${tls.protocol}, ${tls.cipher.name}${tls.sessionReused ? ', resumed' : ''}`
 * }
 * ```
 */
export type TlsConnection = Connection & { readonly tls: TlsInfo }

/** How a connection came about. */
export interface ConnectionOrigin {
  readonly endpoint: Endpoint
  readonly address: SocketAddress
  readonly type: SocketType
  readonly failedAttempts: readonly AttemptRecord[]
  readonly timeline: ConnectTimeline
  readonly tls?: TlsInfo
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
 *
 * @example
 * ```ts
 * import { createReactor } from 'pollout'
 * import { firstValueFrom } from 'rxjs'
 *
 * await using reactor = createReactor()
 * await using connection = await firstValueFrom(reactor.connect('tcp://127.0.0.1:7'))
 * await connection.send('Hello, Server!')
 * await connection.end()
 * for await (const chunk of connection) console.log(chunk.toString())
 * ```
 */
export class Connection implements AsyncDisposable {
  /** What was connected to, as the user wrote it. */
  readonly endpoint: Endpoint
  /** Whether it carries a stream, datagrams, or packets in order. */
  readonly type: SocketType
  /** The address that answered, in the form of inet_ntop(3); of a unix socket the path that was asked for. */
  readonly peerAddress: SocketAddress
  /** The sockets that failed before this one connected; empty for most. */
  readonly failedAttempts: readonly AttemptRecord[]
  /** The moments of the connect. */
  readonly timeline: ConnectTimeline
  /** What the handshake has led to; undefined where the connection is not inside of TLS. */
  readonly tls: TlsInfo | undefined
  /** @internal What every face of it stands on. */
  readonly link: Link
  #web: WebStreams | undefined

  /** @internal Connections come from a reactor. */
  constructor(core: ReactorCore, channel: Channel, origin: ConnectionOrigin) {
    this.link = new Link(core, channel, origin)
    this.endpoint = origin.endpoint
    this.type = origin.type
    this.peerAddress = origin.address
    this.failedAttempts = origin.failedAttempts
    this.timeline = origin.timeline
    this.tls = origin.tls
  }

  /** Name of the backend that holds the socket. */
  get backend(): string {
    return this.link.core.backend.name
  }

  /** This side's address, asked of the kernel at each call: getsockname(2). Undefined once closed. */
  get localAddress(): SocketAddress | undefined {
    return this.link.channel.localAddress
  }

  /** The descriptor is given back, or will be when what was sent is out. */
  get closed(): boolean {
    return this.link.closed
  }

  /**
   * The peer will send no more, and everything that it sent has been read: the reader has come to its FIN. False while that
   * stands unread with the kernel, and where the connection was broken or closed from this side first.
   */
  get peerEnded(): boolean {
    return this.link.peerEnded
  }

  /**
   * The peer's end has been read, and it was FIN alone, without the close_notify of TLS: whoever is on the way could have
   * made it, and what was read may be cut short. To readers it is an end as any other, since many servers leave
   * close_notify out: look here where the length of what is sent is told by nothing else. False outside of TLS.
   */
  get truncated(): boolean {
    return this.link.truncated
  }

  /**
   * What the peer sends, as it comes; completes at the peer's end of stream, or when this side closes. Cold, for
   * one subscriber at a time; chunks are the subscriber's to keep. Unsubscribing stops the reading and leaves
   * the connection open. An observable can't be slowed down: to read at your own pace use async iteration.
   * Errors with a {@link ConnectError} of phase `receive`.
   *
   * A message comes as one chunk; what it has beyond 64 KiB is cut off. An empty datagram or packet is an empty chunk. On
   * datagrams an error, as ECONNREFUSED after an ICMP message, ends this reading only: subscribe again for what comes later.
   */
  get received(): Observable<Buffer> {
    return new Observable((subscriber) => {
      const inContext = captureContext()
      const fail = (error: unknown): void => inContext(() => subscriber.error(error))
      if (this.link.busy) {
        const error = this.link.busyError()
        return this.link.core.later(() => fail(error))
      }
      const emit = (chunk: Buffer): void => subscriber.next(chunk)
      const reading = this.link.read({
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
    checkNames(options, ['signal'])
    const signal = checkSignal(options.signal)
    return new ChunkIterator({
      open: (listener) => this.link.read(listener),
      abortError: () => this.link.error(abortedFailure(signal?.reason, 'recv')),
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
   * Node ends a process over a rejection that nobody does. The bytes must not be changed until then; a buffer that is
   * transferred, or shrinks, rejects with `ERR_BUFFER_LOST`, and on a stream resets the connection.
   *
   * Of a message all is sent or nothing: one that is too long rejects with EMSGSIZE, and only this send. So does, on
   * datagrams, any other errno; ECONNREFUSED means that an earlier one was not wanted, and that this one was not sent.
   * An empty datagram is sent; an empty packet is not, since a peer that reads with recv(2) would take it for the end.
   */
  send(data: string | Uint8Array, options?: SendOptions): Promise<void> {
    if (options) checkNames(options, ['signal'])
    const signal = checkSignal(options?.signal)
    const bytes = typeof data === 'string' ? Buffer.from(data) : data
    if (!(bytes instanceof Uint8Array)) throw new TypeError('send() takes a string or a Uint8Array')
    return this.link.send(bytes, signal)
  }

  /** Bytes given to {@link Connection.send} that the kernel has not taken yet. */
  get unsentBytes(): number {
    return this.link.unsentBytes
  }

  /**
   * Half close: ends this side's stream once everything is sent; the peer can go on. shutdown(2) with SHUT_WR. Datagrams
   * have no end that a peer could see: there it only means that nothing more can be sent from here.
   */
  end(): Promise<void> {
    return this.link.end()
  }

  /**
   * Sends what is still to be sent, then gives the descriptor back: FIN, or RST where received data was left
   * unread, as close(2) has it. Resolves when that is done, also where the sending fails. Idempotent. A peer
   * that takes nothing makes this wait, for `timeoutMs` at most; `reset()` ends that too.
   */
  close(options: CloseOptions = {}): Promise<void> {
    checkNames(options, ['timeoutMs'])
    return this.link.close(checkTimeout('timeoutMs', options.timeoutMs ?? Number.POSITIVE_INFINITY))
  }

  /** Gives the descriptor back at once, with RST on TCP; what was not sent is lost, and its senders are told. Idempotent. */
  reset(): void {
    this.link.reset()
  }

  /**
   * setsockopt(2) of an option of the table; one that has to be set before connecting belongs into the connect's options.
   * Throws {@link ConnectError}: with the errno where the kernel refuses, `ERR_UNSUPPORTED` where the backend has no such
   * option.
   */
  setOption<Name extends SocketOptionName>(name: Name, value: ValueOf<Name>): void {
    this.link.assertOpen()
    this.link.channel.setOption(name, value)
  }

  /**
   * getsockopt(2) of an option of the table, as the kernel has it: buffer sizes come doubled. Throws
   * {@link ConnectError} as {@link Connection.setOption} does; needs the capability `kernelSockets`.
   */
  getOption<Name extends SocketOptionName>(name: Name): ValueOf<Name> {
    this.link.assertOpen()
    return this.link.channel.getOption(name)
  }

  /**
   * What the kernel knows of this TCP connection: round-trip time, retransmissions, windows, ... Throws
   * {@link ConnectError} `ERR_UNSUPPORTED` for other connections, and where the capability `kernelSockets` is missing.
   */
  tcpInfo(): TcpInfo {
    this.link.assertOpen()
    return this.link.channel.tcpInfo()
  }

  /**
   * Gives the descriptor away, still non-blocking and its registration gone before: closing it is the caller's from now on.
   * The connection is closed, and its reader told so; what was not read stays with the kernel. Throws {@link ConnectError}:
   * `ERR_UNSENT_DATA` while there is some (await `send()` before), `ERR_UNSUPPORTED` without the capability `kernelSockets`.
   */
  detach(): number {
    return this.link.detach()
  }

  /**
   * Goes on inside of TLS, as after STARTTLS: sends what is still to be sent, then makes the handshake, and resolves with
   * the connection that carries what is inside. This one is closed at the call's success or failure; its reader is told
   * the end at once. What the peer has sent in the clear behind its consent is no part of what is inside: unread, it makes
   * the handshake fail, and read, it is not to be trusted. Rejects with a {@link ConnectError} of phase `tls` (the connection is reset then) or `aborted`; with a
   * TypeError, or what OpenSSL says of keys that it can't read, where nothing was done yet. Over streams only.
   */
  async upgradeToTls(options: UpgradeOptions = {}): Promise<TlsConnection> {
    const { link, endpoint, type, peerAddress: address, failedAttempts, timeline } = this
    this.#assertStream('TLS')
    const { timeoutMs, signal, ...tlsOptions } = options
    const setup = checkTls(link.core, endpoint, tlsOptions)
    const origin = { endpoint, type, address, failedAttempts, timeline }
    const { channel, info } = await upgrade(link, origin, {
      setup,
      timeoutMs: checkTimeout('timeoutMs', timeoutMs),
      signal: checkSignal(signal),
    })
    return new Connection(link.core, channel, { ...origin, tls: info }) as TlsConnection
  }

  /**
   * The connection as a `net.Socket`, which owns it from now on: {@link Connection.detach}, and Node's constructor. For
   * streams of `tcp` and `unix`; throws {@link ConnectError} `ERR_UNSUPPORTED` for others, which Node has no sockets for.
   */
  toNetSocket(options: NetSocketOptions = {}): NetSocket {
    checkNames(options, ['allowHalfOpen'])
    const { family } = this.peerAddress
    if (this.type !== 'stream' || family === 'vsock') {
      throw unsupported(this.link.core.backend, `a net.Socket of a ${family} ${this.type} socket`)
    }
    return netSocketOf(this.detach(), options)
  }

  /**
   * The connection as a Node `Duplex` with what clients touch on a `net.Socket`; on every backend. The Duplex owns it
   * from now on, reads from it at once, and closes it as Node's streams end: when both sides have, or when it is destroyed.
   * For streams only: throws {@link ConnectError} `ERR_UNSUPPORTED` for messages, `ERR_ALREADY_READING` where somebody reads.
   */
  toDuplex(options: DuplexOptions = {}): ConnectionDuplex {
    checkNames(options, ['allowHalfOpen', 'readableHighWaterMark', 'writableHighWaterMark'])
    this.link.assertOpen()
    this.#assertStream('a Duplex')
    if (this.link.busy) throw this.link.busyError()
    return new ConnectionDuplex(this.link.core, options, this.endpoint, this)
  }

  /**
   * What the peer sends, as a Web stream: each read takes one chunk from the kernel, and none is taken in between. The
   * first read takes the reader's place. Cancelling it resets the connection. For streams only.
   */
  get readable(): ReadableStream<Uint8Array> {
    return this.#webStreams().readable
  }

  /**
   * What is sent to the peer, as a Web stream, at the pace of the peer. Closing it is {@link Connection.end}, aborting it
   * {@link Connection.reset}. When both sides have ended by their streams, the connection is closed.
   */
  get writable(): WritableStream<Uint8Array> {
    return this.#webStreams().writable
  }

  /**
   * Resets the connection when nothing was sent to, and nothing received from, the kernel for `timeoutMs` milliseconds; then
   * who reads or sends is told by a {@link ConnectError} `ERR_IDLE_TIMEOUT` of phase `aborted`. Infinity takes it back. Data
   * that nobody reads counts for nothing. Keeps no process alive.
   */
  idleTimeout(timeoutMs: number): void {
    this.link.idleTimeout(checkTimeout('timeoutMs', timeoutMs ?? Number.NaN))
  }

  /** `close()` that gives a peer who takes nothing 5 seconds: leaving a scope must not hang for ever. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close({ timeoutMs: DISPOSE_TIMEOUT_MS })
  }

  #webStreams(): WebStreams {
    this.#assertStream('Web streams')
    this.#web ??= new WebStreams(this.link)
    return this.#web
  }

  #assertStream(what: string): void {
    if (this.type === 'stream') return
    const { family } = this.peerAddress
    throw unsupported(this.link.core.backend, `${what} of a ${family} ${this.type} socket`)
  }
}
