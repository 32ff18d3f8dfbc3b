/** Names by the system: getaddrinfo(3), in libuv's threads. */
import { lookup } from 'node:dns/promises'
import { systemClock } from '../reactor/clock.js'
import { canonicalHost } from './host-name.js'
import { hostsFileResolver } from './hosts-file.js'
import { LookUpQueue } from './look-up-queue.js'
import type { Resolver } from './resolver.js'
import { SharedLookUps } from './shared-look-ups.js'

/** libuv makes as many at once as half of its threads, the odd one counted: `uv__work_submit()`, `UV__WORK_SLOW_IO`. */
const most = Math.ceil(threads() / 2)
/** getaddrinfo(3) waits for 5 s, twice, for each server by default; what waits behind several of those is told. */
const PATIENCE_MS = 15_000

const queue = new LookUpQueue({ most, patienceMs: PATIENCE_MS })
const shared = new SharedLookUps<readonly string[]>(systemClock)

/**
 * getaddrinfo(3), in a thread of libuv's: the hosts file, DNS and whatever else the machine is set up for, sorted by
 * RFC 6724; and it tells no time for which they hold. It can't be called off, so not more than two are made at a time by
 * default, half of `UV_THREADPOOL_SIZE`: others wait, which costs no connect its `timeoutMs`; where nothing is answered for
 * 15 s, those that wait fail with `ERR_RESOLVER_STUCK`. Equal ones are made once, and names of the hosts file,
 * where nsswitch.conf(5) has that first, and `localhost` wait for nobody. For many names see {@link dnsResolver}.
 *
 * @example
 * ```ts
 * import { cachedResolver, createReactor, systemResolver } from 'pollout'
 *
 * const reactor = createReactor({ resolver: cachedResolver(systemResolver) })
 * ```
 */
export const systemResolver: Resolver = hostsFileResolver({
  asks: { syscall: 'getaddrinfo' },
  resolve: (host, context) =>
    shared.join(canonicalHost(host), context, (asked) => {
      return queue.run(() => getaddrinfo(host), asked)
    }),
})

async function getaddrinfo(host: string): Promise<readonly string[]> {
  const found = await lookup(host, { all: true, verbatim: true })
  return found.map(({ address }) => address)
}

function threads(): number {
  const { UV_THREADPOOL_SIZE = '4' } = process.env
  const wanted = Number.parseInt(UV_THREADPOOL_SIZE, 10)
  return Math.min(Math.max(Number.isNaN(wanted) ? 1 : wanted, 1), 1_024)
}
