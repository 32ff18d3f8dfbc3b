/**
 * A connection as Node's streams have it: a `Duplex` that carries what clients touch on a `net.Socket`.
 *
 * One file, as it is one object with one state: events, reads and writes of a socket depend on each other in their order.
 */
import {
  formatAddress,
  type InetAddress,
  isInet,
  literalFamily,
  type SocketAddress,
} from '../backend/address.js'
import type { SocketOptionName } from '../backend/socket-options.js'
import { captureContext, type InContext } from '../base/async-context.js'
import { guarded } from '../base/uncaught.js'
import type { Endpoint } from '../endpoint/endpoint.js'
import { ConnectError } from '../errors/connect-error.js'
import { ownFailure } from '../errors/failures.js'
import type { PausableReader } from '../link/chunk-iterator.js'
import { gather } from '../link/gather.js'
import { type Moving, Patience } from '../reactor/patience.js'
import type { ReactorCore } from '../reactor/reactor-core.js'
import type { ValueOf } from '../socket/socket-calls.js'
import type { Carrier } from './carrier.js'
import type { ConnectProgress, Ends } from './connect-progress.js'
import { checkListener, checkTimer, endedByPeer, neverSent } from './socket-errors.js'
import { SocketLikeDuplex } from './socket-likeness.js'

/**
 * Options of {@link Connection.toDuplex} and {@link Reactor.duplex}.
 *
 * @example
 * ```ts
 * import { createReactor, type DuplexOptions } from 'pollout'
 *
 * const options: DuplexOptions = { allowHalfOpen: true, writableHighWaterMark: 1_048_576 }
 * const upload = createReactor().duplex('tcp://192.0.2.1:9000', options)
 * ```
 */
export interface DuplexOptions {
  /** This side's stream stays open when the peer ends its own. Default false, as in `node:net`. */
  readonly allowHalfOpen?: boolean | undefined
  /** Bytes read ahead of the consumer. Default: Node's. */
  readonly readableHighWaterMark?: number | undefined
  /** Bytes written ahead of the peer before `write()` answers false. Default: Node's. */
  readonly writableHighWaterMark?: number | undefined
}

/** Who connects for a Duplex that is not connected yet; answers how that is called off. */
export type DuplexConnector = (
  told: ConnectProgress & {
    connected(connection: Carrier): void
    failed(error: Error): void
  },
) => () => void

type Done = (error?: Error | null) => void

/**
 * Owns its connection: destroying one destroys the other. Where something of `net.Socket` has no meaning on a connection,
 * as `setNoDelay()` on a unix socket, nothing happens, as there.
 *
 * @example
 * ```ts
 * import { type ConnectionDuplex, createReactor } from 'pollout'
 *
 * const socket: ConnectionDuplex = createReactor().duplex('tcp://127.0.0.1:7')
 * socket.setNoDelay(true).setTimeout(5_000, () => socket.destroy())
 * socket.on('connect', () => console.log(`connected from port ${socket.localPort}`))
 * socket.on('error', console.error)
 * socket.pipe(process.stdout)
 * socket.end('Hello, Server!')
 * ```
 */
export class ConnectionDuplex extends SocketLikeDuplex {
  /** As set by `setTimeout()`, in milliseconds. */
  timeout: number | undefined
  /** Those of a name with several addresses, each with its port, in the order in which they were tried. */
  autoSelectFamilyAttemptedAddresses: string[] | undefined
  readonly encrypted: boolean
  /** @internal The name that was looked up: node:tls checks a certificate against it where it is told no other. */
  readonly _host: string | null
  readonly #core: ReactorCore
  readonly #inContext: InContext
  /** @internal */
  protected connection: Carrier | undefined
  /** @internal */
  protected ends: Ends | undefined
  /** @internal */
  protected isReached = false
  #reader: PausableReader | undefined
  /** What was asked for before there was a connection, in order. */
  readonly #waiting: ((connection: Carrier) => void)[] = []
  /** The write, or the end, that waits for the connection. */
  #toSend: ((connection: Carrier) => void) | undefined
  #cancel: () => void = () => {}
  /** What is still to be told in a later tick; from the start the end of this one, before which nobody can listen. */
  #soon = 1
  #isReset = false
  #idle: Patience | undefined
  /** Of TLS: what it stands on. */
  #below: Moving | undefined
  /** What was not sent when the idle timeout was last looked at, or when a write began. */
  #unsent = 0
  #bytesRead = 0
  /** Those of writes that were begun. */
  #bytesTaken = 0
  /** Of the write that is under way. */
  #bytesUnderWay = 0
  /** Of the write that is under way. */
  #done: Done | undefined
  /** It was out, but that was found when the socket was destroyed already. */
  #isOut = false
  #lookedUp = 0

  /** @internal Made by `Connection.toDuplex()` and `Reactor.duplex()`. */
  constructor(
    core: ReactorCore,
    options: DuplexOptions,
    endpoint: Endpoint,
    source: Carrier | DuplexConnector,
  ) {
    const { allowHalfOpen = false, readableHighWaterMark, writableHighWaterMark } = options
    // 'close' is emitted here, with net.Socket's argument.
    super({
      allowHalfOpen,
      emitClose: false,
      ...(readableHighWaterMark !== undefined && { readableHighWaterMark }),
      ...(writableHighWaterMark !== undefined && { writableHighWaterMark }),
    })
    this.#core = core
    this.#inContext = captureContext()
    this._host = 'host' in endpoint && !literalFamily(endpoint.host) ? endpoint.host : null
    if (typeof source !== 'function') {
      this.encrypted = source.tls !== undefined
      this.connection = this.ends = source
      this.#below = source.link.channel.below
      this.isReached = true
      process.nextTick(() => this.#readAhead())
    } else {
      this.encrypted = endpoint.scheme === 'tls'
      this.#cancel = source({
        lookedUp: (addresses) => this.#found(addresses),
        notFound: (cause) => this.#tellSoon('lookup', cause, undefined, undefined, this._host),
        attemptBegan: (address) => this.#attempting(address),
        attemptOverdue: (address) =>
          this.#tellSoon('connectionAttemptTimeout', ...placeOf(address)),
        attemptFailed: (error, address) =>
          this.#tellSoon('connectionAttemptFailed', ...placeOf(address), error),
        reached: (ends, below) => this.#reached(ends, below),
        connected: (connection) => this.#connected(connection),
        failed: (error) => this.destroy(error),
      })
    }
    process.nextTick(() => this.#soon--)
  }

  /** Bytes received so far. */
  get bytesRead(): number {
    return this.#bytesRead
  }

  /** Those that still wait included, as in `net.Socket`. */
  get bytesWritten(): number {
    return this.#bytesTaken + this.writableLength - this.#bytesUnderWay
  }

  /**
   * Takes any arguments, and connects nothing: clients call this on what their factory gave them, which is connected, or
   * connecting, to where it was meant for. A function among them is told by 'connect', which comes in a later tick.
   */
  connect(...args: readonly unknown[]): this {
    if (this.destroyed) throw goneError()
    for (const listener of args) {
      if (typeof listener === 'function') this.once('connect', listener as () => void)
    }
    if (this.isReached) {
      this.isReached = false
      process.nextTick(() => {
        this.#announce()
        if (this.connection?.tls) this.#tell('secureConnect')
      })
    }
    return this
  }

  setNoDelay(noDelay = true): this {
    return this.#set('noDelay', Boolean(noDelay))
  }

  /** `initialDelay` in milliseconds, as in `net.Socket`; 0 leaves the system's. */
  setKeepAlive(keepAlive = false, initialDelay = 0): this {
    this.#set('keepAlive', Boolean(keepAlive))
    const seconds = Math.floor(initialDelay / 1000)
    return keepAlive && seconds > 0 ? this.#set('keepAliveIdleSeconds', seconds) : this
  }

  /**
   * Emits 'timeout' when nothing was sent or received for so long; 0 for never. Nothing else happens then. It runs anew when
   * the name is looked up and when it connects; while the peer takes what was written, or sends a record of TLS, however
   * slowly, it is not told.
   */
  setTimeout(timeoutMs: number, listener?: () => void): this {
    if (this.destroyed) return this
    this.timeout = timeoutMs
    checkTimer(timeoutMs)
    this.#idle?.stop()
    this.#idle = undefined
    if (timeoutMs > 0) {
      this.#unsent = this.connection?.link.unsentBytes ?? 0
      this.#idle = new Patience(this.#core, timeoutMs, () => this.#idled())
    }
    checkListener(listener)
    if (listener && timeoutMs === 0) this.off('timeout', listener)
    else if (listener) this.once('timeout', listener)
    return this
  }

  /** Keeps the process alive while it is read from (the default). */
  ref(): this {
    this.#whenConnected(({ link }) => link.channel.keepAlive(true))
    return this
  }

  /** Does not keep the process alive, though it is read from. */
  unref(): this {
    this.#whenConnected(({ link }) => link.channel.keepAlive(false))
    return this
  }

  /** Destroys it when everything written is out. */
  destroySoon(): void {
    if (this.writable) this.end()
    if (this.writableFinished) this.destroy()
    else this.once('finish', () => this.destroy())
  }

  /** Destroys it, and the peer is told by RST; what connects is first connected. On a unix socket there is no RST. */
  resetAndDestroy(): this {
    if (this.connecting) return this.once('connect', () => void this.resetAndDestroy())
    this.#isReset = true
    return this.destroy()
  }

  /** @internal */
  override _read(): void {
    this.#whenConnected(({ link }) => {
      this.#reader ??= link.read({
        chunk: (data) => this.#inContext(this.#onChunk, data),
        end: () => this.#inContext(this.#onEnd),
        error: (error) => this.#inContext(() => void this.destroy(error)),
      })
      this.#reader.resume()
    })
  }

  /** @internal */
  override _write(chunk: Buffer, _encoding: BufferEncoding, done: Done): void {
    // What was given: by now, and even more so once it is connected, the chunk may have been transferred.
    const length = this.writableLength
    this.#begin(length, done)
    this.#whenSending((connection) => this.#send(connection, chunk, this.#onWritten, length))
  }

  /** @internal */
  override _writev(chunks: { chunk: Buffer }[], done: Done): void {
    const length = this.writableLength
    this.#begin(length, done)
    this.#whenSending((connection) => {
      const there = chunks.reduce((sum, { chunk }) => sum + chunk.length, 0)
      // With a hole among them none goes out.
      if (there < length) {
        return this.#send(connection, Buffer.alloc(0), this.#onWritten, length - there)
      }
      const parts = gather(chunks.map(({ chunk }) => chunk))
      // They go out in order, and where one fails so do all that follow: the last one tells for all.
      const last = parts.pop()
      for (const part of parts) this.#send(connection, part, () => {})
      if (last) this.#send(connection, last, this.#onWritten)
      else this.#onWritten()
    })
  }

  /** @internal */
  override _final(done: Done): void {
    this.#whenSending(({ link }) => {
      const tell = (error?: Error): void => process.nextTick(() => this.#inContext(done, error))
      link.end().then(
        () => tell(),
        // The peer is gone already, and the reader is told how: shutdown(2).
        (error: ConnectError) => tell(error.code === 'ENOTCONN' ? undefined : error),
      )
    })
  }

  /** @internal */
  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.#idle?.stop()
    this.#cancel()
    this.#reader?.stop()
    // What was not sent is lost, and the peer must not take that for a proper end.
    if (this.#isReset) this.connection?.reset()
    else this.connection?.link.leave()
    this.#waiting.length = 0
    this.#toSend = undefined
    done(error)
    // As late as a net.Socket's, which comes after the immediates that 'error' has led to: postgres.js relies on it.
    process.nextTick(() => setImmediate(() => this.#close(error)))
  }

  #close(error: Error | null): void {
    const wasConnected = this.connection !== undefined
    if (error && wasConnected) this.#tellWriter(error)
    this.#tell('close', error !== null)
    // Not before: it stands in `errored` from then on, as if it were why this was destroyed.
    this.#tellWriter(error ?? neverSent(wasConnected))
  }

  /** Of a write that was under way when this was destroyed: the same as 'error' has told. */
  #tellWriter(error: Error): void {
    const done = this.#done
    this.#done = undefined
    this.#bytesUnderWay = 0
    if (done) guarded(() => this.#inContext(done, this.#isOut ? undefined : error))
  }

  readonly #onChunk = (data: Buffer): void => {
    this.#idle?.touch()
    this.#bytesRead += data.length
    if (!this.push(data)) this.#reader?.pause()
  }

  readonly #onEnd = (): void => {
    this.#idle?.touch()
    // Not before: clients take all listeners away when they put TLS on top.
    this.prependOnceListener('end', () => this.#endLater())
    this.push(null)
    // Where nobody reads, the end would not be noticed: as in net.Socket.
    this.read(0)
  }

  /** Node would end this side in the next tick, before TLS on top has written its farewell: so here it ends a turn later. */
  #endLater(): void {
    if (this.allowHalfOpen) return
    this.allowHalfOpen = true
    this.write = this.#writeAfterEnd
    setImmediate(() => {
      this.allowHalfOpen = false
      this.end()
    })
  }

  /** In place of `write()` once the peer has ended, and this side is to end with it. */
  readonly #writeAfterEnd: SocketLikeDuplex['write'] = (
    chunk: unknown,
    encoding?: BufferEncoding | Done,
    callback?: Done,
  ): boolean => {
    if (!this.writableEnded) return super.write(chunk, encoding as BufferEncoding, callback)
    const told = typeof encoding === 'function' ? encoding : callback
    const error = endedByPeer()
    if (told) process.nextTick(told, error)
    this.destroy(error)
    return false
  }

  #found(addresses: readonly InetAddress[]): void {
    this.#idle?.touch()
    this.#lookedUp += addresses.length
    if (this.#lookedUp > 1) this.autoSelectFamilyAttemptedAddresses ??= []
    for (const { address, family } of addresses) {
      this.#tellSoon('lookup', null, address, family === 'inet' ? 4 : 6, this._host)
    }
  }

  #attempting(address: SocketAddress): void {
    if (isInet(address)) {
      this.autoSelectFamilyAttemptedAddresses?.push(`${address.address}:${address.port}`)
    }
    // In net.Socket too the attempt at a unix socket begins before anybody can listen.
    if (isInet(address)) this.#tellSoon('connectionAttempt', ...placeOf(address))
  }

  /** Connected, and TLS is to follow. */
  #reached(ends: Ends, below: Moving): void {
    this.ends = ends
    this.#below = below
    this.#announce()
  }

  #connected(connection: Carrier): void {
    if (this.destroyed) return connection.reset()
    this.connection = this.ends = connection
    this.#cancel = () => {}
    for (const run of this.#waiting.splice(0)) run(connection)
    if (this.encrypted) {
      this.#tell('secureConnect')
      this.#sendWaiting()
    } else this.#announce()
    this.#readAhead()
  }

  #announce(): void {
    this.isReached = true
    if (this.destroyed) return
    this.#idle?.touch()
    this.#tell('connect')
    this.#sendWaiting()
    this.#tell('ready')
  }

  /** What was written, or ended, before there was a connection. */
  #sendWaiting(): void {
    if (this.destroyed || this.connection === undefined) return
    const send = this.#toSend
    this.#toSend = undefined
    send?.(this.connection)
  }

  /** In order, and not before the tick in which this was made is over: http.Agent hands it on in the next one. */
  #tellSoon(event: string, ...said: readonly unknown[]): void {
    const tell = (): void => {
      // A look-up that failed destroys it, and is told all the same.
      if (!this.destroyed || said[0] instanceof Error) this.#tell(event, ...said)
    }
    if (this.#soon === 0) return tell()
    this.#soon++
    process.nextTick(() => {
      this.#soon--
      tell()
    })
  }

  /** What a listener throws is its own, and keeps nothing else from being done. */
  #tell(event: string, ...said: readonly unknown[]): void {
    guarded(() => this.#inContext(() => void this.emit(event, ...said)))
  }

  /** A socket reads ahead, and so finds the peer's end although nobody listens. */
  #readAhead(): void {
    if (!this.destroyed && this.readable && !this.isPaused()) this.read(0)
  }

  #whenConnected(run: (connection: Carrier) => void): void {
    if (this.connection) run(this.connection)
    else if (!this.destroyed) this.#waiting.push(run)
  }

  #whenSending(send: (connection: Carrier) => void): void {
    if (this.connection) send(this.connection)
    else this.#toSend = send
  }

  #begin(bytes: number, done: Done): void {
    this.#bytesTaken += bytes
    this.#bytesUnderWay = bytes
    this.#done = done
  }

  readonly #onWritten: Done = (error) => {
    // Nobody is told anything inside of destroy().
    if (this.destroyed) {
      this.#isOut = error === undefined
      return
    }
    this.#idle?.touch()
    const done = this.#done as Done
    this.#done = undefined
    this.#bytesUnderWay = 0
    this.#inContext(done, error)
  }

  /** `length` bytes are owed. */
  #send(
    { link }: Carrier,
    data: Buffer,
    done: (error?: Error) => void,
    length = data.length,
  ): void {
    link.write(data, done, length)
    if (this.#idle === undefined) return
    this.#idle.touch()
    this.#unsent = link.unsentBytes
  }

  /**
   * Nothing came, and no write began or ended; but the peer may have taken a part of one, and below there may be a part of what
   * TLS has as one.
   */
  #idled(): void {
    const unsent = this.connection?.link.unsentBytes ?? 0
    if (unsent !== this.#unsent) {
      this.#unsent = unsent
      return this.#idle?.touch()
    }
    const quietSince = this.#core.clock.now() - (this.timeout as number)
    const movedAt = this.#below?.movedAt ?? Number.NEGATIVE_INFINITY
    if (movedAt > quietSince) this.#idle?.goOn(movedAt)
    else this.#tell('timeout')
  }

  /** What is refused, or unknown to this kind of socket, is left as it was, as in `net.Socket`. */
  #set<Name extends SocketOptionName>(name: Name, value: ValueOf<Name>): this {
    this.#whenConnected(({ closed, peerAddress, link }) => {
      const isKnown = link.core.backend.capabilities.options.includes(name)
      if (closed || !isKnown || !isInet(peerAddress)) return
      try {
        link.channel.setOption(name, value)
      } catch (error) {
        // A RangeError: beyond what the kernel takes.
        if (!(error instanceof ConnectError || error instanceof RangeError)) throw error
      }
    })
    return this
  }
}

/** As the events of a connect have it: the address, its port, and 4 or 6; of a unix socket the path alone. */
function placeOf(address: SocketAddress): readonly unknown[] {
  if (address.family === 'unix') return [address.path, undefined, undefined]
  if (!isInet(address)) return [formatAddress(address), address.port, undefined]
  return [address.address, address.port, address.family === 'inet' ? 4 : 6]
}

function goneError(): ConnectError {
  const reason = 'this Duplex was destroyed and connects no more: make another'
  return new ConnectError(ownFailure('ERR_CONNECTION_CLOSED', 'aborted', 'connect', reason))
}
