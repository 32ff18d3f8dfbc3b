/** IP addresses as text, from their bytes: the one form that each has, as inet_ntop(3) writes it. RFC 5952. */
import type { InetAddress } from './address.js'

export type InetFamily = InetAddress['family']

/** The bytes of an IPv4 address, or of an IPv6 one: four or sixteen. */
export function formatIp(bytes: ArrayLike<number>): string {
  return bytes.length === 4 ? formatIpv4(bytes, 0) : formatIpv6(bytes)
}

function formatIpv4(bytes: ArrayLike<number>, at: number): string {
  return `${bytes[at]}.${bytes[at + 1]}.${bytes[at + 2]}.${bytes[at + 3]}`
}

function formatIpv6(bytes: ArrayLike<number>): string {
  let zeros = 0
  let longest = 1
  let start = -1
  for (let group = 0; group < 8; group++) {
    zeros = groupOf(bytes, group) === 0 ? zeros + 1 : 0
    // The first of several that are equally long.
    if (zeros <= longest) continue
    longest = zeros
    start = group + 1 - zeros
  }
  // IPv4 inside: mapped, or compatible.
  const isMapped = start === 0 && longest === 5 && groupOf(bytes, 5) === 0xffff
  if (isMapped) return `::ffff:${formatIpv4(bytes, 12)}`
  if (start === 0 && longest === 6) return `::${formatIpv4(bytes, 12)}`
  if (start < 0) return groups(bytes, 0, 8)
  return `${groups(bytes, 0, start)}::${groups(bytes, start + longest, 8)}`
}

function groups(bytes: ArrayLike<number>, from: number, to: number): string {
  let text = ''
  for (let group = from; group < to; group++) {
    text += `${group === from ? '' : ':'}${groupOf(bytes, group).toString(16)}`
  }
  return text
}

function groupOf(bytes: ArrayLike<number>, group: number): number {
  return ((bytes[2 * group] as number) << 8) | (bytes[2 * group + 1] as number)
}
