/** Host names to addresses, behind an interface: the default is `resolver-system.ts`. */
import type { Failure } from '../errors/failure.js'
import { DnsFailure } from './dns-failure.js'

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
 * What a resolver is told of one look-up, and tells of it. It may leave all of this alone.
 *
 * @example
 * ```ts
 * import { lookup } from 'node:dns/promises'
 * import type { LookUpContext, Resolver } from 'pollout'
 *
 * // One at a time: the time of a connect does not run while its look-up waits here.
 * let last: Promise<unknown> = Promise.resolve()
 * const resolver: Resolver = {
 *   resolve(host: string, context?: LookUpContext) {
 *     context?.waiting()
 *     const answer = last.then(async () => {
 *       context?.signal.throwIfAborted()
 *       context?.begun()
 *       return [(await lookup(host)).address]
 *     })
 *     last = answer.catch(() => {})
 *     return answer
 *   },
 * }
 * ```
 */
export interface LookUpContext {
  /** Aborted when nobody waits for the answer any more: time to call the question off. What is told after that is not heard. */
  readonly signal: AbortSignal
  /** To be called where the look-up has to wait for a turn on this side: from here on the connect's time does not run, ... */
  waiting(): void
  /** ... and when the question is asked: from here on it does. A connect whose look-up never waits needs neither. */
  begun(): void
}

/**
 * Turns names into addresses. What is no address literal in an answer is left out; a rejection is told as the connect's
 * failure, with its `code`. It is the user's: a reactor does not end it, and several may share it. Resolvers that stand before
 * others hand `context` on.
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
  /**
   * For messages: the system call or step by which it asks, `getaddrinfo` say, and whom. It is what a look-up is told with that
   * took too long; those that fail tell it by the `syscall` of their errors. Default: `resolve`, and nobody in particular.
   */
  readonly asks?: { readonly syscall: string; readonly whom?: string | undefined } | undefined
  /** Addresses of `host`, best first, at least one; rejects where there is none. */
  resolve(host: string, context?: LookUpContext): Promise<Addresses>
  /**
   * Those of one family; none, or a rejection, where there is none. Where a resolver has this, both families are asked
   * side by side and a connect begins with the first that answers, IPv6 where they are equally fast: RFC 8305.
   */
  resolveFamily?(
    host: string,
    family: 'inet' | 'inet6',
    context?: LookUpContext,
  ): Promise<Addresses>
}

/** Codes of "there is no such name", and "it has no such address". */
const NO_ADDRESS = new Set(['ENOTFOUND', 'ENODATA'])

/** All look-ups that may be made at once wait, and none is answered. */
export const RESOLVER_STUCK = 'ERR_RESOLVER_STUCK'

/** This side's trouble, of which no server knows. A resolver that answers nobody is not: it waits for somebody else. */
const LOCAL = new Set(['EMFILE', 'ENFILE'])

/** The answer was definite: asking again soon is of no use. */
export function isNoAddress(cause: unknown): boolean {
  return NO_ADDRESS.has(codeOf(cause) ?? '')
}

export function codeOf(cause: unknown): string | undefined {
  const code = (cause as { code?: unknown } | null)?.code
  return typeof code === 'string' ? code : undefined
}

/** Node's own codes (ENOTFOUND, EAI_AGAIN, ...) pass through. */
export function resolveFailure(host: string, cause: unknown, asks: Resolver['asks']): Failure {
  const code = codeOf(cause) ?? 'ERR_RESOLVE'
  const { errno: number, syscall } = Object(cause) as { errno?: unknown; syscall?: unknown }
  return {
    code,
    errno: typeof number === 'number' ? number : undefined,
    syscall: typeof syscall === 'string' ? syscall : (asks?.syscall ?? 'resolve'),
    phase: 'resolve',
    localFault: LOCAL.has(code),
    reason: reasonOf(host, code, cause),
    cause,
  }
}

function reasonOf(host: string, code: string, cause: unknown): string {
  if (NO_ADDRESS.has(code)) return `the name ${host} has no address`
  if (code === RESOLVER_STUCK) {
    return `the name ${host} was not looked up: as many as can be at once wait, and none is answered`
  }
  const why = cause instanceof DnsFailure ? cause.message : GETADDRINFO[code]
  return `the name ${host} could not be resolved${why === undefined ? '' : `: ${why}`}`
}

/** What gai_strerror(3) says in words that name nobody. */
const GETADDRINFO: Readonly<Record<string, string>> = {
  EAI_AGAIN: 'the name servers of this machine did not answer, or said that they can not now',
  EAI_FAIL: 'the name servers of this machine said that they can not',
}
