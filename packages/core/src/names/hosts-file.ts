/** The names that this machine knows by itself: hosts(5), and `localhost`. No look-up of theirs waits for a server. */
import { literalFamily } from '../backend/address.js'
import { canonicalHost, isLocalhost } from './host-name.js'
import type { Resolver } from './resolver.js'
import { SystemFile, wordsOf } from './system-file.js'

const LOCALHOST = ['::1', '127.0.0.1'] as const

/** As nsswitch.conf(5) writes it; these are of this machine too, or read the hosts file themselves. */
const LOCAL_SERVICES = new Set(['files', 'mymachines', 'myhostname', 'resolve'])

export class LocalNames {
  readonly #hosts: SystemFile<ReadonlyMap<string, readonly string[]>>
  /** Whether the hosts file comes first where names are looked up; it does where nothing is said. */
  readonly #isFirst: SystemFile<boolean>

  constructor(hosts = '/etc/hosts', nsswitch = '/etc/nsswitch.conf') {
    this.#hosts = new SystemFile(hosts, parseHosts)
    this.#isFirst = new SystemFile(nsswitch, hasFilesFirst)
  }

  /** IPv6 first, as RFC 6724 has it; undefined for what is for others to say. */
  addresses(host: string): readonly string[] | undefined {
    const name = canonicalHost(host).replace(/\.$/, '')
    const isKnown = process.platform !== 'win32' && this.#isFirst.value
    const known = isKnown ? this.#hosts.value.get(name) : undefined
    return known ?? (isLocalhost(name) ? LOCALHOST : undefined)
  }
}

export const localNames = new LocalNames()

/**
 * A resolver that answers for the names which this machine knows by itself, at once, and asks `fallback` for all others: those of
 * /etc/hosts, if nsswitch.conf(5) has that first, and `localhost` with what is below it. The file is read again when it has
 * changed.
 *
 * @example
 * ```ts
 * import { boundedResolver, hostsFileResolver, type Resolver } from 'pollout'
 *
 * declare const directory: Resolver
 * const resolver = hostsFileResolver(boundedResolver(directory, { concurrency: 8 }))
 * ```
 */
export function hostsFileResolver(fallback: Resolver): Resolver {
  const { resolveFamily, asks } = fallback
  return {
    asks,
    resolve: async (host, context) => localNames.addresses(host) ?? fallback.resolve(host, context),
    ...(resolveFamily && {
      resolveFamily: async (host, family, context) =>
        localNames.addresses(host)?.filter((address) => literalFamily(address) === family) ??
        resolveFamily.call(fallback, host, family, context),
    }),
  }
}

function parseHosts(text: string): ReadonlyMap<string, readonly string[]> {
  const hosts = new Map<string, string[]>()
  for (const [address = '', ...names] of wordsOf(text, /#.*/)) {
    if (literalFamily(address) === undefined) continue
    for (const name of names) {
      const key = canonicalHost(name).replace(/\.$/, '')
      const known = hosts.get(key)
      if (known === undefined) hosts.set(key, [address])
      else if (!known.includes(address)) known.push(address)
    }
  }
  for (const addresses of hosts.values()) addresses.sort((a, b) => rank(a) - rank(b))
  return hosts
}

/** Unique local addresses (fc00::/7) come after IPv4: RFC 6724 section 2.1. */
function rank(address: string): number {
  if (literalFamily(address) === 'inet') return 1
  return /^f[cd]/i.test(address) ? 2 : 0
}

function hasFilesFirst(text: string): boolean {
  const line = wordsOf(text, /#.*/).find(([database]) => database === 'hosts:')
  if (line === undefined) return true
  const services = line.slice(1).filter((word) => /^\w+$/.test(word))
  const files = services.indexOf('files')
  return files >= 0 && services.slice(0, files).every((service) => LOCAL_SERVICES.has(service))
}
