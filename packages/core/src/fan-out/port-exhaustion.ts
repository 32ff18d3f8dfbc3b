/** EADDRNOTAVAIL from connect(2) says one of two things; which of them, the kernel is asked here. */
import { isInet, type SocketAddress } from '../backend/address.js'
import type { Backend, Handle } from '../backend/backend.js'
import { errno } from '../backend/errno.js'

/**
 * Whether it is the address: no local one can reach `to` at all, as with an IPv6 destination on a machine without IPv6,
 * so that waiting for a port is in vain. A UDP connect chooses its source address as TCP does and sends nothing, and
 * where it has no port it fails otherwise (EAGAIN): udp(7), ip(7). False too where nobody can be asked.
 */
export function lacksAddress(
  backend: Backend,
  to: SocketAddress,
  from: SocketAddress | undefined,
): boolean {
  const { sockets, immediateErrors } = backend.capabilities
  if (!isInet(to) || !immediateErrors || !sockets[to.family].includes('dgram')) return false
  const handle = backend.open({ family: to.family, type: 'dgram' }) as Handle
  if (handle < 0) return false
  try {
    if (from && isInet(from)) {
      const bound = backend.bind?.(handle, { ...from, port: 0 }) ?? 0
      if (bound < 0) return bound === -errno.EADDRNOTAVAIL
    }
    return backend.connect(handle, to) === -errno.EADDRNOTAVAIL
  } finally {
    backend.close(handle, 'reset')
  }
}
