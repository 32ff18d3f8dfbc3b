/** The local addresses of a simulated machine's sockets: those bound, and those chosen by connecting. */
import {
  errno,
  formatAddress,
  type InetAddress,
  isInet,
  type SocketAddress,
  type SystemResult,
} from '@pollout/core'
import type { ScriptedSocket } from './scripted-socket.js'

const FIRST_PORT = 40_000

export class LocalAddresses {
  readonly #taken = new Map<string, ScriptedSocket>()
  #nextPort = FIRST_PORT
  #nextName = 0

  bind(socket: ScriptedSocket, at: SocketAddress): SystemResult {
    if (at.family !== socket.spec.family) return -errno.EAFNOSUPPORT
    if (socket.localAddress !== undefined) return -errno.EINVAL
    const address = this.#complete(at, socket.options.get('bindAddressNoPort') === true)
    if (this.#taken.has(key(socket, address))) return -errno.EADDRINUSE
    this.#take(socket, address)
    return 0
  }

  /** What a socket gets that connects without an address, or without a port, of its own. */
  choose(socket: ScriptedSocket): void {
    const { family } = socket.spec
    const bound = socket.localAddress
    if (family === 'unix') socket.localAddress ??= { family, path: '' }
    else if (family === 'vsock') socket.localAddress ??= { family, cid: 1, port: this.#nextPort++ }
    else if (bound === undefined || (isInet(bound) && bound.port === 0)) {
      const address = family === 'inet' ? '192.0.2.99' : '2001:db8::99'
      this.#take(socket, this.#withPort({ family, address, port: 0, ...bound }))
    }
  }

  /** What connecting has chosen is given up; what was bound is not. */
  forget(socket: ScriptedSocket): void {
    this.release(socket)
    socket.localAddress = undefined
    if (socket.bound) this.#take(socket, socket.bound)
  }

  at(address: SocketAddress): ScriptedSocket | undefined {
    return this.#taken.get(`dgram ${formatAddress(address)}`)
  }

  release(socket: ScriptedSocket): void {
    const { localAddress } = socket
    if (localAddress === undefined) return
    const place = key(socket, localAddress)
    if (this.#taken.get(place) === socket) this.#taken.delete(place)
  }

  #take(socket: ScriptedSocket, address: SocketAddress): void {
    socket.localAddress = address
    const isYetToCome = isInet(address) && address.port === 0
    if (!isYetToCome) this.#taken.set(key(socket, address), socket)
  }

  /** Port 0 and the empty path leave the choice to the system: ip(7), autobind of unix(7). */
  #complete(at: SocketAddress, portLater: boolean): SocketAddress {
    if (isInet(at)) return at.port === 0 && !portLater ? this.#withPort(at) : at
    if (at.family !== 'unix' || at.path !== '') return at
    const name = (this.#nextName++).toString(16).padStart(5, '0')
    return { family: 'unix', path: `\0${name}` }
  }

  #withPort(at: InetAddress): InetAddress {
    return { ...at, port: this.#nextPort++ }
  }
}

function key({ spec }: ScriptedSocket, address: SocketAddress): string {
  return `${spec.type} ${formatAddress(address)}`
}
