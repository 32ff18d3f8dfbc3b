/** Destination policies: where connections may go, judged on the address that is about to be connected to. */
import type { SocketAddress } from '../backend/address.js'
import { ListPolicy } from './list-policy.js'
import { type NamedRange, nonPublicRanges, unicastRanges } from './policy-ranges.js'
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

/**
 * A policy made of lists. What is denied wins over what is allowed; all lists have to agree.
 *
 * It fails closed: an unknown family, text that is no address literal (`127.1`, `0x7f.1`, a name), a port that is no port
 * and a path that is not plain are denied. Addresses are judged by what they reach: v4-mapped and NAT64 addresses as
 * the IPv4 address in them; v4-compatible, 6to4, Teredo and ISATAP ones are also denied where that one is. 0.0.0.0 and
 * `::` are always denied: they reach this machine, under whatever address the socket is bound to. Zones
 * (`fe80::1%eth0`) change nothing.
 *
 * Throws TypeError for a rule that can't be one, and for an option that there is none of.
 *
 * @example
 * ```ts
 * import { destinationPolicy } from 'pollout'
 *
 * const policy = destinationPolicy({
 *   allow: ['192.0.2.0/24', '2001:db8::/32'],
 *   deny: ['192.0.2.66'],
 *   ports: [443, '8000-8999'],
 *   unixPaths: ['/run/app/', '@metrics'],
 * })
 * policy.check({ family: 'inet', address: '192.0.2.66', port: 443 })
 * // { allowed: false, rule: 'deny 192.0.2.66', reason: '192.0.2.66 is in 192.0.2.66' }
 * ```
 */
export function destinationPolicy(options: DestinationPolicyOptions = {}): DestinationPolicy {
  return new ListPolicy(options)
}

/**
 * The public internet, on any port, and nothing else: for URLs that strangers hand in. No unix sockets, no vsock.
 *
 * Denies {@link nonPublicRanges} and all IPv6 that is not global unicast. It can't know which public addresses are this
 * machine's own, or lead back into its network: deny those by a policy of your own on the same lists.
 *
 * @example
 * ```ts
 * import { publicInternetOnly } from 'pollout'
 *
 * publicInternetOnly.check({ family: 'inet6', address: '64:ff9b::7f00:1', port: 80 })
 * // { allowed: false, rule: 'deny 127.0.0.0/8',
 * //   reason: '64:ff9b::7f00:1 leads to 127.0.0.1, which is in 127.0.0.0/8 (loopback, RFC 1122)' }
 * ```
 */
export const publicInternetOnly: DestinationPolicy = /* @__PURE__ */ destinationPolicy({
  allow: unicastRanges,
  deny: nonPublicRanges,
})
