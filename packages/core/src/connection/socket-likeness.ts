/** What a `net.Socket`, and a `tls.TLSSocket`, tells of itself, told of a connection. */
import { Duplex } from 'node:stream'
import { isInet, type SocketAddress } from '../backend/address.js'
import type { TlsInfo } from '../tls/tls-info.js'
import type { Connection } from './connection.js'

/** Undefined, or as of no TLS, where nothing is connected yet. */
export abstract class SocketLikeDuplex extends Duplex {
  /** @internal */
  protected abstract readonly connection: Connection | undefined

  /** It is inside of TLS, as of `tls.TLSSocket`; so are the next ones. */
  get encrypted(): boolean {
    return this.connection?.tls !== undefined
  }

  get authorized(): boolean {
    return this.connection?.tls?.authorized ?? false
  }

  get alpnProtocol(): string | false {
    return this.connection?.tls?.alpnProtocol ?? false
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

  get remoteAddress(): string | undefined {
    return inetOf(this.connection?.peerAddress)?.address
  }

  get remotePort(): number | undefined {
    return inetOf(this.connection?.peerAddress)?.port
  }

  get remoteFamily(): string | undefined {
    return inetOf(this.connection?.peerAddress)?.family
  }

  get localAddress(): string | undefined {
    return inetOf(this.connection?.localAddress)?.address
  }

  get localPort(): number | undefined {
    return inetOf(this.connection?.localAddress)?.port
  }

  get localFamily(): string | undefined {
    return inetOf(this.connection?.localAddress)?.family
  }

  /** This side's address; `{}` where there is none, as on unix sockets. */
  address(): { address?: string; family?: string; port?: number } {
    return inetOf(this.connection?.localAddress) ?? {}
  }
}

function inetOf(address: SocketAddress | undefined) {
  if (address === undefined || !isInet(address)) return undefined
  const family = address.family === 'inet' ? 'IPv4' : 'IPv6'
  return { address: address.address, family, port: address.port }
}
