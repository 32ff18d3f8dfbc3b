/**
 * The address that has answered, where a connect was asked for another text or for no place in particular: what
 * getpeername(2) would say. The kernel is asked only where the text does not tell.
 */
import { isInet, type SocketAddress } from '../backend/address.js'
import type { Backend, Handle } from '../backend/backend.js'
import { formatIp } from '../backend/ip-text.js'
import { isUnspecified, parseIp, V4_MAPPED } from '../policy/policy-address.js'

/** Of a connected socket. A unix socket's is the path as it was asked for: the peer's own may be relative, or gone. */
export function reachedAddress(
  backend: Backend,
  handle: Handle,
  asked: SocketAddress,
): SocketAddress {
  if (!isInet(asked)) return asked
  const { family, address, port } = asked
  const text = family === 'inet' ? reachedIpv4(address) : reachedIpv6(address)
  if (text === address) return asked
  if (text !== undefined) return { family, address: text, port }
  // Gone already, or to be met with the first data (a fast open): what was asked for is the best there is.
  return backend.peerAddress(handle) ?? asked
}

/** inet_pton(3) takes one text for each. 0.0.0.0 is this machine, under an address that the kernel chooses. */
function reachedIpv4(address: string): string | undefined {
  return address === '0.0.0.0' ? undefined : address
}

let lastAsked = ''
let lastReached: string | undefined

/** Many connects in a row go to one host. */
function reachedIpv6(address: string): string | undefined {
  if (address === lastAsked) return lastReached
  lastAsked = address
  lastReached = toIpv6(address)
  return lastReached
}

/** Undefined for an unspecified address, and for one with a zone, which the kernel tells by the interface's name or leaves out. */
function toIpv6(address: string): string | undefined {
  if (address.includes('%')) return undefined
  const bytes = parseIp(address)
  if (bytes === undefined) return undefined
  const isMapped = V4_MAPPED.every((byte, i) => bytes[i] === byte)
  return isUnspecified(isMapped ? bytes.slice(12) : bytes) ? undefined : formatIp(bytes)
}
