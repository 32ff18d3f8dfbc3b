/** A connection as Node's streams have it: a `Duplex` that carries what clients touch on a `net.Socket`. */
import { isInet } from '../backend/address.js'
import type { SocketOptionName } from '../backend/socket-options.js'
import { ConnectError, ownFailure } from '../errors.js'
import { captureContext, type InContext } from '../reactor/async-context.js'
import type { ReactorCore } from '../reactor/reactor-core.js'
import type { ValueOf } from '../socket/socket-calls.js'
import type { PausableReader } from './chunk-iterator.js'
import type { Connection } from './connection.js'
import { gather } from './gather.js'
import { IdleTimeout } from './idle-timeout.js'
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

/** Who connects for a Duplex that is not connected yet. */
export type DuplexConnector = (told: {
  connected(connection: Connection): void
  failed(error: Error): void
}) => () => void

type Done = (error?: Error | null) => void

interface Waiting {
  run(connection: Connection): void
  /** Told where there will be no connection. */
  readonly done: Done | undefined
}

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
  readonly #core: ReactorCore
  readonly #inContext: InContext
  /** @internal */
  protected connection: Connection | undefined
  #reader: PausableReader | undefined
  /** What was asked for before there was a connection, in order. */
  readonly #waiting: Waiting[] = []
  #cancel: () => void = () => {}
  /** `connect()` was called on what is connected: the event is still to come. */
  #announcing = false
  #isReset = false
  #idle: IdleTimeout | undefined
  #bytesRead = 0
  #bytesWritten = 0

  /** @internal Made by `Connection.toDuplex()` and `Reactor.duplex()`. */
  constructor(core: ReactorCore, options: DuplexOptions, source: Connection | DuplexConnector) {
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
    if (typeof source !== 'function') {
      this.connection = source
      process.nextTick(() => this.#readAhead())
    } else {
      this.#cancel = source({
        connected: (connection) => this.#connected(connection),
        failed: (error) => this.destroy(error),
      })
    }
  }

  /** The connection is not there yet, and the duplex not destroyed. */
  get connecting(): boolean {
    return !this.destroyed && (this.connection === undefined || this.#announcing)
  }

  /** The connection is not there: not yet, or it never was. */
  get pending(): boolean {
    return this.connection === undefined || this.#announcing
  }

  /** Which directions are open, in the words of `net.Socket`. */
  get readyState(): 'opening' | 'open' | 'readOnly' | 'writeOnly' | 'closed' {
    if (this.connecting) return 'opening'
    if (this.readable) return this.writable ? 'open' : 'readOnly'
    return this.writable ? 'writeOnly' : 'closed'
  }

  /** Bytes received so far. */
  get bytesRead(): number {
    return this.#bytesRead
  }

  /** Those that still wait included, as in `net.Socket`. */
  get bytesWritten(): number {
    return this.#bytesWritten + this.writableLength
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
    if (!this.connecting) {
      this.#announcing = true
      process.nextTick(() => this.#announce())
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

  /** Emits 'timeout' when nothing was sent or received for so long; 0 for never. Nothing else happens then. */
  setTimeout(timeoutMs: number, listener?: () => void): this {
    if (!(timeoutMs >= 0)) throw new RangeError(`${timeoutMs} ms is no timeout`)
    this.timeout = timeoutMs
    this.#idle?.stop()
    this.#idle = undefined
    if (timeoutMs === 0) {
      if (listener) this.off('timeout', listener)
    } else {
      if (listener) this.once('timeout', listener)
      const onIdle = (): void => this.#inContext(() => void this.emit('timeout'))
      if (!this.destroyed) this.#idle = new IdleTimeout(this.#core.clock, timeoutMs, onIdle)
    }
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

  /** Destroys it, and the peer is told by RST. */
  resetAndDestroy(): this {
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
    this.#whenConnected((connection) => this.#send(connection, chunk, done), done)
  }

  /** @internal */
  override _writev(chunks: { chunk: Buffer }[], done: Done): void {
    this.#whenConnected((connection) => {
      const parts = gather(chunks.map(({ chunk }) => chunk))
      // They go out in order, and where one fails so do all that follow: the last one tells for all.
      const last = parts.pop()
      for (const part of parts) this.#send(connection, part, () => {})
      if (last) this.#send(connection, last, done)
      else done()
    }, done)
  }

  /** @internal */
  override _final(done: Done): void {
    this.#whenConnected(({ link }) => {
      const tell = (error?: Error): void => process.nextTick(() => this.#inContext(done, error))
      link.end().then(
        () => tell(),
        // The peer is gone already, and the reader is told how: shutdown(2).
        (error: ConnectError) => tell(error.code === 'ENOTCONN' ? undefined : error),
      )
    }, done)
  }

  /** @internal */
  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    const connection = this.connection
    this.#idle?.stop()
    this.#cancel()
    this.#reader?.stop()
    // What was not sent is lost, and the peer must not take that for a proper end.
    if (this.#isReset) connection?.reset()
    else connection?.link.leave()
    for (const waiting of this.#waiting.splice(0)) waiting.done?.(error ?? goneError())
    done(error)
    const close = (): void => this.#inContext(() => void this.emit('close', error !== null))
    // As late as a net.Socket's, which comes after the immediates that 'error' has led to: postgres.js relies on it.
    process.nextTick(() => setImmediate(close))
  }

  readonly #onChunk = (data: Buffer): void => {
    this.#idle?.touch()
    this.#bytesRead += data.length
    if (!this.push(data)) this.#reader?.pause()
  }

  readonly #onEnd = (): void => {
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
    setImmediate(() => void this.end())
  }

  #connected(connection: Connection): void {
    if (this.destroyed) return connection.reset()
    this.connection = connection
    this.#cancel = () => {}
    for (const { run } of this.#waiting.splice(0)) run(connection)
    this.#inContext(() => this.#announce())
  }

  #announce(): void {
    this.#announcing = false
    if (this.destroyed) return
    this.emit('connect')
    this.emit('ready')
    if (this.encrypted) this.emit('secureConnect')
    this.#readAhead()
  }

  /** A socket reads ahead, and so finds the peer's end although nobody listens. */
  #readAhead(): void {
    if (!this.destroyed && this.readable && !this.isPaused()) this.read(0)
  }

  #whenConnected(run: (connection: Connection) => void, done?: Done): void {
    if (this.connection) run(this.connection)
    else if (!this.destroyed) this.#waiting.push({ run, done })
  }

  #send({ link }: Connection, data: Buffer, done: Done): void {
    this.#idle?.touch()
    link.write(data, (error) => {
      this.#idle?.touch()
      if (error === undefined) this.#bytesWritten += data.length
      this.#inContext(done, error)
    })
  }

  /** What is refused, or unknown to this kind of socket, is left as it was, as in `net.Socket`. */
  #set<Name extends SocketOptionName>(name: Name, value: ValueOf<Name>): this {
    this.#whenConnected(({ closed, peerAddress, link }) => {
      const isKnown = link.core.backend.capabilities.options.includes(name)
      if (closed || !isKnown || !isInet(peerAddress)) return
      try {
        link.channel.setOption(name, value)
      } catch (error) {
        if (!(error instanceof ConnectError)) throw error
      }
    })
    return this
  }
}

function goneError(): ConnectError {
  const reason = 'this Duplex was destroyed and connects no more: make another'
  return new ConnectError(ownFailure('ERR_CONNECTION_CLOSED', 'aborted', 'connect', reason))
}
