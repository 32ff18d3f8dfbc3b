/** Between the backend interface's socket addresses and those of `node:net` and `node:dgram`. */
import type { SocketConnectOpts } from 'node:net'
import {
  type AddressFamily,
  addressProblem,
  errno,
  type InetAddress,
  isInet,
  isUtf8Path,
  type SocketAddress,
  type SocketSpec,
} from '@pollout/core'
import { zonedHost, zoneFault } from './zone.js'

/** fe80::/10 with no zone. The kernel wants to be told the interface; libuv since 1.47 guesses one. */
const ZONELESS_LINK_LOCAL = /^fe[89ab][0-9a-f]:[^%]*$/i

type Lookup = NonNullable<Extract<SocketConnectOpts, { port: number }>['lookup']>

/** Stands where DNS would be: only literals may reach a backend, so what is none is an invalid argument. */
const refuseLookup: Lookup = (_hostname, _options, callback) => {
  const error: NodeJS.ErrnoException = new Error('not an address literal')
  error.errno = -errno.EINVAL
  callback(error, '')
}

/**
 * What the kernel would say of this address before it looks for it, or for the peer there; 0 where it would not object.
 * Node itself would let `0.0.0.0` or `127.0.0.1` stand for what is no literal, take the port's lower 16 bits, and a path
 * as far as its first NUL.
 */
export function addressFault(spec: SocketSpec, to: SocketAddress): number {
  if (to.family !== spec.family) return familyFault(spec, to)
  if (addressProblem(to) !== undefined) return -errno.EINVAL
  if (to.family === 'inet6') {
    return ZONELESS_LINK_LOCAL.test(to.address) ? -errno.EINVAL : zoneFault(to.address)
  }
  if (to.family === 'inet') return 0
  if (to.family !== 'unix') return -errno.EAFNOSUPPORT
  // Node has no means to say other bytes than those of UTF-8.
  return to.path !== '' && isUtf8Path(to.path) ? 0 : -errno.EINVAL
}

/** An IPv4 address is shorter than what an IPv6 socket reads, and the kernel looks at the length first. */
function familyFault(spec: SocketSpec, address: SocketAddress): number {
  const isTooShort = spec.family === 'inet6' && address.family === 'inet'
  return isTooShort ? -errno.EINVAL : -errno.EAFNOSUPPORT
}

export function connectOptions(
  to: SocketAddress,
  from: InetAddress | undefined,
): SocketConnectOpts {
  // No vsock address gets here: `addressFault()`.
  if (!isInet(to)) return { path: to.family === 'unix' ? to.path : '' }
  const host = zonedHost(to.address)
  const options = { host, port: to.port, autoSelectFamily: false, lookup: refuseLookup }
  if (from === undefined) return options
  const localAddress = zonedHost(from.address)
  return { ...options, localAddress, localPort: from.port }
}

/** The address of an inet or inet6 socket from what `node:net` tells; undefined where it tells nothing. */
export function inetAddress(
  family: AddressFamily,
  address: string | undefined,
  port: number | undefined,
): InetAddress | undefined {
  if (address === undefined || port === undefined) return undefined
  return { family: family === 'inet6' ? family : 'inet', address, port }
}
