/** `publicInternetOnly` against IANA's Special-Purpose Address Registries, row by row: RFC 6890, RFC 8190. */
import { destinationPolicy, nonPublicRanges, publicInternetOnly } from '@pollout/core'
import { describe, expect, it } from 'vitest'
import { formatIp, type IpBytes, parseBlock } from '../src/policy/policy-address.js'

/** iana-ipv4-special-registry, all rows as of 2025-10-09. */
const IPV4 = [
  ['0.0.0.0/8', 'This network', 'RFC 791'],
  ['0.0.0.0/32', 'This host on this network', 'RFC 1122'],
  ['10.0.0.0/8', 'Private-Use', 'RFC 1918'],
  ['100.64.0.0/10', 'Shared Address Space', 'RFC 6598'],
  ['127.0.0.0/8', 'Loopback', 'RFC 1122'],
  ['169.254.0.0/16', 'Link Local', 'RFC 3927'],
  ['172.16.0.0/12', 'Private-Use', 'RFC 1918'],
  ['192.0.0.0/24', 'IETF Protocol Assignments', 'RFC 6890'],
  ['192.0.0.0/29', 'IPv4 Service Continuity Prefix', 'RFC 7335'],
  ['192.0.0.8/32', 'IPv4 dummy address', 'RFC 7600'],
  ['192.0.0.9/32', 'Port Control Protocol Anycast', 'RFC 7723'],
  ['192.0.0.10/32', 'Traversal Using Relays around NAT Anycast', 'RFC 8155'],
  ['192.0.0.170/32', 'NAT64/DNS64 Discovery', 'RFC 8880'],
  ['192.0.0.171/32', 'NAT64/DNS64 Discovery', 'RFC 8880'],
  ['192.0.2.0/24', 'Documentation (TEST-NET-1)', 'RFC 5737'],
  ['192.31.196.0/24', 'AS112-v4', 'RFC 7535'],
  ['192.52.193.0/24', 'AMT', 'RFC 7450'],
  ['192.88.99.0/24', 'Deprecated (6to4 Relay Anycast)', 'RFC 7526'],
  ['192.88.99.2/32', '6a44-relay anycast address', 'RFC 6751'],
  ['192.168.0.0/16', 'Private-Use', 'RFC 1918'],
  ['192.175.48.0/24', 'Direct Delegation AS112 Service', 'RFC 7534'],
  ['198.18.0.0/15', 'Benchmarking', 'RFC 2544'],
  ['198.51.100.0/24', 'Documentation (TEST-NET-2)', 'RFC 5737'],
  ['203.0.113.0/24', 'Documentation (TEST-NET-3)', 'RFC 5737'],
  ['240.0.0.0/4', 'Reserved', 'RFC 1112'],
  ['255.255.255.255/32', 'Limited Broadcast', 'RFC 8190'],
] as const

/** iana-ipv6-special-registry, all rows as of 2025-10-09 but the two below. */
const IPV6 = [
  ['::1/128', 'Loopback Address', 'RFC 4291'],
  ['::/128', 'Unspecified Address', 'RFC 4291'],
  ['64:ff9b:1::/48', 'IPv4-IPv6 Translation', 'RFC 8215'],
  ['100::/64', 'Discard-Only Address Block', 'RFC 6666'],
  ['100:0:0:1::/64', 'Dummy IPv6 Prefix', 'RFC 9780'],
  ['2001::/23', 'IETF Protocol Assignments', 'RFC 2928'],
  ['2001::/32', 'TEREDO', 'RFC 4380'],
  ['2001:1::1/128', 'Port Control Protocol Anycast', 'RFC 7723'],
  ['2001:1::2/128', 'Traversal Using Relays around NAT Anycast', 'RFC 8155'],
  ['2001:1::3/128', 'DNS-SD Service Registration Protocol Anycast', 'RFC 9665'],
  ['2001:2::/48', 'Benchmarking', 'RFC 5180'],
  ['2001:3::/32', 'AMT', 'RFC 7450'],
  ['2001:4:112::/48', 'AS112-v6', 'RFC 7535'],
  ['2001:10::/28', 'Deprecated (previously ORCHID)', 'RFC 4843'],
  ['2001:20::/28', 'ORCHIDv2', 'RFC 7343'],
  ['2001:30::/28', 'Drone Remote ID Protocol Entity Tags', 'RFC 9374'],
  ['2001:db8::/32', 'Documentation', 'RFC 3849'],
  ['2002::/16', '6to4', 'RFC 3056'],
  ['2620:4f:8000::/48', 'Direct Delegation AS112 Service', 'RFC 7534'],
  ['3fff::/20', 'Documentation', 'RFC 9637'],
  ['5f00::/16', 'Segment Routing (SRv6) SIDs', 'RFC 9602'],
  ['fc00::/7', 'Unique-Local', 'RFC 4193'],
  ['fe80::/10', 'Link-Local Unicast', 'RFC 4291'],
] as const

/** What the registries leave out, or no longer have. */
const BESIDES = [
  ['224.0.0.0/4', 'multicast', 'RFC 5771'],
  ['ff00::/8', 'multicast', 'RFC 4291'],
  ['fec0::/10', 'site-local', 'RFC 3879'],
  ['::/96', 'v4-compatible', 'RFC 4291'],
  ['::ffff:0:0:0/96', 'v4-translated', 'RFC 2765'],
  ['168.63.129.16/32', "Azure's platform channel", ''],
] as const

const allowed = (bytes: IpBytes): boolean => {
  const family = bytes.length === 4 ? 'inet' : 'inet6'
  return publicInternetOnly.check({ family, address: formatIp(bytes), port: 443 }).allowed
}

/** The first and the last address of a block. */
function ends(cidr: string): readonly [IpBytes, IpBytes] {
  const block = parseBlock(cidr)
  if (block === undefined) throw new Error(`${cidr} is no block`)
  const { bytes, prefix } = block
  const last = bytes.map((byte, i) => byte | (0xff >> Math.min(8, Math.max(0, prefix - i * 8))))
  return [bytes, last]
}

describe('publicInternetOnly denies, from its first address to its last,', () => {
  it.each([...IPV4, ...IPV6, ...BESIDES])('%s: %s, %s', (cidr) => {
    expect(ends(cidr).map(allowed)).toEqual([false, false])
  })
})

it('it is the list that denies them, and not only that IPv6 has not been opened there', () => {
  const deny = destinationPolicy({ deny: nonPublicRanges })
  for (const [cidr] of [...IPV4, ...IPV6, ...BESIDES]) {
    for (const bytes of ends(cidr)) {
      const family = bytes.length === 4 ? 'inet' : 'inet6'
      const verdict = deny.check({ family, address: formatIp(bytes), port: 443 })
      expect([cidr, verdict.allowed]).toEqual([cidr, false])
    }
  }
})

it.each([
  ['64:ff9b::', 'IPv4-IPv6 Translation, RFC 6052'],
  ['::ffff:', 'IPv4-mapped Address, RFC 4291'],
])('%s/96 (%s) is judged by the IPv4 address in it', (prefix) => {
  const check = (inner: string) =>
    publicInternetOnly.check({ family: 'inet6', address: `${prefix}${inner}`, port: 443 }).allowed
  expect(['192.0.1.0', '10.0.0.1', '192.0.0.9', '127.0.0.1'].map(check)).toEqual([
    ...[true, false, false, false],
  ])
})

it('has no block that is in none of these', () => {
  const known: readonly string[] = [...IPV4, ...IPV6, ...BESIDES].map(([cidr]) => cidr)
  const written = nonPublicRanges.map(({ cidr }) =>
    cidr.includes('/') ? cidr : `${cidr}/${cidr.includes(':') ? 128 : 32}`,
  )
  expect(written.filter((cidr) => !known.includes(cidr))).toEqual([])
})
