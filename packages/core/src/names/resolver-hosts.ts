/** Names by hand: a resolver made of a list, as /etc/hosts is one. */
import { literalFamily } from '../backend/address.js'
import { canonicalHost } from './host-name.js'
import type { Addresses, LookUpContext, Resolver } from './resolver.js'

/**
 * Addresses by name.
 *
 * @example
 * ```ts
 * import { type Hosts, hostsResolver } from 'pollout'
 *
 * const hosts: Hosts = { 'db.test': '192.0.2.1', 'web.test': ['192.0.2.2', '2001:db8::2'] }
 * const resolver = hostsResolver(hosts)
 * ```
 */
export type Hosts = Readonly<Record<string, string | readonly string[]>>

/**
 * A resolver that knows these names, and asks `fallback` for all others. Without one they have no address: ENOTFOUND.
 * Names are matched whole, in any case. Throws TypeError for what is no address literal.
 *
 * @example
 * ```ts
 * import { hostsResolver, systemResolver } from 'pollout'
 *
 * const resolver = hostsResolver({ 'db.test': ['192.0.2.1', '2001:db8::1'] }, systemResolver)
 * ```
 */
export function hostsResolver(hosts: Hosts, fallback?: Resolver): Resolver {
  return new HostsResolver(hosts, fallback)
}

class HostsResolver implements Resolver {
  readonly asks: Resolver['asks']
  /** Where the fallback can: else it would be asked for everything twice. */
  readonly resolveFamily?: NonNullable<Resolver['resolveFamily']>
  readonly #hosts = new Map<string, readonly string[]>()
  readonly #fallback: Resolver

  constructor(hosts: Hosts, fallback: Resolver = nobody) {
    for (const [name, addresses] of Object.entries(hosts)) {
      this.#hosts.set(canonicalHost(name), checked(name, addresses))
    }
    this.#fallback = fallback
    this.asks = fallback.asks
    if (fallback.resolveFamily) {
      this.resolveFamily = (host, family, context) => this.#resolveFamily(host, family, context)
    }
  }

  async resolve(host: string, context?: LookUpContext): Promise<Addresses> {
    return this.#known(host) ?? this.#fallback.resolve(host, context)
  }

  async #resolveFamily(
    host: string,
    family: 'inet' | 'inet6',
    context: LookUpContext | undefined,
  ): Promise<Addresses> {
    const known = this.#known(host)
    if (known) return known.filter((address) => literalFamily(address) === family)
    return this.#fallback.resolveFamily?.(host, family, context) ?? []
  }

  #known(host: string): readonly string[] | undefined {
    return this.#hosts.get(canonicalHost(host))
  }
}

const nobody: Resolver = {
  resolve: async (host) => {
    throw Object.assign(new Error(`${host} is not among the hosts`), { code: 'ENOTFOUND' })
  },
}

function checked(name: string, addresses: string | readonly string[]): readonly string[] {
  const list: unknown = typeof addresses === 'string' ? [addresses] : addresses
  if (!Array.isArray(list) || list.length === 0) {
    throw new TypeError(`hosts: ${JSON.stringify(name)} needs an address, or a list of them`)
  }
  return list.map((address: unknown) => {
    if (typeof address === 'string' && literalFamily(address)) return address
    throw new TypeError(
      `hosts: ${JSON.stringify(name)} has ${JSON.stringify(address)}, which is no address literal`,
    )
  })
}
