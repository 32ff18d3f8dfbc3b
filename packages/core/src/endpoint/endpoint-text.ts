/** Endpoints as URIs, with Go's network names: `tcp://host:port`, `unix:/path`, ... there and back. */
import { literalFamily } from '../backend/address.js'
import { quote } from '../base/quote.js'
import {
  type Endpoint,
  InvalidEndpointError,
  tcp,
  tls,
  udp,
  unix,
  unixgram,
  unixpacket,
  vsock,
} from './endpoint.js'

const PATHS = { unix, unixgram, unixpacket } as const
const HOSTS = { tcp, tls, udp } as const

const PATH_URI = /^(unix|unixgram|unixpacket):(.*)$/s
const HOST_URI = /^(tcp|tls|udp):\/\/(?:\[([^\]]*)\]|([^:/?#[\]@]*))(?::([^:/?#[\]@]*))?$/
const VSOCK_URI = /^vsock:\/\/(\d{1,10}):(\d{1,10})$/

/**
 * Reads `tcp://host:port`, `tcp://[v6]:port`, `tls://...` and `udp://...` likewise, `unix:/path` or `unix:@abstract`, `unixgram:` and
 * `unixpacket:` likewise, or `vsock://cid:port`. Throws {@link InvalidEndpointError}.
 *
 * @example
 * ```ts
 * import { parseEndpoint } from 'pollout'
 *
 * parseEndpoint('tcp://[::1]:6379') // { scheme: 'tcp', host: '::1', port: 6379 }
 * parseEndpoint('unix:@metrics') // { scheme: 'unix', path: '\0metrics' }
 * ```
 */
export function parseEndpoint(text: string): Endpoint {
  if (typeof text !== 'string') throw notOne(text)
  const path = PATH_URI.exec(text)
  if (path) return PATHS[path[1] as keyof typeof PATHS](path[2] ?? '')
  if (text.startsWith('vsock:')) return parseVsock(text)
  return parseInet(text)
}

function parseInet(text: string): Endpoint {
  const match = HOST_URI.exec(text)
  if (match === null) throw notOne(text)
  const [, name, bracketed, plain, port] = match
  const scheme = name as keyof typeof HOSTS
  if (bracketed !== undefined && literalFamily(bracketed) !== 'inet6') {
    throw new InvalidEndpointError(
      `${quote(bracketed)} is not an IPv6 address; brackets are for those only`,
    )
  }
  if (port === undefined || !/^\d{1,9}$/.test(port)) {
    throw new InvalidEndpointError(
      port === undefined || port === ''
        ? `${quote(text)} has no port; write ${scheme}://host:port`
        : `port ${quote(port)} is not a whole number from 0 to 65535`,
    )
  }
  return HOSTS[scheme](bracketed ?? plain ?? '', Number(port))
}

function parseVsock(text: string): Endpoint {
  const match = VSOCK_URI.exec(text)
  if (match) return vsock(Number(match[1]), Number(match[2]))
  throw new InvalidEndpointError(
    `${quote(text)} is not a vsock endpoint; write vsock://cid:port, both as numbers`,
  )
}

function notOne(text: unknown): InvalidEndpointError {
  return new InvalidEndpointError(
    `${quote(text)} is not an endpoint; write tcp://host:port, tcp://[v6]:port, unix:/path or unix:@name (also tls, udp, unixgram, unixpacket, vsock)`,
  )
}

/**
 * The URI form, which {@link parseEndpoint} reads back.
 *
 * @example
 * ```ts
 * import { formatEndpoint, tcp } from 'pollout'
 *
 * formatEndpoint(tcp('::1', 6379)) // 'tcp://[::1]:6379'
 * ```
 */
export function formatEndpoint(endpoint: Endpoint): string {
  if ('path' in endpoint) return `${endpoint.scheme}:${formatPath(endpoint.path)}`
  if ('cid' in endpoint) return `vsock://${endpoint.cid}:${endpoint.port}`
  const host = endpoint.host.includes(':') ? `[${endpoint.host}]` : endpoint.host
  return `${endpoint.scheme}://${host}:${endpoint.port}`
}

function formatPath(path: string): string {
  return path.startsWith('\0') ? `@${path.slice(1)}` : path
}

/**
 * Takes an endpoint in either form and checks it, whoever made it. Returns a copy, so that what the caller does with
 * its object afterwards changes nothing here. Throws {@link InvalidEndpointError}.
 *
 * @example
 * ```ts
 * import { type Endpoint, toEndpoint } from 'pollout'
 *
 * function schemeOf(target: Endpoint | string): Endpoint['scheme'] {
 *   return toEndpoint(target).scheme
 * }
 * ```
 */
export function toEndpoint(endpoint: Endpoint | string): Endpoint {
  if (typeof endpoint === 'string') return parseEndpoint(endpoint)
  // Each field is read once: a getter may say something else the next time.
  const scheme = endpoint?.scheme
  switch (scheme) {
    case 'tcp':
    case 'tls':
    case 'udp':
      return HOSTS[scheme](endpoint.host, endpoint.port)
    case 'unix':
    case 'unixgram':
    case 'unixpacket':
      return PATHS[scheme](endpoint.path)
    case 'vsock':
      return vsock(endpoint.cid, endpoint.port)
    default:
      throw new InvalidEndpointError(
        `${quote(endpoint)} is not an endpoint; make one with tcp(), unix(), ... or parseEndpoint()`,
      )
  }
}
