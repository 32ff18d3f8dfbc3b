/** Between the backend interface's socket addresses and those of `node:net`. */
import { Buffer } from 'node:buffer'
import type { SocketConnectOpts } from 'node:net'
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
  if (to.family !== spec.family) return -errno.EAFNOSUPPORT
  if (isInet(to)) {
    return to.family === 'inet6' && ZONELESS_LINK_LOCAL.test(to.address) ? -errno.EINVAL : 0
  }
  if (to.family !== 'unix') return -errno.EAFNOSUPPORT
  // An abstract name has no terminator, and so one byte more.
  const most = to.path.startsWith('\0') ? UNIX_PATH_MAX_BYTES + 1 : UNIX_PATH_MAX_BYTES
  const isValid = to.path !== '' && Buffer.byteLength(to.path) <= most
  return isValid ? 0 : -errno.EINVAL
}

export function connectOptions(to: SocketAddress): SocketConnectOpts {
  // No vsock address gets here: `addressFault()`.
  if (!isInet(to)) return { path: to.family === 'unix' ? to.path : '' }
  return { host: to.address, port: to.port, autoSelectFamily: false, lookup: refuseLookup }
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
