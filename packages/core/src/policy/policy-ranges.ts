/**
 * Addresses that are not the public internet, as data.
 *
 * In are all blocks of IANA's IPv4 and IPv6 Special-Purpose Address Registries (RFC 6890, RFC 8190), as they stood on
 * 2025-10-09, or a block around them; a test goes through the rows. Also those that the registries call globally reachable:
 * they are anycast services (PCP, TURN, AMT, AS112) that the nearest network answers, often one's own, or identifiers
 * that nobody hosts anything at (ORCHIDv2, drones). Besides the registries: multicast (RFC 5771, RFC 4291), what they no
 * longer list (site-local, v4-compatible, v4-translated), and Azure's own channel, which has a public address.
 *
 * Out are 64:ff9b::/96, the well-known NAT64 prefix, and the v4-mapped ::ffff:0:0/96, both of them in the registry: the
 * IPv4 address in them is judged. Out is also what is merely not allocated yet, since it may be tomorrow.
 */

/**
 * A block of addresses with a name for people.
 *
 * @example
 * ```ts
 * import { destinationPolicy, type NamedRange } from 'pollout'
 *
 * const lab: NamedRange = { cidr: '192.0.2.0/24', name: 'the lab, ask Mia' }
 * const policy = destinationPolicy({ deny: [lab] })
 * ```
 */
export interface NamedRange {
  /** `10.0.0.0/8`, `2001:db8::/32`, or a single address. */
  readonly cidr: string
  /** What it is for, and who says so. */
  readonly name: string
}

/**
 * Unicast addresses that IANA has opened for allocation. All of IPv6 beyond 2000::/3 is reserved: RFC 4291.
 *
 * @example
 * ```ts
 * import { destinationPolicy, unicastRanges } from 'pollout'
 *
 * const noMulticastV6 = destinationPolicy({ allow: unicastRanges })
 * ```
 */
export const unicastRanges: readonly string[] = Object.freeze(['0.0.0.0/0', '2000::/3'])

/**
 * What lies within {@link unicastRanges}, or beside it, and is not public; to be denied.
 *
 * @example
 * ```ts
 * import { destinationPolicy, nonPublicRanges, unicastRanges } from 'pollout'
 *
 * const webhooks = destinationPolicy({
 *   allow: unicastRanges,
 *   deny: [...nonPublicRanges, '198.41.0.0/24'],
 *   ports: [443],
 * })
 * ```
 */
export const nonPublicRanges: readonly NamedRange[] = Object.freeze(
  [
    ['0.0.0.0/8', 'this network, RFC 791'],
    ['10.0.0.0/8', 'private use, RFC 1918'],
    ['100.64.0.0/10', 'shared by carrier-grade NAT, RFC 6598'],
    ['127.0.0.0/8', 'loopback, RFC 1122'],
    ['168.63.129.16', "Azure's platform channel"],
    ['169.254.0.0/16', 'link-local and cloud metadata, RFC 3927'],
    ['172.16.0.0/12', 'private use, RFC 1918'],
    ['192.0.0.0/24', 'IETF protocol assignments, RFC 6890'],
    ['192.0.2.0/24', 'documentation, RFC 5737'],
    ['192.31.196.0/24', 'AS112 anycast, RFC 7535'],
    ['192.52.193.0/24', 'AMT anycast, RFC 7450'],
    ['192.88.99.0/24', '6to4 relay anycast, RFC 7526'],
    ['192.168.0.0/16', 'private use, RFC 1918'],
    ['192.175.48.0/24', 'AS112 anycast, RFC 7534'],
    ['198.18.0.0/15', 'benchmarking, RFC 2544'],
    ['198.51.100.0/24', 'documentation, RFC 5737'],
    ['203.0.113.0/24', 'documentation, RFC 5737'],
    ['224.0.0.0/4', 'multicast, RFC 5771'],
    ['240.0.0.0/4', 'reserved, RFC 1112'],
    ['255.255.255.255', 'limited broadcast, RFC 919'],
    ['::', 'unspecified, RFC 4291'],
    ['::1', 'loopback, RFC 4291'],
    ['::/96', 'v4-compatible, RFC 4291'],
    ['::ffff:0:0:0/96', 'v4-translated, RFC 2765'],
    ['64:ff9b:1::/48', 'local NAT64, RFC 8215'],
    ['100::/64', 'discard only, RFC 6666'],
    ['100:0:0:1::/64', 'dummy prefix, RFC 9780'],
    ['2001::/23', 'IETF protocol assignments, RFC 2928'],
    ['2001::/32', 'Teredo, RFC 4380'],
    ['2001:2::/48', 'benchmarking, RFC 5180'],
    ['2001:10::/28', 'ORCHID, RFC 4843'],
    ['2001:20::/28', 'ORCHIDv2, RFC 7343'],
    ['2001:30::/28', 'drone identifiers, RFC 9374'],
    ['2001:db8::/32', 'documentation, RFC 3849'],
    ['2002::/16', '6to4, RFC 3056'],
    ['2620:4f:8000::/48', 'AS112 anycast, RFC 7534'],
    ['3fff::/20', 'documentation, RFC 9637'],
    ['5f00::/16', 'segment routing, RFC 9602'],
    ['fc00::/7', 'unique local, RFC 4193'],
    ['fe80::/10', 'link-local, RFC 4291'],
    ['fec0::/10', 'site-local, RFC 3879'],
    ['ff00::/8', 'multicast, RFC 4291'],
  ].map(([cidr = '', name = '']) => Object.freeze({ cidr, name })),
)
