/** Policies made of lists, and the one for the public internet. */
import { ListPolicy } from './list-policy.js'
import type { DestinationPolicy, DestinationPolicyOptions } from './policy.js'
import { nonPublicRanges, unicastRanges } from './policy-ranges.js'

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
