/** Between the socket addresses of core and those of the addon. */
import { Buffer } from 'node:buffer'
import { decodeUnixPath, encodeUnixPath, type SocketAddress } from '@pollout/core'

const NOT_ASCII = /[^\0-\x7f]/

/** The last two of the arguments that are an address for the addon. A path has a character for each of its bytes there. */
export function whereOf(address: SocketAddress): [where: string | number, port: number] {
  switch (address.family) {
    case 'inet':
    case 'inet6':
      return [address.address, address.port]
    case 'unix':
      return [byteText(address.path), 0]
    case 'vsock':
      return [address.cid, address.port]
    default:
      throw new TypeError(`No such address family: ${(address as { family: unknown }).family}`)
  }
}

/** What the addon has told. */
export function addressFrom(told: SocketAddress | undefined): SocketAddress | undefined {
  if (told?.family !== 'unix' || !NOT_ASCII.test(told.path)) return told
  return { family: 'unix', path: decodeUnixPath(Buffer.from(told.path, 'latin1')) }
}

function byteText(path: string): string {
  return NOT_ASCII.test(path) ? encodeUnixPath(path).toString('latin1') : path
}
