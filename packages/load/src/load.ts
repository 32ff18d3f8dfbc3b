/** `runLoad()`: a run of load, and its result. */
import { formatEndpoint, type Reactor, toEndpoint } from '@pollout/core'
import { checkLoad, type LoadOptions } from './options.js'
import { type LoadResult, resultOf } from './result.js'
import { measure } from './run.js'

/**
 * Sends requests as `options` says, and tells what became of them. Rejects with `ConnectError` where a name of `endpoints` can't
 * be resolved, or where the reactor's policy denies one; with TypeError or RangeError for what can't be meant. What a server does
 * is a result, and no error.
 *
 * @example
 * ```ts
 * import { runLoad } from '@pollout/load'
 * import { createReactor } from 'pollout'
 *
 * await using reactor = createReactor()
 * const { requests, times, problems } = await runLoad(reactor, {
 *   endpoints: ['tcp://127.0.0.1:8080'],
 *   arrivals: { stages: [{ from: 1_000, to: 1_000, durationMs: 10_000 }], spacing: 'poisson' },
 *   requests: [{ parts: 'GET / HTTP/1.1\r\nHost: localhost\r\n\r\n' }],
 *   response: { kind: 'http1', head: false },
 *   check: { code: [200, 299] },
 * })
 * console.log(requests.perSecond, times.response.percentiles, problems)
 * ```
 */
export async function runLoad(reactor: Reactor, options: LoadOptions): Promise<LoadResult> {
  const startedAt = new Date()
  const { connections } = checkLoad(options)
  const endpoints = options.endpoints.map((endpoint) => formatEndpoint(toEndpoint(endpoint)))
  const measured = await measure(reactor, options)
  const { backend } = reactor
  const { threads } = measured
  return resultOf(measured, options, { startedAt, endpoints, backend, threads, connections })
}
