/** One item of a target list, a line of a file or an argument: how many targets it is, and each by its number. */
import { type Endpoint, formatEndpoint, parseEndpoint, tcp } from '@pollout/core'
import { type Exclusions, NOTHING_EXCLUDED } from './exclusions.js'
import { type Hosts, parseHosts } from './hosts.js'
import { InvalidTargetError, quoted } from './invalid-target.js'
import { LARGEST_PERMUTATION } from './permutation.js'
import { PortList, splitPorts } from './ports.js'

/** What a user's JSON line has besides the target: it comes back with the outcome. */
export type UserFields = Readonly<Record<string, unknown>>

export interface TargetItem {
  /** Without those that are excluded. */
  readonly count: number
  readonly excluded: number
  at(index: number): Endpoint
  readonly fields?: UserFields | undefined
}

/** Endpoints by URI; a host with a colon behind it that is followed by a slash, or no more, is one. */
const URI = /^(?:[a-z][a-z0-9+.-]*:\/\/|(?:unix|unixgram|unixpacket):)/i

/**
 * Reads `hosts`, `hosts:ports`, `[v6]:ports`, an endpoint's URI, or a JSON object with `endpoint`, or with `host` and
 * `port` (`ports`), and the user's own fields. `ports` are for hosts that come without. What is excluded is not among its targets. Throws an Error
 * whose message is one line.
 */
export function parseItem(
  text: string,
  ports: PortList | undefined,
  exclusions: Exclusions = NOTHING_EXCLUDED,
): TargetItem {
  if (text.startsWith('{')) return parseJson(text, ports, exclusions)
  if (URI.test(text)) return oneEndpoint(plain(parseEndpoint(text)), exclusions)
  const [hosts, ownPorts] = splitPorts(text)
  const given = ownPorts === undefined ? ports : PortList.parse(ownPorts)
  return product(parseHosts(hosts), given, exclusions, text)
}

function parseJson(text: string, ports: PortList | undefined, exclusions: Exclusions): TargetItem {
  const value = asObject(text)
  const { endpoint, host, port, ports: list, ...fields } = value
  const item = typeof endpoint === 'string' ? parseItem(endpoint, ports, exclusions) : undefined
  const own = port ?? list
  if (item === undefined && typeof host !== 'string') {
    throw new InvalidTargetError(
      'a JSON line needs "endpoint" (a URI), or "host" and "port"; other fields come back in the output',
    )
  }
  const ownPorts = own === undefined || item !== undefined ? ports : PortList.parse(String(own))
  const targets = item ?? product(parseHosts(String(host)), ownPorts, exclusions, String(host))
  return Object.keys(fields).length === 0 ? targets : { ...targets, fields }
}

function asObject(text: string): Record<string, unknown> {
  try {
    return JSON.parse(text)
  } catch {
    throw new InvalidTargetError(`${quoted(text)} begins like a JSON object, and is none`)
  }
}

function product(
  hosts: Hosts,
  ports: PortList | undefined,
  exclusions: Exclusions,
  text: string,
): TargetItem {
  if (ports === undefined) {
    const example = text.includes(':') ? `[${text}]:443` : `${text.slice(0, 60)}:443`
    throw new InvalidTargetError(
      `${quoted(text)} has no port; write ${example}, or give ports for all by -p`,
    )
  }
  const all = hosts.count * ports.count
  if (all > LARGEST_PERMUTATION) {
    throw new InvalidTargetError(`${quoted(text)} is more than 2^52 targets`)
  }
  if (hosts.range && !exclusions.isEmpty) {
    const { count, at } = exclusions.rangeLeft(hosts.range, ports)
    const endpointAt = (index: number): Endpoint => {
      const [nthHost, port] = at(index)
      return { scheme: 'tcp', host: hosts.at(nthHost), port }
    }
    return { count, excluded: all - count, at: endpointAt }
  }
  const left = exclusions.isEmpty ? ports : exclusions.portsLeft(hosts.at(0), ports)
  const count = hosts.count * left.count
  return {
    count,
    excluded: all - count,
    at: (index) => ({
      scheme: 'tcp',
      host: hosts.at(Math.floor(index / left.count)),
      port: left.at(index % left.count),
    }),
  }
}

function oneEndpoint(endpoint: Endpoint, exclusions: Exclusions): TargetItem {
  const isExcluded = !exclusions.isEmpty && 'host' in endpoint && exclusions.excludes(endpoint)
  return { count: isExcluded ? 0 : 1, excluded: isExcluded ? 1 : 0, at: () => endpoint }
}

/** A fan-out makes its handshakes after the connects, and only where `--tls` asks for them. */
function plain(endpoint: Endpoint): Endpoint {
  if (endpoint.scheme !== 'tls') return endpoint
  const uri = formatEndpoint(tcp(endpoint.host, endpoint.port))
  throw new InvalidTargetError(`a target is no tls:// endpoint; write ${uri}, and --tls`)
}
