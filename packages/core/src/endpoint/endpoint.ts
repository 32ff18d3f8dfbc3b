/**
 * Endpoints: what a user wants to reach, as a value. Their form as text is in `endpoint-text.ts`.
 *
 * One file, as each kind of endpoint is a type, a function and an example, and nobody looks for one of them alone.
 */

import {
  type InetAddress,
  literalFamily,
  type SocketAddress,
  type SocketType,
} from '../backend/address.js'
import { isPort, isUnsigned } from '../backend/arguments.js'
import { unixPathProblem } from '../backend/unix-path.js'
import { knowAcrossCopies } from '../base/across-copies.js'
import { quote } from '../base/quote.js'

/**
 * A byte stream over TCP: tcp(7).
 *
 * @example
 * ```ts
 * import type { TcpEndpoint } from 'pollout'
 *
 * const redis: TcpEndpoint = { scheme: 'tcp', host: '::1', port: 6379 } // tcp://[::1]:6379
 * ```
 */
export interface TcpEndpoint {
  readonly scheme: 'tcp'
  /** Host name or address literal, an IPv6 one without brackets, with a zone where it needs one. */
  readonly host: string
  /** 0 to 65535. Nobody can listen on port 0: a connect to it is refused. */
  readonly port: number
}

/**
 * TLS over TCP: a connect to it is over when the handshake is, and the connection carries what is inside.
 *
 * @example
 * ```ts
 * import type { TlsEndpoint } from 'pollout'
 *
 * const site: TlsEndpoint = { scheme: 'tls', host: 'example.net', port: 443 } // tls://example.net:443
 * ```
 */
export interface TlsEndpoint {
  readonly scheme: 'tls'
  /** As that of a {@link TcpEndpoint}; also the name that the certificate has to be for. */
  readonly host: string
  /** 0 to 65535. */
  readonly port: number
}

/**
 * A connected datagram socket: connect(2) sets the peer, and what others send is not heard. udp(7).
 *
 * @example
 * ```ts
 * import type { UdpEndpoint } from 'pollout'
 *
 * const dns: UdpEndpoint = { scheme: 'udp', host: '192.0.2.53', port: 53 } // udp://192.0.2.53:53
 * ```
 */
export interface UdpEndpoint {
  readonly scheme: 'udp'
  /** As that of a {@link TcpEndpoint}. */
  readonly host: string
  /** 0 to 65535. To port 0 nothing can be sent: EINVAL. */
  readonly port: number
}

/**
 * A byte stream between processes of one machine: SOCK_STREAM of unix(7).
 *
 * @example
 * ```ts
 * import type { UnixEndpoint } from 'pollout'
 *
 * const docker: UnixEndpoint = { scheme: 'unix', path: '/run/docker.sock' } // unix:/run/docker.sock
 * const abstract: UnixEndpoint = { scheme: 'unix', path: '\0metrics' } // unix:@metrics
 * ```
 */
export interface UnixEndpoint {
  readonly scheme: 'unix'
  /** File-system path, or an abstract name with a leading NUL character (`@` in the URI form): unix(7). */
  readonly path: string
}

/**
 * Reliable datagrams between processes of one machine: SOCK_DGRAM of unix(7).
 *
 * @example
 * ```ts
 * import type { UnixgramEndpoint } from 'pollout'
 *
 * const syslog: UnixgramEndpoint = { scheme: 'unixgram', path: '/dev/log' } // unixgram:/dev/log
 * ```
 */
export interface UnixgramEndpoint {
  readonly scheme: 'unixgram'
  /** As that of a {@link UnixEndpoint}. */
  readonly path: string
}

/**
 * A connection that keeps the boundaries of messages: SOCK_SEQPACKET of unix(7).
 *
 * @example
 * ```ts
 * import type { UnixpacketEndpoint } from 'pollout'
 *
 * const udev: UnixpacketEndpoint = { scheme: 'unixpacket', path: '/run/udev/control' }
 * ```
 */
export interface UnixpacketEndpoint {
  readonly scheme: 'unixpacket'
  /** As that of a {@link UnixEndpoint}. */
  readonly path: string
}

/**
 * A byte stream between a virtual machine and its host: vsock(7).
 *
 * @example
 * ```ts
 * import type { VsockEndpoint } from 'pollout'
 *
 * const onTheHost: VsockEndpoint = { scheme: 'vsock', cid: 2, port: 1024 } // vsock://2:1024
 * ```
 */
export interface VsockEndpoint {
  readonly scheme: 'vsock'
  /** Context identifier: 1 is this machine, 2 its host. An unsigned 32-bit number. */
  readonly cid: number
  /** An unsigned 32-bit number. */
  readonly port: number
}

/**
 * What to connect to, as a value. Wherever one is taken, its URI will do as well; {@link parseEndpoint} has the forms.
 *
 * @example
 * ```ts
 * import { createReactor, type Endpoint, tcp, unix } from 'pollout'
 *
 * const servers: readonly Endpoint[] = [tcp('192.0.2.1', 6379), unix('/run/redis.sock')]
 * const reactor = createReactor()
 * for (const server of servers) {
 *   reactor.connect(server).subscribe({ next: (it) => it.reset(), error: console.error })
 * }
 * ```
 */
export type Endpoint =
  | TcpEndpoint
  | TlsEndpoint
  | UdpEndpoint
  | UnixEndpoint
  | UnixgramEndpoint
  | UnixpacketEndpoint
  | VsockEndpoint

const HOST_NAME =
  /^(?=.{1,253}\.?$)[\p{L}\p{N}_]([\p{L}\p{N}_-]{0,61}[\p{L}\p{N}_])?(\.[\p{L}\p{N}_]([\p{L}\p{N}_-]{0,61}[\p{L}\p{N}_])?)*\.?$/u
/** getaddrinfo takes `127.1` and `0x7f000001` for addresses; here a name whose last label is a number is a mistake. */
const NUMERIC_LAST_LABEL = /(^|\.)(\d+|0x[0-9a-f]*)\.?$/i
/** A host name of 253 bytes and its final dot. */
const LONGEST_HOST = 254

/**
 * An endpoint that can't be one. `message` says what is wrong and how it is written.
 *
 * @example
 * ```ts
 * import { InvalidEndpointError, tcp } from 'pollout'
 *
 * try {
 *   tcp('example.net', 65_536)
 * } catch (error) {
 *   if (error instanceof InvalidEndpointError) console.error(error.message)
 * }
 * ```
 */
export class InvalidEndpointError extends TypeError {
  override readonly name = 'InvalidEndpointError'
  readonly code = 'ERR_INVALID_ENDPOINT'
}
knowAcrossCopies(InvalidEndpointError, 'InvalidEndpointError')

/**
 * A TCP endpoint. Throws {@link InvalidEndpointError} for a host or port that can't be one.
 *
 * @example
 * ```ts
 * import { tcp } from 'pollout'
 *
 * const redis = tcp('::1', 6379) // as tcp://[::1]:6379
 * ```
 */
export function tcp(host: string, port: number): TcpEndpoint {
  checkInet('tcp', host, port)
  return { scheme: 'tcp', host, port }
}

/**
 * A TLS endpoint. Throws {@link InvalidEndpointError} for a host or port that can't be one.
 *
 * @example
 * ```ts
 * import { createReactor, tls } from 'pollout'
 *
 * createReactor()
 *   .connect(tls('example.net', 443), { tls: { alpnProtocols: ['h2', 'http/1.1'] } })
 *   .subscribe((connection) => console.log(connection.tls?.alpnProtocol))
 * ```
 */
export function tls(host: string, port: number): TlsEndpoint {
  checkInet('tls', host, port)
  return { scheme: 'tls', host, port }
}

/**
 * A UDP endpoint. Throws {@link InvalidEndpointError} for a host or port that can't be one.
 *
 * @example
 * ```ts
 * import { createReactor, udp } from 'pollout'
 * import { firstValueFrom } from 'rxjs'
 *
 * await using reactor = createReactor()
 * await using statsd = await firstValueFrom(reactor.connect(udp('127.0.0.1', 8125)))
 * await statsd.send('deploys:1|c')
 * ```
 */
export function udp(host: string, port: number): UdpEndpoint {
  checkInet('udp', host, port)
  return { scheme: 'udp', host, port }
}

/**
 * A Unix-domain stream endpoint; `@name` or a leading NUL means the abstract namespace. Throws
 * {@link InvalidEndpointError}.
 *
 * @example
 * ```ts
 * import { unix } from 'pollout'
 *
 * unix('/run/docker.sock') // as unix:/run/docker.sock
 * unix('@metrics') // in the abstract namespace, as unix:@metrics
 * ```
 */
export function unix(path: string): UnixEndpoint {
  return { scheme: 'unix', path: checkedPath('unix', path) }
}

/**
 * A Unix-domain datagram endpoint; its path is written as that of {@link unix}. Throws {@link InvalidEndpointError}.
 *
 * @example
 * ```ts
 * import { unixgram } from 'pollout'
 *
 * const syslog = unixgram('/dev/log') // as unixgram:/dev/log
 * ```
 */
export function unixgram(path: string): UnixgramEndpoint {
  return { scheme: 'unixgram', path: checkedPath('unixgram', path) }
}

/**
 * A Unix-domain packet endpoint; its path is written as that of {@link unix}. Throws {@link InvalidEndpointError}.
 *
 * @example
 * ```ts
 * import { unixpacket } from 'pollout'
 *
 * const udev = unixpacket('/run/udev/control') // as unixpacket:/run/udev/control
 * ```
 */
export function unixpacket(path: string): UnixpacketEndpoint {
  return { scheme: 'unixpacket', path: checkedPath('unixpacket', path) }
}

/**
 * A vsock endpoint. Throws {@link InvalidEndpointError} for numbers that are no unsigned 32-bit ones.
 *
 * @example
 * ```ts
 * import { vsock } from 'pollout'
 *
 * const onTheHost = vsock(2, 1024) // as vsock://2:1024
 * ```
 */
export function vsock(cid: number, port: number): VsockEndpoint {
  for (const [name, value] of Object.entries({ 'context identifier': cid, port })) {
    if (!isUnsigned(value)) {
      throw new InvalidEndpointError(
        `vsock ${name} ${quote(value)} is not a whole number from 0 to ${2 ** 32 - 1}`,
      )
    }
  }
  return { scheme: 'vsock', cid, port }
}

const SOCKET_TYPES: Readonly<Record<Endpoint['scheme'], SocketType>> = {
  tcp: 'stream',
  tls: 'stream',
  udp: 'dgram',
  unix: 'stream',
  unixgram: 'dgram',
  unixpacket: 'seqpacket',
  vsock: 'stream',
}

/**
 * The type of the socket that connects to such an endpoint.
 *
 * @example
 * ```ts
 * import { parseEndpoint, socketTypeOf } from 'pollout'
 *
 * socketTypeOf(parseEndpoint('unixpacket:/run/udev/control')) // 'seqpacket'
 * ```
 */
export function socketTypeOf({ scheme }: Endpoint): SocketType {
  return SOCKET_TYPES[scheme]
}

/**
 * The address that an endpoint stands for; undefined where its host is a name, which has to be resolved.
 *
 * @example
 * ```ts
 * import { addressOf, tcp } from 'pollout'
 *
 * addressOf(tcp('192.0.2.1', 80)) // { family: 'inet', address: '192.0.2.1', port: 80 }
 * addressOf(tcp('example.net', 80)) // undefined
 * ```
 */
export function addressOf(endpoint: Endpoint): SocketAddress | undefined {
  if ('path' in endpoint) return { family: 'unix', path: endpoint.path }
  if ('cid' in endpoint) return { family: 'vsock', cid: endpoint.cid, port: endpoint.port }
  const { host, port } = endpoint
  const family = literalFamily(host)
  return family && { family, address: host, port }
}

/**
 * The endpoint that a socket of this type has been connected to: for sockets that were connected elsewhere. The peer of
 * a socketpair(2) has no name, so its path is empty, and nobody can connect to it by that. Throws
 * {@link InvalidEndpointError} for what no endpoint stands for, as a vsock seqpacket socket.
 *
 * @example
 * ```ts
 * import { endpointOf, formatEndpoint } from 'pollout'
 *
 * const peer = endpointOf({ family: 'inet', address: '192.0.2.53', port: 53 }, 'dgram')
 * formatEndpoint(peer) // 'udp://192.0.2.53:53'
 * ```
 */
export function endpointOf(address: SocketAddress, type: SocketType): Endpoint {
  switch (address.family) {
    case 'unix':
      return { scheme: UNIX_SCHEMES[type], path: plainPath(address.path) }
    case 'vsock':
      if (type === 'stream') return { scheme: 'vsock', cid: address.cid, port: address.port }
      break
    default:
      return inetEndpointOf(address, type)
  }
  throw noEndpoint(address, type)
}

const UNIX_SCHEMES = { stream: 'unix', dgram: 'unixgram', seqpacket: 'unixpacket' } as const

/** A file whose name begins with `@` would be read as an abstract name. */
function plainPath(path: string): string {
  return path.startsWith('@') ? `./${path}` : path
}

function inetEndpointOf(address: InetAddress, type: SocketType): Endpoint {
  if (type === 'seqpacket') throw noEndpoint(address, type)
  const scheme = type === 'stream' ? 'tcp' : 'udp'
  return { scheme, host: address.address, port: address.port }
}

function noEndpoint({ family }: SocketAddress, type: SocketType): InvalidEndpointError {
  return new InvalidEndpointError(`no endpoint stands for a ${family} ${type} socket`)
}

function checkInet(scheme: string, host: unknown, port: unknown): void {
  if (typeof host !== 'string' || (literalFamily(host) === undefined && !isHostName(host))) {
    throw new InvalidEndpointError(
      `${quote(host)} is neither a host name nor an IP address; write ${scheme}://host:port or ${scheme}://[v6]:port`,
    )
  }
  if (!isPort(port)) {
    throw new InvalidEndpointError(`port ${quote(port)} is not a whole number from 0 to 65535`)
  }
}

function isHostName(host: string): boolean {
  return host.length <= LONGEST_HOST && HOST_NAME.test(host) && !NUMERIC_LAST_LABEL.test(host)
}

function checkedPath(scheme: string, path: unknown): string {
  if (typeof path !== 'string') {
    throw new InvalidEndpointError(`${quote(path)} is not a unix path; write ${scheme}:/run/x.sock`)
  }
  const raw = path.startsWith('@') ? `\0${path.slice(1)}` : path
  if (raw === '' || raw === '\0') {
    throw new InvalidEndpointError(
      `a ${scheme} endpoint needs a path: write ${scheme}:/run/x.sock or ${scheme}:@abstract`,
    )
  }
  const problem = unixPathProblem(raw)
  if (problem !== undefined) throw new InvalidEndpointError(`${quote(path)} ${problem}`)
  return raw
}
