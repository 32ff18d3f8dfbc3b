/** Socket addresses: where a socket is, in the form a backend takes; no host names here. */
import { isIPv4, isIPv6 } from 'node:net'

/** Address families, by their POSIX names without `AF_`. */
export type AddressFamily = 'inet' | 'inet6' | 'unix' | 'vsock'

/** Socket types, by their POSIX names without `SOCK_`. */
export type SocketType = 'stream' | 'dgram' | 'seqpacket'

/** An IPv4 or IPv6 address with a port: ip(7), ipv6(7). */
export interface InetAddress {
  readonly family: 'inet' | 'inet6'
  /** Literal address; an IPv6 one may carry a zone, `fe80::1%eth0`. Never a host name. */
  readonly address: string
  /** 0 to 65535, host byte order. */
  readonly port: number
}

/** A Unix-domain address: unix(7). */
export interface UnixAddress {
  readonly family: 'unix'
  /**
   * A file-system path, or an abstract name with a leading NUL character; empty for an unnamed socket, and in bind()
   * for "any free abstract name" (autobind).
   */
  readonly path: string
}

/** An address between a virtual machine and its host: vsock(7). */
export interface VsockAddress {
  readonly family: 'vsock'
  /** Context identifier: 1 is this machine, 2 its host. An unsigned 32-bit number. */
  readonly cid: number
  /** An unsigned 32-bit number. */
  readonly port: number
}

export type SocketAddress = InetAddress | UnixAddress | VsockAddress

export function isInet(address: SocketAddress): address is InetAddress {
  return address.family === 'inet' || address.family === 'inet6'
}

/** The longest IPv6 literal: eight groups, the last two as IPv4. */
const LONGEST_IPV6 = 45
/** A network interface's name or number: 15 bytes at most, IFNAMSIZ of netdevice(7). */
const ZONE = /^[\w.~-]{1,15}$/

/** The family of an address literal, or undefined where `host` is a name that has to be resolved. */
export function literalFamily(host: string): 'inet' | 'inet6' | undefined {
  if (isIPv4(host)) return 'inet'
  // What a zone may hold differs between versions of Node, so it is looked at here.
  const percent = host.indexOf('%')
  const address = percent < 0 ? host : host.slice(0, percent)
  if (address.length > LONGEST_IPV6 || !isIPv6(address)) return undefined
  return percent < 0 || ZONE.test(host.slice(percent + 1)) ? 'inet6' : undefined
}

/** Text for people and logs: `127.0.0.1:80`, `[::1]:80`, `/run/x.sock`, `@abstract`, `vsock:2:1024`. */
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
