/** Names by DNS alone: c-ares, by way of node:dns. */
import { literalFamily } from '../backend/address.js'
import { checkCount, checkFlag, checkNames, shown } from '../base/options.js'
import { systemClock, type Timer } from '../reactor/clock.js'
import { CaresPool } from './cares-pool.js'
import { serversText } from './dns-failure.js'
import { canonicalHost, isLocalhost } from './host-name.js'
import { localNames } from './hosts-file.js'
import {
  type Addresses,
  codeOf,
  isNoAddress,
  type LookUpContext,
  type ResolvedAddress,
  type Resolver,
} from './resolver.js'
import { candidates } from './search-list.js'
import { SharedLookUps } from './shared-look-ups.js'

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
  /**
   * Questions to servers at once, a name being two; the others wait, which costs no connect its `timeoutMs`. Default 100: small
   * servers, as routers have them, refuse more than 150.
   */
  readonly concurrency?: number | undefined
  /**
   * Whether the system's files count as they do with getaddrinfo(3): names of /etc/hosts, if nsswitch.conf(5) has that first, and
   * the search list of /etc/resolv.conf for short ones. Default false.
   */
  readonly systemFiles?: boolean | undefined
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
  resolveFamily(
    host: string,
    family: 'inet' | 'inet6',
    context?: LookUpContext,
  ): Promise<readonly ResolvedAddress[]>
  /**
   * Ends all its look-ups that are under way: they reject with ECANCELLED. They keep the process alive otherwise, but for those
   * of connects that have ended, which are called off with them.
   */
  cancel(): void
}

/**
 * Asks DNS servers for A and AAAA records side by side, outside of libuv's threads, and tells for how long the answers hold.
 * A look-up that nobody waits for any more is called off. It reads no hosts file and no search list, unless with `systemFiles`;
 * `localhost` is this machine. Put {@link cachedResolver} around it. Throws TypeError for servers that can't be ones.
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
const FAMILIES = ['inet6', 'inet'] as const
/** Name servers that leave AAAA unanswered must not cost the A: RFC 8305, section 3, but for whole answers, as they are kept. */
const SECOND_ANSWER_MS = 200

class DnsServers implements DnsResolver {
  readonly asks: NonNullable<Resolver['asks']>
  readonly #cares: CaresPool
  readonly #usesFiles: boolean
  /** Names of the search list, which stand for the same host in both families. */
  readonly #searches = new SharedLookUps<readonly ResolvedAddress[]>(systemClock)

  constructor(options: DnsResolverOptions) {
    checkNames(options, ['servers', 'timeoutMs', 'tries', 'concurrency', 'systemFiles'])
    const { servers, timeoutMs, tries, concurrency = 100, systemFiles = false } = options
    const cares = {
      ...(timeoutMs === undefined ? {} : { timeout: checkInt('timeoutMs', timeoutMs) }),
      ...(tries === undefined ? {} : { tries: checkInt('tries', tries) }),
    }
    const most = checkCount('concurrency', concurrency)
    this.#cares = new CaresPool(cares, servers && checkServers(servers), most)
    this.asks = { syscall: 'query', whom: serversText(this.#cares.servers) }
    this.#usesFiles = checkFlag('systemFiles', systemFiles)
  }

  async resolve(host: string, context?: LookUpContext): Promise<Addresses> {
    const name = canonicalHost(host)
    const known = this.#known(name)
    if (known) return known
    if (!this.#usesFiles) return this.#bothFamilies(name, context)
    return this.#search(candidates(name), context)
  }

  async resolveFamily(
    host: string,
    family: 'inet' | 'inet6',
    context?: LookUpContext,
  ): Promise<readonly ResolvedAddress[]> {
    const name = canonicalHost(host)
    const known = this.#known(name)
    if (known) return ofFamily(known, family)
    if (!this.#usesFiles) return this.#cares.ask(name, family, context)
    let names = candidates(name)
    const [first = name, ...others] = names
    // As it is, each family for itself. That a name is there without such an address is an answer; that there is no such name, none.
    if (name.startsWith(first)) {
      try {
        return await this.#cares.ask(first, family, context)
      } catch (cause) {
        if (codeOf(cause) !== 'ENOTFOUND' || others.length === 0) throw cause
        names = others
      }
    }
    const found = await this.#searches.join(names.join(' '), context, (asked) => {
      return this.#search(names, asked)
    })
    return ofFamily(found, family)
  }

  cancel(): void {
    this.#cares.cancel()
  }

  #known(name: string): readonly ResolvedAddress[] | undefined {
    if (this.#usesFiles) return localNames.addresses(name)?.map((address) => ({ address }))
    return isLocalhost(name)
      ? FAMILIES.map((family) => ({ address: LOCALHOST[family] }))
      : undefined
  }

  /** The first of these names that has an address: resolv.conf(5). A server's failure is about that one name. */
  async #search(
    names: readonly string[],
    context: LookUpContext | undefined,
  ): Promise<readonly ResolvedAddress[]> {
    let why: unknown
    for (const name of names) {
      try {
        return await this.#bothFamilies(name, context)
      } catch (cause) {
        if (!isNoAddress(cause) && codeOf(cause) !== 'ESERVFAIL') throw cause
        why = cause
      }
    }
    throw why
  }

  async #bothFamilies(
    name: string,
    context: LookUpContext | undefined,
  ): Promise<readonly ResolvedAddress[]> {
    const answers = await this.#inTime(name, context)
    const found = answers.flatMap((answer) => (answer.status === 'fulfilled' ? answer.value : []))
    if (found.length > 0) return found
    const causes = answers.flatMap((answer) =>
      answer.status === 'rejected' ? [answer.reason] : [],
    )
    throw causes.find((cause) => !isNoAddress(cause)) ?? causes[0]
  }

  /** Both answers; or one, where it has addresses and the other question, which is called off then, is not answered soon. */
  #inTime(
    name: string,
    context: LookUpContext | undefined,
  ): Promise<PromiseSettledResult<readonly ResolvedAddress[]>[]> {
    const both = new AbortController()
    const callOff = (): void => both.abort(context?.signal.reason)
    if (context?.signal.aborted) callOff()
    context?.signal.addEventListener('abort', callOff)
    let timer: Timer | undefined
    const asked: LookUpContext = {
      signal: both.signal,
      waiting: () => context?.waiting(),
      begun: () => context?.begun(),
    }
    const questions = FAMILIES.map(async (family) => {
      const found = await this.#cares.ask(name, family, asked)
      // The other one has been asked by now: where it had to wait for a turn, it is the next.
      if (found.length > 0) timer ??= systemClock.setTimer(SECOND_ANSWER_MS, () => both.abort())
      return found
    })
    return Promise.allSettled(questions).finally(() => {
      timer?.cancel()
      context?.signal.removeEventListener('abort', callOff)
    })
  }
}

function ofFamily(
  addresses: readonly ResolvedAddress[],
  family: 'inet' | 'inet6',
): readonly ResolvedAddress[] {
  return addresses.filter(({ address }) => literalFamily(address) === family)
}

/** As c-ares has it: an `int`. */
function checkInt(name: string, value: number): number {
  if (Number.isInteger(value) && value > 0 && value < 2 ** 31) return value
  throw new RangeError(`${name} must be a whole number from 1 to 2147483647, not ${shown(value)}`)
}

/** What node:dns makes of port 0, 70000, a zone or none at all is something else than was written. */
function checkServers(servers: readonly string[]): readonly string[] {
  const list: unknown = servers
  if (!Array.isArray(list) || list.length === 0) {
    throw new TypeError(`servers must be a list of addresses of DNS servers; ${HOW_TO_WRITE}`)
  }
  const wrong = list.findIndex((server: unknown) => !isServer(server))
  if (wrong < 0) return servers
  const text = JSON.stringify(list[wrong]) ?? String(list[wrong])
  throw new TypeError(`${text} is no address of a DNS server; ${HOW_TO_WRITE}`)
}

const HOW_TO_WRITE =
  'write 192.0.2.53, 192.0.2.53:5353, 2001:db8::53 or [2001:db8::53]:53, without a zone'

function isServer(server: unknown): boolean {
  if (typeof server !== 'string' || server.includes('%')) return false
  if (literalFamily(server)) return true
  const [, v6, v4 = '', port = '53'] = /^(?:\[(.+)\]|([\d.]+))(?::(\d{1,5}))?$/.exec(server) ?? []
  const family = v6 === undefined ? 'inet' : 'inet6'
  if (literalFamily(v6 ?? v4) !== family) return false
  return Number(port) >= 1 && Number(port) <= 65_535
}
