/** The channel inside of TLS: what node:tls decrypts and encrypts, in the terms of a non-blocking socket. */
import type { TLSSocket } from 'node:tls'
import type { SocketAddress } from '../backend/address.js'
import type { CloseMode, SystemResult } from '../backend/backend.js'
import { errno } from '../backend/errno.js'
import { Interest } from '../backend/readiness.js'
import type { SocketOptionName } from '../backend/socket-options.js'
import { guarded } from '../base/uncaught.js'
import type { Failure } from '../errors/failure.js'
import { transferFailure } from '../errors/failures.js'
import type { Channel, ChannelListener } from '../link/channel.js'
import type { Link } from '../link/link.js'
import type { Timer } from '../reactor/clock.js'
import { waitAtMost } from '../reactor/patience.js'
import { unsupported, type ValueOf } from '../socket/socket-calls.js'
import type { TcpInfo } from '../socket/tcp-info.js'
import type { CipherStream } from './cipher-stream.js'
import { lowerFailure, tlsFailure, truncatedFailure } from './tls-failure.js'

/** What one call takes at most; TLS cuts it into records of 16 KiB. */
const SEND_BYTES = 64 * 1024
/** How long a graceful close waits for the peer's, where it has to. */
const LINGER_MS = 1_000
const BOTH = Interest.READABLE | Interest.WRITABLE

export class TlsChannel implements Channel {
  readonly #socket: TLSSocket
  readonly #stream: CipherStream
  readonly #lower: Link
  #listener: ChannelListener | undefined
  #interest: Interest = 0
  #isReporting = false
  #failure: Failure | undefined
  #hasEnded = false
  #isTruncated = false
  #hasReceived = false
  /** write() has answered false, and 'drain' is to come. */
  #isFull = false
  /** Writes that node:tls has been given, and that it has called back for: then the kernel has them. */
  #given = 0
  #out = 0
  readonly #waiting: { readonly upTo: number; told(isOut: boolean): void }[] = []

  constructor(socket: TLSSocket, stream: CipherStream, lower: Link) {
    this.#socket = socket
    this.#stream = stream
    this.#lower = lower
    stream.gate(false)
    // Before node:tls hears of FIN: at close_notify it has ended its own stream already, and tells of neither.
    stream.prependOnceListener('end', () => {
      this.#isTruncated = !hasBeenEnded(socket)
    })
    socket.on('readable', () => this.#report(Interest.READABLE))
    socket.on('end', () => {
      this.#hasEnded = true
      this.#report(Interest.READABLE)
    })
    socket.on('drain', () => {
      this.#isFull = false
      this.#report(Interest.WRITABLE)
    })
    socket.on('error', (error) => this.#fail(this.#failureOf(error)))
    socket.on('close', () => this.#fail(truncatedFailure('receive', 'recv')))
  }

  get localAddress(): SocketAddress | undefined {
    return this.#lower.channel.localAddress
  }

  get truncated(): boolean {
    return this.#isTruncated
  }

  get heldBytes(): number {
    return this.#socket.writableLength + this.#lower.unsentBytes
  }

  get below(): Link {
    return this.#lower
  }

  attach(listener: ChannelListener): void {
    this.#listener = listener
  }

  want(interest: Interest): void {
    this.#interest |= interest
    if (interest & Interest.READABLE) {
      this.#stream.gate(true)
      // An end that came with the last data is told only to who reads once more.
      if (this.#socket.readableLength === 0) this.#socket.read(0)
    }
    if (this.#due() !== 0) this.#reportLater()
  }

  unwant(interest: Interest): void {
    this.#interest &= ~interest
    if (interest & Interest.READABLE) this.#stream.gate(false)
  }

  keepAlive(wanted: boolean): void {
    this.#lower.channel.keepAlive(wanted)
  }

  receive(into: Uint8Array): SystemResult {
    const { readableLength } = this.#socket
    const chunk = this.#socket.read(
      readableLength === 0 ? undefined : Math.min(readableLength, into.length),
    ) as Buffer | null
    if (chunk !== null) {
      this.#hasReceived = true
      into.set(chunk)
      return chunk.length
    }
    if (this.#hasEnded) return 0
    return this.#failure ? -errno.EPROTO : -errno.EAGAIN
  }

  send(data: Uint8Array, offset: number): SystemResult {
    if (this.#failure || !this.#socket.writable) return -errno.EPIPE
    if (this.#isFull) return -errno.EAGAIN
    // Copied: node:tls keeps it until it is encrypted, and the caller's may change once it is taken.
    const part = Buffer.from(data.subarray(offset, offset + SEND_BYTES))
    this.#given++
    this.#isFull = !this.#socket.write(part, (error) => this.#written(error))
    return part.length
  }

  whenOut(told: (isOut: boolean) => void): void {
    if (this.#failure || this.#out === this.#given) told(!this.#failure)
    else this.#waiting.push({ upTo: this.#given, told })
  }

  /** Tells the peer by close_notify, and by FIN. */
  shutdown(): SystemResult {
    this.#socket.end()
    return 0
  }

  failureOf(result: SystemResult, phase: 'receive' | 'send', syscall: string): Failure {
    return this.#failure
      ? { ...this.#failure, phase, syscall }
      : transferFailure(result, phase, syscall)
  }

  /**
   * Everything taken is out, and close_notify behind it. The peer of a TLS 1.3 session sends tickets that nobody asked for;
   * closed with those unread, the kernel would send RST, and the peer lose what it has not read: so they are read.
   */
  finish(): Promise<void> | undefined {
    const socket = this.#socket
    if (this.#failure || socket.destroyed) return undefined
    const lingers = socket.getProtocol() === 'TLSv1.3' && !this.#hasReceived && !this.#hasEnded
    this.#stream.gate(true)
    socket.removeAllListeners('readable')
    socket.resume()
    socket.end()
    return new Promise((resolve) => {
      let timer: Timer | undefined
      const over = (): void => {
        timer?.cancel()
        resolve()
      }
      const sent = (): void => {
        if (lingers) timer = waitAtMost(this.#lower.core, LINGER_MS, over, this.#lower)
        else over()
      }
      socket.once('close', over)
      if (socket.writableFinished) sent()
      else socket.once('finish', sent)
    })
  }

  close(mode: CloseMode): void {
    this.#listener = undefined
    // Nothing is lost: what there was to send is out, or not wanted.
    if (mode === 'reset') this.#lower.reset()
    else void this.#lower.close()
    this.#socket.destroy()
  }

  setOption<Name extends SocketOptionName>(name: Name, value: ValueOf<Name>): void {
    this.#lower.channel.setOption(name, value)
  }

  getOption<Name extends SocketOptionName>(name: Name): ValueOf<Name> {
    return this.#lower.channel.getOption(name)
  }

  tcpInfo(): TcpInfo {
    return this.#lower.channel.tcpInfo()
  }

  detach(): number {
    const what = 'giving the descriptor of a TLS connection away: use toDuplex()'
    throw unsupported(this.#lower.core.backend, what)
  }

  /** Of what is wanted, what can be done now. */
  #due(): Interest {
    if (this.#failure) return this.#interest
    const readable = this.#hasEnded || this.#socket.readableLength > 0 ? Interest.READABLE : 0
    return this.#interest & (readable | (this.#isFull ? 0 : Interest.WRITABLE))
  }

  #reportLater(): void {
    if (this.#isReporting) return
    this.#isReporting = true
    this.#lower.core.later(() => {
      this.#isReporting = false
      this.#report(this.#due())
    })
  }

  #report(ready: Interest): void {
    const due = this.#interest & ready
    if (due === 0) return
    this.#interest &= ~due
    guarded(() => this.#listener?.ready(due))
  }

  /** An error is told by 'error' or 'close', which know why. */
  #written(error: Error | null | undefined): void {
    if (error) return
    this.#out++
    while (this.#waiting[0] && this.#waiting[0].upTo <= this.#out) this.#waiting.shift()?.told(true)
  }

  #fail(failure: Failure): void {
    this.#failure ??= failure
    for (const { told } of this.#waiting.splice(0)) told(false)
    this.#report(BOTH)
  }

  #failureOf(error: Error): Failure {
    const { errored } = this.#stream
    return errored ? lowerFailure(errored, false) : tlsFailure(error, 'receive', 'recv')
  }
}

/** Nothing more will be pushed into it, though some of it may still be unread: of that Node's streams have no public word. */
function hasBeenEnded(socket: TLSSocket): boolean {
  const { _readableState } = socket as unknown as { _readableState: { ended: boolean } }
  return _readableState.ended
}
