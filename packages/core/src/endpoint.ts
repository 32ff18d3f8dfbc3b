/** Endpoints: what a user wants to reach, as a value and as a URI with Go's network names. */
import { literalFamily } from './address.js'

export interface TcpEndpoint {
  readonly scheme: 'tcp'
  /** Host name or address literal, an IPv6 one without brackets, with a zone where it needs one. */
  readonly host: string
  /** 0 to 65535. Nobody can listen on port 0: a connect to it is refused. */
  readonly port: number
}

export interface UnixEndpoint {
  readonly scheme: 'unix'
  /** File-system path, or an abstract name with a leading NUL character (`@` in the URI form): unix(7). */
  readonly path: string
}

export type Endpoint = TcpEndpoint | UnixEndpoint

/** Bytes of `sun_path`, less the NUL that ends a path: unix(7). An abstract name may use them all. */
const LONGEST_UNIX_PATH = 107

const HOST_NAME =
  /^(?=.{1,253}\.?$)[\p{L}\p{N}_]([\p{L}\p{N}_-]{0,61}[\p{L}\p{N}_])?(\.[\p{L}\p{N}_]([\p{L}\p{N}_-]{0,61}[\p{L}\p{N}_])?)*\.?$/u
/** getaddrinfo takes `127.1` and `0x7f000001` for addresses; here a name whose last label is a number is a mistake. */
const NUMERIC_LAST_LABEL = /(^|\.)(\d+|0x[0-9a-f]*)\.?$/i
const TCP_URI = /^tcp:\/\/(?:\[([^\]]*)\]|([^:/?#[\]@]*))(?::([^:/?#[\]@]*))?$/

/** An endpoint that can't be one. `message` says what is wrong and how it is written. */
export class InvalidEndpointError extends TypeError {
  override readonly name = 'InvalidEndpointError'
  readonly code = 'ERR_INVALID_ENDPOINT'
}

/** A TCP endpoint. Throws {@link InvalidEndpointError} for a host or port that can't be one. */
export function tcp(host: string, port: number): TcpEndpoint {
  if (typeof host !== 'string' || (literalFamily(host) === undefined && !isHostName(host))) {
    throw new InvalidEndpointError(
      `${quote(host)} is neither a host name nor an IP address; write tcp://host:port or tcp://[v6]:port`,
    )
  }
  if (!Number.isInteger(port) || port < 0 || port > 65_535) {
    throw new InvalidEndpointError(`port ${quote(port)} is not a whole number from 0 to 65535`)
  }
  return { scheme: 'tcp', host, port }
}

function isHostName(host: string): boolean {
  return HOST_NAME.test(host) && !NUMERIC_LAST_LABEL.test(host)
}

/** A Unix-domain endpoint; `@name` or a leading NUL means the abstract namespace. Throws {@link InvalidEndpointError}. */
export function unix(path: string): UnixEndpoint {
  if (typeof path !== 'string') {
    throw new InvalidEndpointError(`${quote(path)} is not a unix path; write unix:/run/x.sock`)
  }
  const raw = path.startsWith('@') ? `\0${path.slice(1)}` : path
  if (raw === '' || raw === '\0') {
    throw new InvalidEndpointError(
      'a unix endpoint needs a path: write unix:/run/x.sock or unix:@abstract',
    )
  }
  const longest = raw.startsWith('\0') ? LONGEST_UNIX_PATH + 1 : LONGEST_UNIX_PATH
  if (Buffer.byteLength(raw) > longest) {
    throw new InvalidEndpointError(
      `${quote(path)} is longer than the ${LONGEST_UNIX_PATH} bytes of a unix path`,
    )
  }
  if (raw.includes('\0', 1)) {
    throw new InvalidEndpointError(`${quote(path)} holds a NUL character, which ends a unix path`)
  }
  return { scheme: 'unix', path: raw }
}

/** Reads `tcp://host:port`, `tcp://[v6]:port`, `unix:/path` or `unix:@abstract`. Throws {@link InvalidEndpointError}. */
export function parseEndpoint(text: string): Endpoint {
  if (text.startsWith('unix:')) return unix(text.slice('unix:'.length))
  const match = TCP_URI.exec(text)
  if (match === null) {
    throw new InvalidEndpointError(
      `${quote(text)} is not an endpoint; write tcp://host:port, tcp://[v6]:port, unix:/path or unix:@name`,
    )
  }
  const [, bracketed, plain, port] = match
  if (bracketed !== undefined && literalFamily(bracketed) !== 'inet6') {
    throw new InvalidEndpointError(
      `${quote(bracketed)} is not an IPv6 address; brackets are for those only`,
    )
  }
  if (port === undefined || !/^\d{1,9}$/.test(port)) {
    throw new InvalidEndpointError(
      port === undefined || port === ''
        ? `${quote(text)} has no port; write tcp://host:port`
        : `port ${quote(port)} is not a whole number from 0 to 65535`,
    )
  }
  return tcp(bracketed ?? plain ?? '', Number(port))
}

/** The URI form, which {@link parseEndpoint} reads back. */
export function formatEndpoint(endpoint: Endpoint): string {
  if (endpoint.scheme === 'unix') {
    return endpoint.path.startsWith('\0')
      ? `unix:@${endpoint.path.slice(1)}`
      : `unix:${endpoint.path}`
  }
  const host = endpoint.host.includes(':') ? `[${endpoint.host}]` : endpoint.host
  return `tcp://${host}:${endpoint.port}`
}

/**
 * Takes an endpoint in either form and checks it, whoever made it. Returns a copy, so that what the caller does with
 * its object afterwards changes nothing here. Throws {@link InvalidEndpointError}.
 */
export function toEndpoint(endpoint: Endpoint | string): Endpoint {
  if (typeof endpoint === 'string') return parseEndpoint(endpoint)
  if (endpoint?.scheme === 'tcp') return tcp(endpoint.host, endpoint.port)
  if (endpoint?.scheme === 'unix') return unix(endpoint.path)
  throw new InvalidEndpointError(
    `${quote(endpoint)} is not an endpoint; make one with tcp(), unix() or parseEndpoint()`,
  )
}

/** Untrusted text for one line of a message: quoted, control characters escaped, cut at 80 characters. */
function quote(value: unknown): string {
  const text = JSON.stringify(String(value)) ?? ''
  return text.length <= 80 ? text : `${text.slice(0, 76)}..."`
}
