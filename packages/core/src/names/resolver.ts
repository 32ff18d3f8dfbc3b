/** Host names to addresses, behind an interface: the default asks the system, getaddrinfo(3). */
import { lookup } from 'node:dns/promises'
import type { Failure } from '../errors.js'

/**
 * One address of a name, with how long that holds.
 *
 * @example
 * ```ts
 * import type { ResolvedAddress } from 'pollout'
 *
 * const record: ResolvedAddress = { address: '2001:db8::1', ttlMs: 300_000 }
 * ```
 */
export interface ResolvedAddress {
  /** An address literal. */
  readonly address: string
  /** For how long it may be kept, in milliseconds; undefined where the source does not say. */
  readonly ttlMs?: number | undefined
}

/**
 * What a resolver gives: literals, or literals with the time that they hold.
 *
 * @example
 * ```ts
 * import type { Addresses } from 'pollout'
 *
 * const plain: Addresses = ['192.0.2.1', '2001:db8::1']
 * const dated: Addresses = [{ address: '192.0.2.1', ttlMs: 60_000 }]
 * ```
 */
export type Addresses = readonly (string | ResolvedAddress)[]

/**
 * Turns names into addresses. What is no address literal in an answer is left out; a rejection is told as the connect's
 * failure, with its `code`. It is the user's: a reactor does not end it, and several may share it.
 *
 * @example
 * ```ts
 * import type { Resolver } from 'pollout'
 *
 * const resolver: Resolver = {
 *   resolve: async (host) => (host === 'db.test' ? ['192.0.2.1', '2001:db8::1'] : []),
 * }
 * ```
 */
export interface Resolver {
  /** Addresses of `host`, best first, at least one; rejects where there is none. */
  resolve(host: string): Promise<Addresses>
  /**
   * Those of one family; none, or a rejection, where there is none. Where a resolver has this, both families are asked
   * side by side and a connect begins with the first that answers, IPv6 where they are equally fast: RFC 8305.
   */
  resolveFamily?(host: string, family: 'inet' | 'inet6'): Promise<Addresses>
}

/**
 * getaddrinfo(3), in a thread of libuv's: the hosts file, DNS and whatever else the machine is set up for, sorted by
 * RFC 6724. Not more than four at a time by default (`UV_THREADPOOL_SIZE`), and it tells no time for which they hold.
 *
 * @example
 * ```ts
 * import { cachedResolver, createReactor, systemResolver } from 'pollout'
 *
 * const reactor = createReactor({ resolver: cachedResolver(systemResolver) })
 * ```
 */
export const systemResolver: Resolver = {
  async resolve(host) {
    const found = await lookup(host, { all: true, verbatim: true })
    return found.map(({ address }) => address)
  },
}

/** Codes of "there is no such name", and "it has no such address". */
const NO_ADDRESS = new Set(['ENOTFOUND', 'ENODATA'])

/** The answer was definite: asking again soon is of no use. */
export function isNoAddress(cause: unknown): boolean {
  return NO_ADDRESS.has(codeOf(cause) ?? '')
}

export function codeOf(cause: unknown): string | undefined {
  const code = (cause as { code?: unknown } | null)?.code
  return typeof code === 'string' ? code : undefined
}

/** Node's own codes (ENOTFOUND, EAI_AGAIN, ...) pass through. */
export function resolveFailure(host: string, cause: unknown): Failure {
  const code = codeOf(cause) ?? 'ERR_RESOLVE'
  const { errno: number, syscall } = Object(cause) as { errno?: unknown; syscall?: unknown }
  return {
    code,
    errno: typeof number === 'number' ? number : undefined,
    syscall: typeof syscall === 'string' ? syscall : 'getaddrinfo',
    phase: 'resolve',
    localFault: code === 'EMFILE' || code === 'ENFILE',
    reason: isNoAddress(cause)
      ? `the name ${host} has no address`
      : `the name ${host} could not be resolved`,
    cause,
  }
}
