/**
 * What an address literal really reaches: its bytes, and every other address that stands in it.
 *
 * Text can name one place in many ways, and an IPv6 address can carry an IPv4 one that a translator or a tunnel sends
 * the packets on to. A rule about 127.0.0.0/8 has to see all of them.
 */
import ipaddr from 'ipaddr.js'
import { literalFamily } from '../backend/address.js'

export { formatIp } from '../backend/ip-text.js'

/** 4 or 16 bytes in network order. */
export type IpBytes = readonly number[]

export interface Reach {
  /** The place itself, under each of its names: to be allowed, one of them has to be. */
  readonly targets: readonly IpBytes[]
  /** Where the packets may come by or end as well: what is denied here is denied there. */
  readonly also: readonly IpBytes[]
}

/** A block of addresses: the bytes of its first, and how many bits are fixed. */
export interface Block {
  readonly bytes: IpBytes
  readonly prefix: number
}

/**
 * Reads a literal, strictly as inet_pton(3): `127.1`, `0x7f.1` and `0177.0.0.1`, which inet_aton(3) takes, are none.
 * Undefined for anything that is no address. The zone is left out.
 */
export function parseIp(text: string): IpBytes | undefined {
  // The gate goes first: ipaddr.js reads IPv4 as inet_aton(3) does, and knows fewer zones than there are.
  if (literalFamily(text) === undefined) return undefined
  const [address = '', zone] = text.split('%', 2)
  // ipaddr.js 2.5 reads `::1.2.3.4` as `::ffff:1.2.3.4`, which the kernel does not.
  const unmistakable = address.replace(/^::(?=[^:]*\.)/, '::0:')
  if (!ipaddr.isValid(unmistakable)) return undefined
  const bytes = ipaddr.parse(unmistakable).toByteArray()
  // Elsewhere a zone has no meaning, and systems differ in what they make of it: RFC 4007, section 6.
  if (zone !== undefined && !hasZones(bytes)) return undefined
  return bytes
}

/** Reads `10.0.0.0/8`, `2001:db8::/32` or a single address. Undefined for anything else, host bits included. */
export function parseBlock(text: string): Block | undefined {
  const [, address = '', suffix] = /^([^/%]+)(?:\/(0|[1-9]\d{0,2}))?$/.exec(text) ?? []
  const bytes = parseIp(address)
  if (bytes === undefined) return undefined
  const bits = bytes.length * 8
  const prefix = suffix === undefined ? bits : Number(suffix)
  if (prefix > bits || bytes.some((byte, i) => byte & (0xff >> clamp(prefix - i * 8)))) {
    return undefined
  }
  // Packets to a v4-mapped address are IPv4 on the wire, so a rule about one is a rule about IPv4.
  if (prefix >= 96 && startsWith(bytes, V4_MAPPED)) {
    return { bytes: bytes.slice(12), prefix: prefix - 96 }
  }
  return { bytes, prefix }
}

/** How the bits behind a NAT64 prefix hold the IPv4 address; RFC 6052, section 2.2. */
export const NAT64_PREFIX_LENGTHS: readonly number[] = [32, 40, 48, 56, 64, 96]

/** All that `bytes` leads to. `nat64` are the prefixes that the own network's translators have besides the well-known one. */
export function reach(bytes: IpBytes, nat64: readonly Block[] = []): Reach {
  if (bytes.length === 4) return { targets: [bytes], also: [] }
  if (startsWith(bytes, V4_MAPPED)) return { targets: [bytes.slice(12)], also: [bytes] }
  const translated = [WELL_KNOWN_NAT64, ...nat64]
    .filter(({ bytes: start, prefix }) => startsWith(bytes, start.slice(0, prefix / 8)))
    .map(({ prefix }) => translatedTo(bytes, prefix))
  const also = carried(bytes)
  // RFC 8215 leaves open where in its /48 a network puts its translators' prefixes; where that is told, nothing is guessed.
  if (translated.length === 0 && startsWith(bytes, LOCAL_NAT64)) {
    for (const prefix of [48, 56, 64, 96]) also.push(translatedTo(bytes, prefix))
  }
  if (also.some(isUnspecified)) also.push(LOOPBACK_V4)
  return { targets: [bytes, ...translated], also }
}

/** 0.0.0.0 and `::`: connect(2) takes them for this machine, under the address that the socket is bound to, or loopback. */
export function isUnspecified(bytes: IpBytes): boolean {
  return bytes.every((byte) => byte === 0)
}

/** IPv4 addresses that an IPv6 address stands for, or is sent to by way of. */
function carried(bytes: IpBytes): IpBytes[] {
  const found: IpBytes[] = []
  // v4-compatible, RFC 4291; ::1 is none.
  if (startsWith(bytes, ZEROS_96) && !startsWith(bytes, LOOPBACK_V6)) found.push(bytes.slice(12))
  // IPv4-translated, RFC 2765.
  if (startsWith(bytes, V4_TRANSLATED)) found.push(bytes.slice(12))
  // 6to4: the router, RFC 3056.
  if (startsWith(bytes, [0x20, 0x02])) found.push(bytes.slice(2, 6))
  // Teredo: the server, and the client with its bits turned over, RFC 4380.
  if (startsWith(bytes, [0x20, 0x01, 0, 0])) {
    found.push(
      bytes.slice(4, 8),
      bytes.slice(12).map((byte) => byte ^ 0xff),
    )
  }
  // ISATAP: the interface identifier, under any prefix; its universal and group bits are no part of the mark. RFC 5214.
  if (((bytes[8] ?? 0) & 0xfc) === 0 && startsWith(bytes.slice(9), [0, 0x5e, 0xfe])) {
    found.push(bytes.slice(12))
  }
  return found
}

/** Bits 64 to 71 are left out of all forms but the last: RFC 6052, section 2.2. */
function translatedTo(bytes: IpBytes, prefix: number): IpBytes {
  if (prefix === 96) return bytes.slice(12)
  return bytes.filter((_, i) => i !== 8).slice(prefix / 8, prefix / 8 + 4)
}

const LOOPBACK_V4: IpBytes = [127, 0, 0, 1]
const ZEROS_96: IpBytes = Array(12).fill(0)
const LOOPBACK_V6: IpBytes = [...ZEROS_96, 0, 0, 0, 1]
export const V4_MAPPED: IpBytes = [...Array(10).fill(0), 0xff, 0xff]
const V4_TRANSLATED: IpBytes = [...Array(8).fill(0), 0xff, 0xff, 0, 0]
/** RFC 6052. */
const WELL_KNOWN_NAT64: Block = {
  bytes: [0, 0x64, 0xff, 0x9b, ...Array(12).fill(0)],
  prefix: 96,
}
/** RFC 8215. */
const LOCAL_NAT64: IpBytes = [0, 0x64, 0xff, 0x9b, 0, 1]

/** Link-local, site-local and multicast: RFC 4007. */
function hasZones([first = 0, second = 0]: IpBytes): boolean {
  return first === 0xff || (first === 0xfe && second >= 0x80)
}

function startsWith(bytes: IpBytes, start: IpBytes): boolean {
  return start.every((byte, i) => bytes[i] === byte)
}

function clamp(bits: number): number {
  return Math.min(8, Math.max(0, bits))
}
