/** What all adapters stand on: sockets made by the reactor, for places as clients write them, and TLS over them. */

import { type ConnectionOptions, connect, type TLSSocket } from 'node:tls'
import {
  type ConnectionDuplex,
  type ConnectOptions,
  type DuplexOptions,
  type Endpoint,
  type Reactor,
  tcp,
  unix,
} from '@pollout/core'

/**
 * What an adapter needs of a reactor.
 *
 * @example
 * ```ts
 * import { type Dialer, httpAgent } from '@pollout/adapters/http'
 * import { createReactor } from 'pollout'
 *
 * // A reactor on which every socket has a deadline of its own.
 * const reactor = createReactor()
 * const hasty: Dialer = {
 *   duplex: (endpoint, options) => reactor.duplex(endpoint, { timeoutMs: 500, ...options }),
 * }
 * const agent = httpAgent(hasty)
 * ```
 */
export type Dialer = Pick<Reactor, 'duplex'>

/**
 * How each of a client's sockets is made: time limit, policy, socket options, local addresses. TLS is the client's to ask for.
 *
 * @example
 * ```ts
 * import { type DialOptions, httpAgent } from '@pollout/adapters/http'
 * import { createReactor, publicInternetOnly } from 'pollout'
 *
 * const outside: DialOptions = { policy: publicInternetOnly, timeoutMs: 2_000 }
 * const agent = httpAgent(createReactor(), { keepAlive: true }, outside)
 * ```
 */
export type DialOptions = Omit<ConnectOptions, 'tls'> & DuplexOptions

/** A place as clients have it in their options, and where to connect from. A path goes before a host. */
export interface Place {
  readonly host?: string | null | undefined
  readonly port?: number | string | null | undefined
  readonly path?: string | null | undefined
  readonly localAddress?: string | null | undefined
}

function endpointOfPlace({ host, port, path }: Place): Endpoint {
  return path ? unix(path) : tcp(withoutBrackets(host || 'localhost'), Number(port))
}

/** Throws InvalidEndpointError. The place's `localAddress` is that where `options` have none. */
export function dial(reactor: Dialer, place: Place, options?: DialOptions): ConnectionDuplex {
  const { localAddress } = place
  return dialEndpoint(reactor, endpointOfPlace(place), {
    ...(localAddress && { localAddress }),
    ...options,
  })
}

/** For where the client does not say where to. */
export function dialEndpoint(
  reactor: Dialer,
  endpoint: Endpoint | string,
  options?: DialOptions,
): ConnectionDuplex {
  return reactor.duplex(endpoint, options)
}

/** What Node and clients say of a socket's options where they make one; the times in milliseconds. */
export interface SocketWishes {
  readonly noDelay?: boolean | undefined
  readonly keepAlive?: boolean | undefined
  readonly keepAliveInitialDelay?: number | undefined
  readonly timeout?: number | undefined
}

/** As `net.connect()` does with such options. */
export function equip(duplex: ConnectionDuplex, wishes: SocketWishes): ConnectionDuplex {
  const { noDelay, keepAlive, keepAliveInitialDelay, timeout } = wishes
  if (noDelay) duplex.setNoDelay(true)
  if (keepAlive) duplex.setKeepAlive(true, keepAliveInitialDelay)
  return timeout ? duplex.setTimeout(timeout) : duplex
}

const OF_THE_SOCKET_BELOW = [
  ...['remoteAddress', 'remotePort', 'remoteFamily'],
  ...['localAddress', 'localPort', 'localFamily'],
  'autoSelectFamilyAttemptedAddresses',
] as const satisfies readonly (keyof ConnectionDuplex)[]

/** What is told of the socket below, and of one that TLS has made itself. */
const TOLD_BELOW = [
  ...['lookup', 'connectionAttempt', 'connectionAttemptFailed', 'connectionAttemptTimeout'],
  'ready',
]

/** TLS over a duplex. What a TLSSocket asks of a descriptor, which this one has not, is asked of the duplex. */
export function secure(duplex: ConnectionDuplex, options: ConnectionOptions): TLSSocket {
  return onTopOf(duplex, connect({ ...options, socket: duplex }), options)
}

/** See {@link secure}. */
export function onTopOf<Socket extends TLSSocket>(
  duplex: ConnectionDuplex,
  socket: Socket,
  { timeout }: SocketWishes = {},
): Socket {
  // TLS, which has looked at this already, ends the duplex itself when all that it has received is read.
  duplex.allowHalfOpen = true
  for (const name of OF_THE_SOCKET_BELOW) {
    Object.defineProperty(socket, name, { configurable: true, get: () => duplex[name] })
  }
  for (const event of TOLD_BELOW) duplex.on(event, (...said) => socket.emit(event, ...said))
  // Node sets it only on what it has made all of.
  if (timeout) socket.setTimeout(timeout)
  if (duplex.connecting) {
    // TLS over a stream takes it for connected. What is asked of it meanwhile waits for its 'connect', as ever.
    Object.assign(socket, { connecting: true })
    duplex.prependOnceListener('connect', () => {
      Object.assign(socket, { connecting: false })
      // The idle timeout runs from here on.
      if (socket.timeout) socket.setTimeout(socket.timeout)
      socket.emit('connect')
    })
  }
  const over = (act: () => void): Socket => {
    act()
    return socket
  }
  // Node asks TLS over a stream for nothing of this, and an idle socket would keep the process alive.
  return Object.assign(socket, {
    address: () => duplex.address(),
    ref: () => over(() => duplex.ref()),
    unref: () => over(() => duplex.unref()),
    setNoDelay: (noDelay?: boolean) => over(() => duplex.setNoDelay(noDelay)),
    setKeepAlive: (on?: boolean, delayMs?: number) => over(() => duplex.setKeepAlive(on, delayMs)),
  })
}

/** As URLs write IPv6 literals. */
function withoutBrackets(host: string): string {
  return host.startsWith('[') && host.endsWith(']') ? host.slice(1, -1) : host
}

/** The name to ask for in SNI: none for an address, RFC 6066 section 3. */
export function serverNameOf(host: string): string {
  const name = withoutBrackets(host)
  return /^[\d.]+$|:/.test(name) ? '' : name
}
