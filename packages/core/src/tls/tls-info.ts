/** What a TLS handshake has led to. */
import type { CipherNameAndProtocol, PeerCertificate, TLSSocket } from 'node:tls'

/**
 * What a TLS handshake has led to, as it was when it ended.
 *
 * @example
 * ```ts
 * import { createReactor, type TlsInfo } from 'pollout'
 *
 * function log({ protocol, alpnProtocol, peerCertificate }: TlsInfo): void {
 *   console.log(protocol, alpnProtocol, peerCertificate?.valid_to)
 * }
 * createReactor()
 *   .connect('tls://example.net:443')
 *   .subscribe(({ tls }) => tls && log(tls))
 * ```
 */
export class TlsInfo {
  /** `TLSv1.3`, `TLSv1.2`, ... */
  readonly protocol: string
  /** As `tls.TLSSocket.getCipher()` has it. */
  readonly cipher: CipherNameAndProtocol
  /** What was chosen of `alpnProtocols`; undefined where nothing was. */
  readonly alpnProtocol: string | undefined
  /** The name that was asked for (SNI). */
  readonly servername: string | undefined
  /** The peer has proved who it is. False only with `rejectUnauthorized: false`. */
  readonly authorized: boolean
  /** The code of what was wrong where it has not. */
  readonly authorizationError: string | undefined
  /** An earlier session was resumed: no certificates were exchanged. */
  readonly sessionReused: boolean
  readonly #socket: TLSSocket
  #certificate: PeerCertificate | undefined

  /** @internal */
  constructor(socket: TLSSocket) {
    const { alpnProtocol, authorized, authorizationError } = socket
    this.protocol = socket.getProtocol() ?? 'unknown'
    this.cipher = socket.getCipher()
    this.alpnProtocol = alpnProtocol === false || alpnProtocol === null ? undefined : alpnProtocol
    this.servername = (socket as { servername?: string | false }).servername || undefined
    this.authorized = authorized
    // Declared as Error; it is the code.
    this.authorizationError = authorized ? undefined : String(authorizationError)
    this.sessionReused = socket.isSessionReused()
    this.#socket = socket
  }

  /** As `tls.TLSSocket.getPeerCertificate()` has it; undefined where there is none, or when first asked for once closed. */
  get peerCertificate(): PeerCertificate | undefined {
    if (this.#certificate === undefined) {
      const certificate = this.#socket.getPeerCertificate() as PeerCertificate | null | undefined
      if (certificate && Object.keys(certificate).length > 0) this.#certificate = certificate
    }
    return this.#certificate
  }
}
