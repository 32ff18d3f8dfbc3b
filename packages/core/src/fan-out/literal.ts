/** Address literals as the bulk lane takes them: bytes, without an object for each. */
import { inNetworkOrder } from '../backend/byte-order.js'
import type { InetFamily } from '../backend/ip-text.js'
import { formatIp } from '../backend/ip-text.js'
import { parseIp } from '../policy/policy-address.js'

/** 0 for what is no literal, or has a zone. */
export type IpVersion = 0 | 4 | 6

/** The third word of an IPv6 address that is an IPv4 one: RFC 4291, section 2.5.5.2. */
export const V4_MAPPED = inNetworkOrder(0xffff) | 0

/** Of a literal. */
export function familyOf(version: IpVersion): InetFamily {
  return version === 4 ? 'inet' : 'inet6'
}

const DOT = 46
const ZERO = 48

/** An address's bytes as four words in this machine's byte order; one of IPv4 is in the first. */
export class Literal {
  version: IpVersion = 0
  readonly bytes = new Uint8Array(16)
  readonly words = new Int32Array(this.bytes.buffer)
  #text = ''

  /** Reads a host; many in a row that are the same cost next to nothing. */
  read(host: string): IpVersion {
    if (host === this.#text) return this.version
    this.#text = host
    this.bytes.fill(0)
    if (this.#readIpv4(host)) this.version = 4
    else this.version = host.includes(':') && !host.includes('%') ? this.#readIpv6(host) : 0
    return this.version
  }

  /** Four numbers without needless zeros, as inet_pton(3) has them. */
  #readIpv4(host: string): boolean {
    const { length } = host
    if (length < 7 || length > 15) return false
    const { bytes } = this
    let part = 0
    let value = -1
    for (let i = 0; i < length; i++) {
      const code = host.charCodeAt(i)
      if (code === DOT) {
        if (value < 0 || part === 3) return false
        bytes[part++] = value
        value = -1
      } else {
        const digit = code - ZERO
        if (digit < 0 || digit > 9 || value === 0) return false
        value = value < 0 ? digit : value * 10 + digit
        if (value > 255) return false
      }
    }
    if (part !== 3 || value < 0) return false
    bytes[3] = value
    return true
  }

  #readIpv6(host: string): IpVersion {
    const parsed = parseIp(host)
    if (parsed?.length !== 16) return 0
    this.bytes.set(parsed)
    return 6
  }
}

const scratch = new Int32Array(4)
const scratchBytes = new Uint8Array(scratch.buffer)
const scratchIpv4 = scratchBytes.subarray(0, 4)

/** The address that stands in these words, as text. */
export function formatWords(
  version: IpVersion,
  word0: number,
  word1: number,
  word2: number,
  word3: number,
): string {
  scratch[0] = word0
  scratch[1] = word1
  scratch[2] = word2
  scratch[3] = word3
  return formatIp(version === 4 ? scratchIpv4 : scratchBytes)
}
