/** What a `net.Socket`, and a `tls.TLSSocket`, tells of itself, told of a connection. */
import { Duplex } from 'node:stream'
import { isInet, type SocketAddress } from '../backend/address.js'
import type { TlsInfo } from '../tls/tls-info.js'
import type { Carrier } from './carrier.js'
import type { Ends } from './connect-progress.js'

/** Undefined, or as of no TLS, where nothing is connected yet. */
export abstract class SocketLikeDuplex extends Duplex {
  /** @internal */
  protected abstract readonly connection: Carrier | undefined
  /** @internal There before the connection is, where TLS is to follow. */
  protected abstract readonly ends: Ends | undefined
  /** @internal Has told 'connect', and was not asked to tell it anew. */
  protected abstract readonly isReached: boolean

  /** It is inside of TLS, or will be, as of `tls.TLSSocket`; so are the next ones. */
  abstract readonly encrypted: boolean

  /** The handshake is still to come, or under way. */
  get secureConnecting(): boolean {
    return this.encrypted && this.connection === undefined
  }

  get authorized(): boolean {
    return this.connection?.tls?.authorized ?? false
  }

  /** The code of what was wrong with the peer's certificate; null where nothing was. */
  get authorizationError(): string | null {
    return this.connection?.tls?.authorizationError ?? null
  }

  /** The name that was asked for; null where none was. */
  get servername(): string | null {
    return this.connection?.tls?.servername ?? null
  }

  get alpnProtocol(): string | false {
    return this.connection?.tls?.alpnProtocol ?? false
  }

  /** See {@link Connection.truncated}; to be asked from 'end' on. */
  get truncated(): boolean {
    return this.connection?.truncated ?? false
  }

  getPeerCertificate(): NonNullable<TlsInfo['peerCertificate']> | Record<string, never> {
    return this.connection?.tls?.peerCertificate ?? {}
  }

  getProtocol(): string | null {
    return this.connection?.tls?.protocol ?? null
  }

  getCipher(): TlsInfo['cipher'] | undefined {
    return this.connection?.tls?.cipher
  }

  isSessionReused(): boolean {
    return this.connection?.tls?.sessionReused ?? false
  }

  /** It is not connected yet, and not destroyed. */
  get connecting(): boolean {
    return !this.destroyed && !this.isReached
  }

  /** There is nothing connected: not yet, or no more. */
  get pending(): boolean {
    return this.destroyed || !this.isReached
  }

  /** Which directions are open, in the words of `net.Socket`. */
  get readyState(): 'opening' | 'open' | 'readOnly' | 'writeOnly' | 'closed' {
    if (this.connecting) return 'opening'
    if (this.readable) return this.writable ? 'open' : 'readOnly'
    return this.writable ? 'writeOnly' : 'closed'
  }

  /** The older name of `writableLength`; undefined once destroyed. */
  get bufferSize(): number | undefined {
    return this.destroyed ? undefined : this.writableLength
  }

  get remoteAddress(): string | undefined {
    return inetOf(this.ends?.peerAddress)?.address
  }

  get remotePort(): number | undefined {
    return inetOf(this.ends?.peerAddress)?.port
  }

  get remoteFamily(): string | undefined {
    return inetOf(this.ends?.peerAddress)?.family
  }

  get localAddress(): string | undefined {
    return inetOf(this.ends?.localAddress)?.address
  }

  get localPort(): number | undefined {
    return inetOf(this.ends?.localAddress)?.port
  }

  get localFamily(): string | undefined {
    return inetOf(this.ends?.localAddress)?.family
  }

  /** This side's address; `{}` where there is none, as on unix sockets. */
  address(): { address?: string; family?: string; port?: number } {
    return inetOf(this.ends?.localAddress) ?? {}
  }
}

function inetOf(address: SocketAddress | undefined) {
  if (address === undefined || !isInet(address)) return undefined
  const family = address.family === 'inet' ? 'IPv4' : 'IPv6'
  return { address: address.address, family, port: address.port }
}
