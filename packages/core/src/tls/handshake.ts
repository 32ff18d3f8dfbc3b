/** One TLS handshake over a link: to a channel inside of TLS, or to why there is none, within a deadline. */
import { type ConnectionOptions, connect, type TLSSocket } from 'node:tls'
import type { Link } from '../connection/link.js'
import type { Failure } from '../errors.js'
import { Expirable } from '../reactor/deadlines.js'
import type { Owned } from '../reactor/reactor-core.js'
import { CipherStream } from './cipher-stream.js'
import { TlsChannel } from './tls-channel.js'
import { lowerFailure, tlsDeadlineFailure, tlsFailure } from './tls-failure.js'
import { TlsInfo } from './tls-info.js'
import type { TlsSetup } from './tls-options.js'

export interface HandshakeOwner {
  secured(channel: TlsChannel, info: TlsInfo): void
  /** The link is closed. */
  failed(failure: Failure): void
}

export interface HandshakeOptions {
  readonly setup: TlsSetup
  readonly timeoutMs: number
  /** The limit that the user gave, for the message. */
  readonly limitMs: number
}

export class Handshake extends Expirable implements Owned {
  readonly #link: Link
  readonly #options: HandshakeOptions
  /** Undefined once it is told, or not wanted any more. */
  #owner: HandshakeOwner | undefined
  readonly #stream: CipherStream
  readonly #socket: TLSSocket
  readonly #onSecure = (): void => this.#secured()
  readonly #onError = (error: Error): void => {
    const { errored } = this.#stream
    this.#fail(errored ? lowerFailure(errored, true) : tlsFailure(error, 'tls', 'handshake'))
  }

  /** Begins at once, and tells in a later turn; the link is its own from now on. */
  constructor(link: Link, options: HandshakeOptions, owner: HandshakeOwner) {
    super()
    this.#link = link
    this.#options = options
    this.#owner = owner
    const { core } = link
    core.own(this)
    core.deadlines.add(this, options.timeoutMs, core.clock.now())
    this.#stream = new CipherStream(link)
    this.#socket = connect(this.#connectionOptions())
    this.#socket.on('error', this.#onError)
    this.#socket.once('secureConnect', this.#onSecure)
    this.#keepSessions()
  }

  /** Nothing is told any more, and the link is reset. */
  cancel(): void {
    if (this.#owner === undefined) return
    this.#settle()
    this.#giveUp()
  }

  expire(): void {
    this.#fail(tlsDeadlineFailure(this.#options.limitMs))
  }

  reactorGone(why: Failure): void {
    this.#fail(why)
  }

  #connectionOptions(): ConnectionOptions {
    const { setup } = this.#options
    const { checkServerIdentity, alpnProtocols, sessions } = setup
    const session = setup.session ?? sessions?.get(setup.sessionKey)
    return {
      socket: this.#stream,
      secureContext: setup.context,
      host: setup.host,
      servername: setup.servername,
      rejectUnauthorized: setup.rejectUnauthorized,
      ...(alpnProtocols.length > 0 && { ALPNProtocols: [...alpnProtocols] }),
      ...(checkServerIdentity && { checkServerIdentity }),
      ...(session && { session }),
    }
  }

  #keepSessions(): void {
    const { sessions, sessionKey } = this.#options.setup
    if (sessions) this.#socket.on('session', (session: Buffer) => sessions.set(sessionKey, session))
  }

  #secured(): void {
    const owner = this.#settle()
    this.#socket.off('error', this.#onError)
    owner?.secured(
      new TlsChannel(this.#socket, this.#stream, this.#link),
      new TlsInfo(this.#socket),
    )
  }

  #fail(failure: Failure): void {
    if (this.#owner === undefined) return
    const { sessions, sessionKey } = this.#options.setup
    // It may have been the session that was not liked.
    if (failure.phase === 'tls') sessions?.delete(sessionKey)
    const owner = this.#settle()
    this.#giveUp()
    owner?.failed(failure)
  }

  #settle(): HandshakeOwner | undefined {
    const owner = this.#owner
    this.#owner = undefined
    this.#link.core.deadlines.remove(this)
    this.#link.core.disown(this)
    return owner
  }

  #giveUp(): void {
    this.#socket.off('secureConnect', this.#onSecure)
    this.#link.reset()
    this.#socket.destroy()
  }
}
