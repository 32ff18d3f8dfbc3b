/** `--resolver`: who is asked what addresses a name has. */
import {
  boundedResolver,
  cachedResolver,
  dnsResolver,
  hostsFileResolver,
  type Resolver,
} from '@pollout/core'
import { InvalidArgumentError } from 'commander'
import { messageOf } from './exit-codes.js'
import { HelperResolver, LOOK_UPS } from './helper-resolver.js'

/** `dns`: the servers that the system is set up for; or others. */
export type ResolverChoice = 'dns' | 'system' | readonly string[]

/** A question that is lost is asked again within the time that a connect has by default. */
const PATIENCE = { timeoutMs: 1_000, tries: 3 } as const
/** getaddrinfo(3) gives a server up after 10 s by default. */
const STUCK_MS = 15_000
/** Names come back with every port, in a random order. */
const CACHE = { maxEntries: 100_000, negativeTtlMs: 60_000 } as const

export function resolverChoice(text: string): ResolverChoice {
  if (text === 'dns' || text === 'system') return text
  const servers = text.split(',').map((server) => server.trim())
  try {
    dnsResolver({ servers })
    return servers
  } catch (error) {
    throw new InvalidArgumentError(`${messageOf(error)}; or dns, or system.`)
  }
}

/**
 * Each family waits for its own turn: where name servers leave one unanswered, its look-ups take 10 s each, and those of the
 * other would stand behind them.
 */
function familyByFamily(helper: HelperResolver): Resolver {
  const bounds = { concurrency: LOOK_UPS / 2, patienceMs: STUCK_MS }
  const [any, inet, inet6] = ([0, 4, 6] as const).map((family) =>
    boundedResolver({ resolve: (host) => helper.look(host, family) }, bounds),
  ) as [Resolver, Resolver, Resolver]
  return {
    asks: { syscall: 'getaddrinfo' },
    resolve: any.resolve,
    resolveFamily: (host, family, context) =>
      (family === 'inet' ? inet : inet6).resolve(host, context),
  }
}

export function openResolver(choice: ResolverChoice = 'dns'): Resolver & Disposable {
  if (choice === 'system') {
    const helper = new HelperResolver()
    const resolver = cachedResolver(hostsFileResolver(familyByFamily(helper)), CACHE)
    return Object.assign(resolver, { [Symbol.dispose]: () => helper[Symbol.dispose]() })
  }
  const servers = choice === 'dns' ? undefined : choice
  const dns = dnsResolver({ ...PATIENCE, servers, systemFiles: true })
  return Object.assign(cachedResolver(dns, CACHE), { [Symbol.dispose]: () => dns.cancel() })
}
