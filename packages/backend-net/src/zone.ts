/** Zones of IPv6 addresses: `%eth0`, `%2`. RFC 4007, section 11. */
import { networkInterfaces } from 'node:os'
import { errno } from '@pollout/core'

const ADDRESS_AND_ZONE = /^([^%]*)%(.*)$/s
/** fe80::/10 and ff02::/16, where the zone says which way to go. Elsewhere the kernel makes nothing of it. */
const LINK_LOCAL = /^(fe[89ab][0-9a-f]|ff[0-9a-f]2):/i
/** LOOPBACK_IFINDEX of the kernel. It has no link-local address to tell it by. */
const LOOPBACK_INDEX = 1

/** An address as libuv takes it, which knows zones by name only. What `zoneFault()` objects to stays as it is. */
export function zonedHost(address: string): string {
  try {
    return known(address) ?? address
  } catch {
    return address
  }
}

/**
 * What connect(2) would say of the zone: EINVAL where it is no interface of this machine that is up, as libuv makes nothing
 * of one that it does not find. To ask for interfaces takes a descriptor, of which there may be none left: EMFILE.
 */
export function zoneFault(address: string): number {
  try {
    return known(address) === undefined ? -errno.EINVAL : 0
  } catch (cause) {
    // Node gives it without its sign here.
    const { errno: number } = cause as NodeJS.ErrnoException
    return number === undefined ? -errno.EINVAL : -Math.abs(number)
  }
}

function known(address: string): string | undefined {
  const [, host, zone] = ADDRESS_AND_ZONE.exec(address) ?? []
  if (host === undefined || zone === undefined) return address
  const name = interfaceName(zone)
  if (name === undefined) return undefined
  return LINK_LOCAL.test(host) ? `${host}%${name}` : host
}

/** A name goes first, as an interface may be called by a number. */
function interfaceName(zone: string): string | undefined {
  const interfaces = Object.entries(networkInterfaces())
  const [named] = interfaces.find(([name]) => name === zone) ?? []
  if (named !== undefined || !/^\d+$/.test(zone)) return named
  const index = Number(zone)
  const [found] =
    interfaces.find(([name, addresses = []]) => {
      if (name === 'lo' && index === LOOPBACK_INDEX) return true
      return addresses.some((one) => one.family === 'IPv6' && index > 0 && one.scopeid === index)
    }) ?? []
  return found
}
