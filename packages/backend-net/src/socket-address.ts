/** Between the backend interface's socket addresses and those of `node:net` and `node:dgram`. */
import { Buffer } from 'node:buffer'
import { isIP, type SocketConnectOpts } from 'node:net'
import {
  type AddressFamily,
  errno,
  type InetAddress,
  isInet,
  type SocketAddress,
  type SocketSpec,
} from '@pollout/core'

/** sun_path's size, unix(7); the last byte is the terminating NUL that libuv insists on for paths. */
const UNIX_PATH_MAX_BYTES = 107

/** fe80::/10 with no zone. The kernel wants to be told the interface; libuv since 1.47 guesses one. */
const ZONELESS_LINK_LOCAL = /^fe[89ab][0-9a-f]:[^%]*$/i

type Lookup = NonNullable<Extract<SocketConnectOpts, { port: number }>['lookup']>

/** Stands where DNS would be: only literals may reach a backend, so what is none is an invalid argument. */
const refuseLookup: Lookup = (_hostname, _options, callback) => {
  const error: NodeJS.ErrnoException = new Error('not an address literal')
  error.errno = -errno.EINVAL
  callback(error, '')
}

/** What connect(2) would say of this address before it looks for the peer; 0 where it would not object. */
export function addressFault(spec: SocketSpec, to: SocketAddress): number {
  if (to.family !== spec.family) return familyFault(spec, to)
  if (isInet(to)) {
    return to.family === 'inet6' && ZONELESS_LINK_LOCAL.test(to.address) ? -errno.EINVAL : 0
  }
  if (to.family !== 'unix') return -errno.EAFNOSUPPORT
  // An abstract name has no terminator, and so one byte more.
  const most = to.path.startsWith('\0') ? UNIX_PATH_MAX_BYTES + 1 : UNIX_PATH_MAX_BYTES
  const isValid = to.path !== '' && Buffer.byteLength(to.path) <= most
  return isValid ? 0 : -errno.EINVAL
}

/** What bind(2) would say of this address before it looks for it; for sockets of inet and inet6. */
export function bindFault(spec: SocketSpec, at: SocketAddress): number {
  if (at.family !== spec.family) return familyFault(spec, at)
  return literalFault(at) || addressFault(spec, at)
}

/** Node itself would let `0.0.0.0` or `127.0.0.1` stand for what is no literal, or take the port's lower 16 bits. */
export function literalFault(address: SocketAddress): number {
  if (!isInet(address)) return -errno.EAFNOSUPPORT
  const isLiteral = isIP(address.address) === (address.family === 'inet6' ? 6 : 4)
  const isPort = Number.isInteger(address.port) && address.port >= 0 && address.port <= 65_535
  return isLiteral && isPort ? 0 : -errno.EINVAL
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
  const { address: host, port } = to
  const options = { host, port, autoSelectFamily: false, lookup: refuseLookup }
  if (from === undefined) return options
  return { ...options, localAddress: from.address, localPort: from.port }
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
