/** Answers kept for as long as they hold, and equal look-ups made once. */
import { LRUCache } from 'lru-cache'
import { checkCount, checkNames, shown } from '../base/options.js'
import { type Clock, systemClock } from '../reactor/clock.js'
import { canonicalHost } from './host-name.js'
import {
  type Addresses,
  isNoAddress,
  type LookUpContext,
  type ResolvedAddress,
  type Resolver,
} from './resolver.js'
import { SharedLookUps } from './shared-look-ups.js'

/**
 * Options of {@link cachedResolver}.
 *
 * @example
 * ```ts
 * import { cachedResolver, dnsResolver, type ResolverCacheOptions } from 'pollout'
 *
 * const options: ResolverCacheOptions = { maxEntries: 10_000, maxTtlMs: 60_000 }
 * const resolver = cachedResolver(dnsResolver(), options)
 * ```
 */
export interface ResolverCacheOptions {
  /** How many answers are kept; the least recently used go first. Default 1,000. */
  readonly maxEntries?: number | undefined
  /** No answer is kept for longer than this, in milliseconds, whatever its TTL. Default 300,000: five minutes. */
  readonly maxTtlMs?: number | undefined
  /** How long it is kept that a name has no address, in milliseconds. Default 5,000; 0 for not at all. */
  readonly negativeTtlMs?: number | undefined
  /** How long answers without a TTL are kept, in milliseconds. Default 10,000; 0 for not at all. */
  readonly ttlMs?: number | undefined
  /** Time; for tests. Default: the system's monotonic clock. */
  readonly clock?: Clock | undefined
}

/**
 * A resolver with a memory.
 *
 * @example
 * ```ts
 * import { type CachedResolver, cachedResolver, systemResolver } from 'pollout'
 *
 * const resolver: CachedResolver = cachedResolver(systemResolver)
 * process.on('SIGHUP', () => resolver.clear())
 * ```
 */
export interface CachedResolver extends Resolver {
  /** Answers that are kept. */
  readonly size: number
  /** Forgets them all, and what is being asked at the moment as well. */
  clear(): void
}

/**
 * Puts a cache before a resolver. Equal look-ups under way at the same time are made once; answers are kept for their
 * TTL, and "there is no such name" (ENOTFOUND, ENODATA) for `negativeTtlMs`. Other failures are not kept. Make one and
 * give it to all reactors of a thread; it holds no timers and needs no end. Throws RangeError for what can't be meant.
 *
 * @example
 * ```ts
 * import { cachedResolver, systemResolver } from 'pollout'
 *
 * const resolver = cachedResolver(systemResolver, { ttlMs: 5_000 })
 * ```
 */
export function cachedResolver(
  resolver: Resolver,
  options: ResolverCacheOptions = {},
): CachedResolver {
  return new ResolverCache(resolver, options)
}

type Answer = { readonly addresses: readonly string[] } | { readonly cause: unknown }

type Ask = (context: LookUpContext) => Promise<Addresses>

class ResolverCache implements CachedResolver {
  readonly asks: Resolver['asks']
  readonly resolveFamily?: NonNullable<Resolver['resolveFamily']>
  readonly #resolver: Resolver
  readonly #clock: Clock
  readonly #limits: Readonly<Record<'maxTtlMs' | 'negativeTtlMs' | 'ttlMs', number>>
  readonly #answers: LRUCache<string, Answer>
  #questions: SharedLookUps<Answer>

  constructor(resolver: Resolver, options: ResolverCacheOptions) {
    checkNames(options, ['maxEntries', 'maxTtlMs', 'negativeTtlMs', 'ttlMs', 'clock'])
    const { maxEntries = 1_000, clock = systemClock } = options
    this.#resolver = resolver
    this.asks = resolver.asks
    this.#clock = clock
    this.#questions = new SharedLookUps(clock)
    this.#limits = {
      maxTtlMs: checkTtl('maxTtlMs', options.maxTtlMs, 300_000),
      negativeTtlMs: checkTtl('negativeTtlMs', options.negativeTtlMs, 5_000),
      ttlMs: checkTtl('ttlMs', options.ttlMs, 10_000),
    }
    this.#answers = new LRUCache({
      // Not `max`: memory for all of them would be taken at once.
      maxSize: checkEntries(maxEntries),
      sizeCalculation: () => 1,
      // Without a resolution it sets no timers of its own.
      ttlResolution: 0,
      perf: { now: () => this.#now() },
    })
    if (resolver.resolveFamily) {
      this.resolveFamily = (host, family, context) =>
        this.#look(`${family} ${canonicalHost(host)}`, context, async (asked) => {
          return (await resolver.resolveFamily?.(host, family, asked)) ?? []
        })
    }
  }

  get size(): number {
    this.#answers.purgeStale()
    return this.#answers.size
  }

  resolve(host: string, context?: LookUpContext): Promise<Addresses> {
    return this.#look(`any ${canonicalHost(host)}`, context, async (asked) =>
      this.#resolver.resolve(host, asked),
    )
  }

  clear(): void {
    this.#answers.clear()
    // Those that asked before get their answers; nobody else does, and they are not kept.
    this.#questions = new SharedLookUps(this.#clock)
  }

  /** lru-cache takes a time of 0 for "no TTL". */
  #now(): number {
    return this.#clock.now() + 1
  }

  async #look(
    key: string,
    context: LookUpContext | undefined,
    ask: Ask,
  ): Promise<readonly ResolvedAddress[]> {
    const questions = this.#questions
    const answer =
      this.#answers.get(key) ??
      (await questions.join(key, context, (asked) => this.#ask(key, asked, ask, questions)))
    if ('cause' in answer) throw answer.cause
    // What is left, so that a cache before this one keeps it no longer.
    const ttlMs = this.#answers.getRemainingTTL(key)
    return answer.addresses.map((address) => ({ address, ttlMs }))
  }

  async #ask(
    key: string,
    asked: LookUpContext,
    ask: Ask,
    questions: SharedLookUps<Answer>,
  ): Promise<Answer> {
    const { maxTtlMs, negativeTtlMs } = this.#limits
    let answer: Answer
    let ttlMs: number
    try {
      const found = (await ask(asked)).map(plain)
      answer = { addresses: found.map(({ address }) => address) }
      ttlMs = found.length === 0 ? negativeTtlMs : this.#ttlOf(found)
    } catch (cause) {
      answer = { cause }
      ttlMs = isNoAddress(cause) ? negativeTtlMs : 0
    }
    const keptMs = Math.floor(Math.min(ttlMs, maxTtlMs))
    if (keptMs >= 1 && questions === this.#questions) {
      this.#answers.set(key, answer, { ttl: keptMs })
    }
    return answer
  }

  /** The shortest of all. */
  #ttlOf(found: readonly ResolvedAddress[]): number {
    return Math.min(...found.map(({ ttlMs = this.#limits.ttlMs }) => ttlMs))
  }
}

function plain(one: string | ResolvedAddress): ResolvedAddress {
  return typeof one === 'string' ? { address: one } : one
}

function checkTtl(name: string, value: number | undefined, otherwise: number): number {
  if (value === undefined) return otherwise
  if (typeof value === 'number' && value >= 0 && value < Number.POSITIVE_INFINITY) return value
  throw new RangeError(`${name} must be 0 or more milliseconds, not ${shown(value)}`)
}

function checkEntries(maxEntries: number): number {
  if (maxEntries !== Number.POSITIVE_INFINITY) return checkCount('maxEntries', maxEntries)
  throw new RangeError('maxEntries must not be Infinity: a cache without a bound is a leak')
}
