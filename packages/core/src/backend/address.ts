/** Socket addresses: where a socket is, in the form a backend takes; no host names here. */
import { isIPv4, isIPv6 } from 'node:net'

/**
 * Address families, by their POSIX names without `AF_`.
 *
 * @example
 * ```ts
 * import { type AddressFamily, createReactor } from 'pollout'
 *
 * const families: readonly AddressFamily[] = ['inet6', 'inet']
 * await using reactor = createReactor()
 * families.filter((family) => reactor.capabilities.sockets[family].includes('stream'))
 * ```
 */
export type AddressFamily = 'inet' | 'inet6' | 'unix' | 'vsock'

/**
 * Socket types, by their POSIX names without `SOCK_`.
 *
 * @example
 * ```ts
 * import { type SocketType, socketTypeOf, udp } from 'pollout'
 *
 * const type: SocketType = socketTypeOf(udp('192.0.2.53', 53)) // 'dgram'
 * ```
 */
export type SocketType = 'stream' | 'dgram' | 'seqpacket'

/**
 * Which socket to open: socket(2).
 *
 * @example
 * ```ts
 * import { errno, type SocketSpec, type SystemResult } from '@pollout/core'
 *
 * function streamsOnly({ type }: SocketSpec): SystemResult {
 *   return type === 'stream' ? 0 : -errno.EPROTONOSUPPORT
 * }
 * ```
 */
export interface SocketSpec {
  readonly family: AddressFamily
  readonly type: SocketType
}

/**
 * An IPv4 or IPv6 address with a port: ip(7), ipv6(7).
 *
 * @example
 * ```ts
 * import type { InetAddress } from 'pollout'
 *
 * const https: InetAddress = { family: 'inet', address: '192.0.2.1', port: 443 }
 * const router: InetAddress = { family: 'inet6', address: 'fe80::1%eth0', port: 22 }
 * ```
 */
export interface InetAddress {
  readonly family: 'inet' | 'inet6'
  /** Literal address; an IPv6 one may carry a zone, `fe80::1%eth0`. Never a host name. */
  readonly address: string
  /** 0 to 65535, host byte order. */
  readonly port: number
}

/**
 * A Unix-domain address: unix(7).
 *
 * @example
 * ```ts
 * import type { UnixAddress } from 'pollout'
 *
 * const docker: UnixAddress = { family: 'unix', path: '/run/docker.sock' }
 * const abstract: UnixAddress = { family: 'unix', path: '\0metrics' }
 * ```
 */
export interface UnixAddress {
  readonly family: 'unix'
  /**
   * A file-system path, or an abstract name with a leading NUL character, which may hold others; empty for an unnamed
   * socket, and in bind() for "any free abstract name" (autobind). UTF-8; a byte that is no part of it stands as one of
   * the code units U+DC80 to U+DCFF, so that every name can be told, and written down again.
   */
  readonly path: string
}

/**
 * An address between a virtual machine and its host: vsock(7).
 *
 * @example
 * ```ts
 * import type { VsockAddress } from 'pollout'
 *
 * const onTheHost: VsockAddress = { family: 'vsock', cid: 2, port: 1024 }
 * ```
 */
export interface VsockAddress {
  readonly family: 'vsock'
  /** Context identifier: 1 is this machine, 2 its host. An unsigned 32-bit number. */
  readonly cid: number
  /** An unsigned 32-bit number. */
  readonly port: number
}

/**
 * Where a socket is, or is to go: what connect(2), bind(2), getsockname(2) and getpeername(2) speak of.
 *
 * @example
 * ```ts
 * import { formatAddress, type SocketAddress } from 'pollout'
 *
 * function log(peer: SocketAddress | undefined): void {
 *   console.log(peer ? formatAddress(peer) : 'nobody')
 * }
 * ```
 */
export type SocketAddress = InetAddress | UnixAddress | VsockAddress

/**
 * Whether an address has a port and an IP address in it, rather than a path or a context identifier.
 *
 * @example
 * ```ts
 * import { isInet, type SocketAddress } from 'pollout'
 *
 * function portOf(address: SocketAddress): number | undefined {
 *   return isInet(address) ? address.port : undefined
 * }
 * ```
 */
export function isInet(address: SocketAddress): address is InetAddress {
  return address.family === 'inet' || address.family === 'inet6'
}

/** The longest IPv6 literal: eight groups, the last two as IPv4. */
const LONGEST_IPV6 = 45
/** A network interface's name or number: 15 bytes at most, IFNAMSIZ of netdevice(7). */
const ZONE = /^[\w.~-]{1,15}$/

/**
 * The family of an address literal, or undefined where `host` is a name that has to be resolved.
 *
 * @example
 * ```ts
 * import { literalFamily } from 'pollout'
 *
 * literalFamily('192.0.2.1') // 'inet'
 * literalFamily('fe80::1%eth0') // 'inet6'
 * literalFamily('example.net') // undefined
 * ```
 */
export function literalFamily(host: string): 'inet' | 'inet6' | undefined {
  // Node would read an object's text, which may be another one the next time.
  if (typeof host !== 'string') return undefined
  if (isIPv4(host)) return 'inet'
  // What a zone may hold differs between versions of Node, so it is looked at here.
  const percent = host.indexOf('%')
  const address = percent < 0 ? host : host.slice(0, percent)
  if (address.length > LONGEST_IPV6 || !isIPv6(address)) return undefined
  return percent < 0 || ZONE.test(host.slice(percent + 1)) ? 'inet6' : undefined
}

/**
 * Text for people and logs: `127.0.0.1:80`, `[::1]:80`, `/run/x.sock`, `@abstract`, `vsock:2:1024`.
 *
 * @example
 * ```ts
 * import { formatAddress } from 'pollout'
 *
 * formatAddress({ family: 'inet6', address: '::1', port: 80 }) // '[::1]:80'
 * formatAddress({ family: 'unix', path: '\0metrics' }) // '@metrics'
 * ```
 */
export function formatAddress(address: SocketAddress): string {
  switch (address.family) {
    case 'inet':
      return `${address.address}:${address.port}`
    case 'inet6':
      return `[${address.address}]:${address.port}`
    case 'vsock':
      return `vsock:${address.cid}:${address.port}`
    case 'unix':
      return address.path.startsWith('\0') ? `@${address.path.slice(1)}` : address.path
  }
}
