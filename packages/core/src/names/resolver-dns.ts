/** Names by DNS alone: c-ares, by way of node:dns. */
import { Resolver as CaresResolver } from 'node:dns/promises'
import { checkCount, checkNames } from '../options.js'
import { canonicalHost, isLocalhost } from './host-name.js'
import { type Addresses, isNoAddress, type ResolvedAddress, type Resolver } from './resolver.js'

/**
 * Options of {@link dnsResolver}.
 *
 * @example
 * ```ts
 * import { type DnsResolverOptions, dnsResolver } from 'pollout'
 *
 * const options: DnsResolverOptions = { servers: ['192.0.2.53', '[2001:db8::53]:53'], tries: 2 }
 * const resolver = dnsResolver(options)
 * ```
 */
export interface DnsResolverOptions {
  /** `192.0.2.53`, `192.0.2.53:5353` or `[2001:db8::53]:53`, best first. Default: those that the system is set up for. */
  readonly servers?: readonly string[] | undefined
  /** How long the first try at a server waits, in milliseconds; later ones wait longer. Default: c-ares' own, 2 to 5 s. */
  readonly timeoutMs?: number | undefined
  /** Tries at each server. Default 4. */
  readonly tries?: number | undefined
}

/**
 * A resolver on DNS servers.
 *
 * @example
 * ```ts
 * import { type DnsResolver, dnsResolver } from 'pollout'
 *
 * const resolver: DnsResolver = dnsResolver()
 * process.once('SIGTERM', () => resolver.cancel())
 * ```
 */
export interface DnsResolver extends Resolver {
  /** Both families; made for engines that look them up side by side. */
  resolveFamily(host: string, family: 'inet' | 'inet6'): Promise<readonly ResolvedAddress[]>
  /** Ends all its look-ups that are under way: they reject with ECANCELLED. They keep the process alive otherwise. */
  cancel(): void
}

/**
 * Asks DNS servers for A and AAAA records side by side, outside of libuv's threads, as many at a time as are wanted, and
 * tells for how long the answers hold. It reads no hosts file and no search list; `localhost` is this machine. Put
 * {@link cachedResolver} around it. Throws what node:dns throws for servers that can't be ones.
 *
 * @example
 * ```ts
 * import { cachedResolver, dnsResolver } from 'pollout'
 *
 * const resolver = cachedResolver(
 *   dnsResolver({ servers: ['192.0.2.53'], timeoutMs: 1_000, tries: 2 }),
 * )
 * ```
 */
export function dnsResolver(options: DnsResolverOptions = {}): DnsResolver {
  return new DnsServers(options)
}

const LOCALHOST = { inet: '127.0.0.1', inet6: '::1' } as const

class DnsServers implements DnsResolver {
  readonly #cares: CaresResolver

  constructor(options: DnsResolverOptions) {
    checkNames(options, ['servers', 'timeoutMs', 'tries'])
    const { servers, timeoutMs, tries } = options
    this.#cares = new CaresResolver({
      ...(timeoutMs === undefined ? {} : { timeout: checkMilliseconds(timeoutMs) }),
      ...(tries === undefined ? {} : { tries: checkCount('tries', tries) }),
    })
    if (servers) this.#cares.setServers([...servers])
  }

  async resolve(host: string): Promise<Addresses> {
    const answers = await Promise.allSettled(
      (['inet6', 'inet'] as const).map((family) => this.resolveFamily(host, family)),
    )
    const found = answers.flatMap((answer) => (answer.status === 'fulfilled' ? answer.value : []))
    if (found.length > 0) return found
    const causes = answers.flatMap((answer) =>
      answer.status === 'rejected' ? [answer.reason] : [],
    )
    throw causes.find((cause) => !isNoAddress(cause)) ?? causes[0]
  }

  async resolveFamily(host: string, family: 'inet' | 'inet6'): Promise<readonly ResolvedAddress[]> {
    const name = canonicalHost(host)
    if (isLocalhost(name)) return [{ address: LOCALHOST[family] }]
    const records = await (family === 'inet'
      ? this.#cares.resolve4(name, { ttl: true })
      : this.#cares.resolve6(name, { ttl: true }))
    return records.map(({ address, ttl }) => ({ address, ttlMs: ttl * 1_000 }))
  }

  cancel(): void {
    this.#cares.cancel()
  }
}

function checkMilliseconds(timeoutMs: number): number {
  if (Number.isInteger(timeoutMs) && timeoutMs > 0) return timeoutMs
  throw new RangeError(`timeoutMs must be a whole number from 1, not ${String(timeoutMs)}`)
}
