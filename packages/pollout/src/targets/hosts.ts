/** Hosts of one item of a list: a name, an address, a CIDR block or a range, of which each can be asked for by number. */
import { literalFamily, tcp } from '@pollout/core'
import ipaddr from 'ipaddr.js'
import { InvalidTargetError, quoted } from './invalid-target.js'
import { LARGEST_PERMUTATION } from './permutation.js'

export interface Hosts {
  readonly count: number
  /** Undefined for one host, that is a name or a literal as it was written. */
  readonly range?: AddressRange
  at(index: number): string
}

/** Addresses in a row. Of IPv4 as 32 bits, of IPv6 as 128. */
export interface AddressRange {
  readonly family: 'inet' | 'inet6'
  readonly first: bigint
  readonly last: bigint
}

/**
 * Reads `host.name`, `192.0.2.1`, `2001:db8::1`, `10.0.0.0/8` (all of its addresses; bits behind the prefix are passed
 * over, as nmap does), `10.0.0.1-10.0.0.9` or `10.0.0.1-9`. Throws {@link InvalidTargetError}.
 */
export function parseHosts(text: string): Hosts {
  const family = literalFamily(text)
  if (family !== undefined) return new OneHost(text)
  const range = parseRange(text)
  return range ? hostsOf(range, text) : new OneHost(hostName(text))
}

/** As {@link parseHosts}, for addresses only: undefined for a name. A single one is a range too; its zone is left out. */
export function parseRange(text: string): AddressRange | undefined {
  if (text.includes('/')) return parseBlock(text)
  const ends = /^([^-%]+)-([^-%]+)$/.exec(text)
  const first = ends?.[1] ?? ''
  const family = literalFamily(ends ? first : text)
  if (family === undefined) return undefined
  if (ends === null) {
    const address = toNumber(text)
    return { family, first: address, last: address }
  }
  const end = ends[2] ?? ''
  const isOctet = family === 'inet' && /^\d{1,3}$/.test(end)
  const last = isOctet ? first.replace(/\d+$/, end) : end
  if (literalFamily(last) === family && toNumber(first) <= toNumber(last)) {
    return { family, first: toNumber(first), last: toNumber(last) }
  }
  throw new InvalidTargetError(
    `${quoted(text)} is no range of addresses; write 10.0.0.1-10.0.0.9 or 10.0.0.1-9`,
  )
}

function parseBlock(text: string): AddressRange {
  const [, address = '', suffix] = /^([^/%]+)\/(0|[1-9]\d{0,2})$/.exec(text) ?? []
  const family = literalFamily(address)
  const bits = family === 'inet' ? 32 : 128
  if (family === undefined || !(Number(suffix) <= bits)) {
    throw new InvalidTargetError(
      `${quoted(text)} is no CIDR block; write 10.0.0.0/8 or 2001:db8::/120`,
    )
  }
  const hostBits = BigInt(bits - Number(suffix))
  const first = (toNumber(address) >> hostBits) << hostBits
  return { family, first, last: first + (1n << hostBits) - 1n }
}

function hostsOf({ family, first, last }: AddressRange, text: string): Hosts {
  const count = last - first + 1n
  if (count > BigInt(LARGEST_PERMUTATION)) {
    throw new InvalidTargetError(`${quoted(text)} has more than 2^52 addresses`)
  }
  const range = { family, first, last }
  return family === 'inet' ? new V4Range(range, Number(count)) : new V6Range(range, Number(count))
}

/** An address literal as a number; its zone is left out. */
export function toNumber(literal: string): bigint {
  if (literalFamily(literal) === 'inet') return BigInt(v4ToNumber(literal))
  const address = literal.replace(/%.*$/s, '')
  // ipaddr.js 2.5 reads `::1.2.3.4` as `::ffff:1.2.3.4`.
  const bytes = ipaddr.parse(address.replace(/^::(?=[^:]*\.)/, '::0:')).toByteArray()
  return BigInt(`0x${Buffer.from(bytes).toString('hex')}`)
}

/** The hottest of all: each look at an exclude list begins here. */
function v4ToNumber(literal: string): number {
  const [a, b, c, d] = literal.split('.')
  return ((Number(a) * 256 + Number(b)) * 256 + Number(c)) * 256 + Number(d)
}

/** Throws for what is no name either. */
function hostName(text: string): string {
  try {
    return tcp(text, 0).host
  } catch {
    throw new InvalidTargetError(
      `${quoted(text)} is no host name, address, CIDR block or range of addresses`,
    )
  }
}

class OneHost implements Hosts {
  readonly count = 1
  readonly #host: string

  constructor(host: string) {
    this.#host = host
  }

  at(): string {
    return this.#host
  }
}

class V4Range implements Hosts {
  readonly count: number
  readonly range: AddressRange
  readonly #first: number

  constructor(range: AddressRange, count: number) {
    this.range = range
    this.#first = Number(range.first)
    this.count = count
  }

  at(index: number): string {
    const address = this.#first + index
    return `${address >>> 24}.${(address >>> 16) & 255}.${(address >>> 8) & 255}.${address & 255}`
  }
}

class V6Range implements Hosts {
  readonly count: number
  readonly range: AddressRange

  constructor(range: AddressRange, count: number) {
    this.range = range
    this.count = count
  }

  at(index: number): string {
    const hex = (this.range.first + BigInt(index)).toString(16).padStart(32, '0')
    return ipaddr.fromByteArray([...Buffer.from(hex, 'hex')]).toString()
  }
}
