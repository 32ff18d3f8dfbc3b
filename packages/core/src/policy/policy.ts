/** Destination policies: where connections may go, judged on the address that is about to be connected to. */
import type { SocketAddress } from '../backend/address.js'
import type { NamedRange } from './policy-ranges.js'
import type { PortRule, VsockRule } from './policy-rules.js'

export type { PortRule, VsockRule } from './policy-rules.js'

/**
 * What a policy says of one address.
 *
 * @example
 * ```ts
 * import { type PolicyVerdict, publicInternetOnly } from 'pollout'
 *
 * const verdict: PolicyVerdict = publicInternetOnly.check({
 *   family: 'inet',
 *   address: '169.254.169.254',
 *   port: 80,
 * })
 * if (!verdict.allowed) console.log(verdict.reason)
 * ```
 */
export interface PolicyVerdict {
  readonly allowed: boolean
  /**
   * The rule that decided: `allow 192.0.2.0/24`, `deny 10.0.0.0/8`, `ports`, `unixPaths /run/app/`, ...; `malformed` for
   * what is no address, `unspecified` for 0.0.0.0 and `::`, `allow` where no rule allows it.
   */
  readonly rule: string
  /** One line for people. */
  readonly reason: string
}

/**
 * Says where connections may go. Applied to the address that a name was resolved to, just before connect(2), so that a
 * name can't lead elsewhere between look-up and connect.
 *
 * Anything with this method will do, so policies can be put together.
 *
 * @example
 * ```ts
 * import { type DestinationPolicy, destinationPolicy, publicInternetOnly } from 'pollout'
 *
 * const ours = destinationPolicy({ allow: ['10.1.0.0/16'], ports: [443] })
 * const publicOrOurs: DestinationPolicy = {
 *   check(address) {
 *     const verdict = publicInternetOnly.check(address)
 *     return verdict.allowed ? verdict : ours.check(address)
 *   },
 * }
 * ```
 */
export interface DestinationPolicy {
  /** Judges one address, just before it is connected to. What it throws denies it. */
  check(address: SocketAddress): PolicyVerdict
}

/**
 * The lists of {@link destinationPolicy}. All that are given have to agree.
 *
 * @example
 * ```ts
 * import { type DestinationPolicyOptions, destinationPolicy } from 'pollout'
 *
 * const ours: DestinationPolicyOptions = { allow: ['10.1.0.0/16'], denyPorts: [25], unixPaths: 'any' }
 * const policy = destinationPolicy(ours)
 * ```
 */
export interface DestinationPolicyOptions {
  /** Blocks that may be reached, `10.0.0.0/8` or single addresses. Without it: all IP addresses but the denied. */
  readonly allow?: readonly (string | NamedRange)[] | undefined
  /** Blocks that may not, even where `allow` has them. */
  readonly deny?: readonly (string | NamedRange)[] | undefined
  /** TCP and UDP ports that may be reached. Without it: all but the denied. */
  readonly ports?: readonly PortRule[] | undefined
  /** TCP and UDP ports that may not, even where `ports` has them. */
  readonly denyPorts?: readonly PortRule[] | undefined
  /**
   * Unix sockets that may be reached: `/run/x.sock`, all below `/run/app/`, or `@abstract`. Without it: none. The kernel
   * follows symbolic links, so a directory that others can write to allows them to lead anywhere.
   */
  readonly unixPaths?: 'any' | readonly string[] | undefined
  /** Virtual machines' addresses that may be reached. Without it: none. */
  readonly vsock?: 'any' | readonly VsockRule[] | undefined
  /**
   * Prefixes of the own network's NAT64 translators (RFC 6052), so that the IPv4 addresses behind them are judged. The
   * well-known 64:ff9b::/96 needs no mention; those in 64:ff9b:1::/48 are guessed, widely, where they are not told.
   */
  readonly nat64Prefixes?: readonly string[] | undefined
}
