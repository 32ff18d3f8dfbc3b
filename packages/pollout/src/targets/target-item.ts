/** One item of a target list, a line of a file or an argument: how many targets it is, and each by its number. */
import { type Endpoint, formatEndpoint, parseEndpoint, tcp } from '@pollout/core'
import { type Hosts, parseHosts } from './hosts.js'
import { InvalidTargetError, quoted } from './invalid-target.js'
import { LARGEST_PERMUTATION } from './permutation.js'
import { PortList } from './ports.js'

/** What a user's JSON line has besides the target: it comes back with the outcome. */
export type UserFields = Readonly<Record<string, unknown>>

export interface TargetItem {
  readonly count: number
  at(index: number): Endpoint
  readonly fields?: UserFields | undefined
}

/** Endpoints by URI; a host with a colon behind it that is followed by a slash, or no more, is one. */
const URI = /^(?:[a-z][a-z0-9+.-]*:\/\/|(?:unix|unixgram|unixpacket):)/i

/**
 * Reads `hosts`, `hosts:ports`, `[v6]:ports`, an endpoint's URI, or a JSON object with `endpoint`, or with `host` and
 * `port` (`ports`), and the user's own fields. `ports` are for hosts that come without. Throws an Error whose message is one line.
 */
export function parseItem(text: string, ports: PortList | undefined): TargetItem {
  if (text.startsWith('{')) return parseJson(text, ports)
  if (URI.test(text)) return new OneEndpoint(plain(parseEndpoint(text)))
  const [hosts, ownPorts] = splitPorts(text)
  return product(parseHosts(hosts), ownPorts === undefined ? ports : PortList.parse(ownPorts), text)
}

/** `[v6]:ports` and `hosts:ports` cut in two; an IPv6 address without brackets is all host. */
export function splitPorts(text: string): readonly [hosts: string, ports: string | undefined] {
  const [, bracketed, ownPorts] = /^\[([^\]]*)\](?::(.*))?$/.exec(text) ?? []
  if (bracketed !== undefined) return [bracketed, ownPorts]
  const colon = text.indexOf(':')
  if (colon === -1 || text.includes(':', colon + 1)) return [text, undefined]
  return [text.slice(0, colon), text.slice(colon + 1)]
}

function parseJson(text: string, ports: PortList | undefined): TargetItem {
  const value = asObject(text)
  const { endpoint, host, port, ports: list, ...fields } = value
  const item = typeof endpoint === 'string' ? parseItem(endpoint, ports) : undefined
  const own = port ?? list
  if (item === undefined && typeof host !== 'string') {
    throw new InvalidTargetError(
      'a JSON line needs "endpoint" (a URI), or "host" and "port"; other fields come back in the output',
    )
  }
  const ownPorts = own === undefined || item !== undefined ? ports : PortList.parse(String(own))
  const { count, at } = item ?? product(parseHosts(String(host)), ownPorts, String(host))
  return Object.keys(fields).length === 0 ? { count, at } : { count, at, fields }
}

function asObject(text: string): Record<string, unknown> {
  try {
    return JSON.parse(text)
  } catch {
    throw new InvalidTargetError(`${quoted(text)} begins like a JSON object, and is none`)
  }
}

function product(hosts: Hosts, ports: PortList | undefined, text: string): TargetItem {
  if (ports === undefined) {
    const example = text.includes(':') ? `[${text}]:443` : `${text.slice(0, 60)}:443`
    throw new InvalidTargetError(
      `${quoted(text)} has no port; write ${example}, or give ports for all by -p`,
    )
  }
  const count = hosts.count * ports.count
  if (count > LARGEST_PERMUTATION) {
    throw new InvalidTargetError(`${quoted(text)} is more than 2^52 targets`)
  }
  return {
    count,
    at: (index) => ({
      scheme: 'tcp',
      host: hosts.at(Math.floor(index / ports.count)),
      port: ports.at(index % ports.count),
    }),
  }
}

/** A fan-out makes its handshakes after the connects, and only where `--tls` asks for them. */
function plain(endpoint: Endpoint): Endpoint {
  if (endpoint.scheme !== 'tls') return endpoint
  const uri = formatEndpoint(tcp(endpoint.host, endpoint.port))
  throw new InvalidTargetError(`a target is no tls:// endpoint; write ${uri}, and --tls`)
}

class OneEndpoint implements TargetItem {
  readonly count = 1
  readonly at: () => Endpoint

  constructor(endpoint: Endpoint) {
    this.at = () => endpoint
  }
}
