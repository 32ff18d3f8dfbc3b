/** Only so many look-ups at once, before any resolver. */
import { checkCount, checkNames, checkTimeout } from '../base/options.js'
import { LookUpQueue } from './look-up-queue.js'
import type { Resolver } from './resolver.js'

/**
 * Options of {@link boundedResolver}.
 *
 * @example
 * ```ts
 * import { type BoundedResolverOptions, boundedResolver, systemResolver } from 'pollout'
 *
 * const options: BoundedResolverOptions = { concurrency: 16, patienceMs: 20_000 }
 * const resolver = boundedResolver(systemResolver, options)
 * ```
 */
export interface BoundedResolverOptions {
  /** Questions at once, from 1: with a resolver that has `resolveFamily()` a name is two. */
  readonly concurrency: number
  /**
   * For resolvers that can't call a question off: where nothing has been answered for so long, in milliseconds, those that wait
   * fail with `ERR_RESOLVER_STUCK`. Default: they wait on.
   */
  readonly patienceMs?: number | undefined
}

/**
 * Keeps look-ups waiting that are more than `concurrency` at once, which costs no connect its `timeoutMs`: that begins when
 * the question is asked. Those of connects that have ended leave. Throws RangeError for what can't be meant.
 *
 * @example
 * ```ts
 * import { boundedResolver, cachedResolver, type Resolver } from 'pollout'
 *
 * declare const slow: Resolver
 * const resolver = cachedResolver(boundedResolver(slow, { concurrency: 50 }))
 * ```
 */
export function boundedResolver(resolver: Resolver, options: BoundedResolverOptions): Resolver {
  checkNames(options, ['concurrency', 'patienceMs'])
  const { concurrency, patienceMs = Number.POSITIVE_INFINITY } = options
  checkTimeout('patienceMs', patienceMs)
  const most = checkCount('concurrency', concurrency)
  const queue = new LookUpQueue({ most, patienceMs })
  const { resolveFamily, asks } = resolver
  return {
    asks,
    resolve: (host, context) => queue.run(async () => resolver.resolve(host, context), context),
    ...(resolveFamily && {
      resolveFamily: (host, family, context) =>
        queue.run(async () => resolveFamily.call(resolver, host, family, context), context),
    }),
  }
}
