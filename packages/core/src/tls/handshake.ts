/** One TLS handshake over a link: to a channel inside of TLS, or to why there is none, within a deadline. */
import { type ConnectionOptions, connect, type PeerCertificate, type TLSSocket } from 'node:tls'
import { asError } from '../base/quote.js'
import { guarded } from '../base/uncaught.js'
import type { Failure } from '../errors/failure.js'
import type { Link } from '../link/link.js'
import { Expirable } from '../reactor/deadlines.js'
import type { Owned } from '../reactor/reactor-core.js'
import { CipherStream } from './cipher-stream.js'
import { TlsChannel } from './tls-channel.js'
import { beginFailure, lowerFailure, tlsDeadlineFailure, tlsFailure } from './tls-failure.js'
import { TlsInfo } from './tls-info.js'
import { checkSession, type TlsOptions, type TlsSetup } from './tls-options.js'

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
  /** Undefined where it could not be begun. */
  #stream: CipherStream | undefined
  #socket: TLSSocket | undefined
  readonly #onSecure = (): void => {
    if (this.#socket && this.#stream) this.#secured(this.#socket, this.#stream)
  }
  readonly #onError = (error: Error): void => {
    const errored = this.#stream?.errored
    this.#fail(errored ? lowerFailure(errored, true) : tlsFailure(error, 'tls', 'handshake'))
  }

  /** The link is its own from now on, and does nothing before `start()`. */
  constructor(link: Link, options: HandshakeOptions, owner: HandshakeOwner) {
    super()
    this.#link = link
    this.#options = options
    this.#owner = owner
  }

  /** Begins at once, and tells in a later turn. */
  start(): void {
    const { core } = this.#link
    // First, as the user's cache of sessions is asked next: it may put an end to this.
    core.own(this)
    try {
      this.#begin()
    } catch (cause) {
      // What that cache threw, or gave; or what node:tls refuses.
      core.later(() => this.#fail(beginFailure(cause)))
    }
    if (this.#owner === undefined) return
    this.#link.noteMoves()
    core.patience.add(this, this.#options.timeoutMs, core.clock.now())
  }

  /** Nothing is told any more, and the link is reset. */
  cancel(): void {
    if (this.#owner === undefined) return
    this.#settle()
    this.#giveUp()
  }

  override get movedAt(): number {
    return this.#link.movedAt
  }

  expire(): void {
    this.#fail(tlsDeadlineFailure(this.#options.limitMs))
  }

  reactorGone(why: Failure): void {
    this.#fail(why)
  }

  #begin(): void {
    // First what may fail: a stream that is handed to node:tls is hard to take back.
    const options = this.#connectionOptions()
    if (this.#owner === undefined) return
    this.#stream = new CipherStream(this.#link)
    this.#socket = connect({ ...options, socket: this.#stream })
    this.#socket.on('error', this.#onError)
    this.#socket.once('secureConnect', this.#onSecure)
    this.#keepSessions(this.#socket)
  }

  #connectionOptions(): ConnectionOptions {
    const { setup } = this.#options
    const { checkServerIdentity, alpnProtocols, sessions } = setup
    const session = setup.session ?? checkSession(sessions?.get(setup.sessionKey))
    return {
      secureContext: setup.context,
      host: setup.host,
      servername: setup.servername,
      rejectUnauthorized: setup.rejectUnauthorized,
      ...(alpnProtocols.length > 0 && { ALPNProtocols: [...alpnProtocols] }),
      ...(checkServerIdentity && { checkServerIdentity: judging(checkServerIdentity) }),
      ...(session && { session }),
    }
  }

  #keepSessions(socket: TLSSocket): void {
    const { sessions, sessionKey } = this.#options.setup
    if (sessions === undefined) return
    socket.on('session', (session: Buffer) => guarded(() => sessions.set(sessionKey, session)))
  }

  #secured(socket: TLSSocket, stream: CipherStream): void {
    const owner = this.#settle()
    socket.off('error', this.#onError)
    owner?.secured(new TlsChannel(socket, stream, this.#link), new TlsInfo(socket))
  }

  #fail(failure: Failure): void {
    if (this.#owner === undefined) return
    const { sessions, sessionKey } = this.#options.setup
    // It may have been the session that was not liked.
    if (failure.phase === 'tls') guarded(() => sessions?.delete(sessionKey))
    const owner = this.#settle()
    this.#giveUp()
    owner?.failed(failure)
  }

  #settle(): HandshakeOwner | undefined {
    const owner = this.#owner
    this.#owner = undefined
    this.#link.core.patience.remove(this)
    this.#link.core.disown(this)
    return owner
  }

  #giveUp(): void {
    this.#socket?.off('secureConnect', this.#onSecure)
    this.#link.reset()
    this.#socket?.destroy()
    this.#stream?.destroy()
  }
}

type IdentityCheck = NonNullable<TlsOptions['checkServerIdentity']>

/** The user's check as node:tls can call it: what it throws, or gives that is no error, ends the handshake as an error does. */
function judging(check: IdentityCheck): IdentityCheck {
  return (host: string, certificate: PeerCertificate) => {
    try {
      const wrong: unknown = check(host, certificate)
      if (!wrong) return undefined
      if (wrong instanceof Error) return wrong
      return new TypeError(`checkServerIdentity gave ${typeof wrong}, and no error`)
    } catch (thrown) {
      return asError(thrown)
    }
  }
}
