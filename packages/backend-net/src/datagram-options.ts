/** The options of one datagram socket, by name: kept until it has a descriptor, which in Node only bind() makes. */
import type { Socket } from 'node:dgram'
import type { SocketOptionName, SocketOptionValue, SystemResult } from '@pollout/core'
import { negatedErrno } from './system-error.js'

type Setter = (socket: Socket, value: SocketOptionValue) => void

const SETTERS: Partial<Record<SocketOptionName, Setter>> = {
  broadcast: (socket, value) => socket.setBroadcast(value === true),
  hopLimit: (socket, value) => socket.setTTL(Number(value)),
  sendBufferBytes: (socket, value) => socket.setSendBufferSize(Number(value)),
  receiveBufferBytes: (socket, value) => socket.setRecvBufferSize(Number(value)),
}

export const DATAGRAM_OPTIONS = [...Object.keys(SETTERS), 'ipv6Only'] as SocketOptionName[]

export class DatagramOptions {
  readonly #values = new Map<SocketOptionName, SocketOptionValue>()

  /** Sets it on `socket` too, where there is one. */
  set(name: SocketOptionName, value: SocketOptionValue, socket: Socket | undefined): SystemResult {
    this.#values.set(name, value)
    return socket === undefined ? 0 : setOn(socket, name, value)
  }

  /** For the constructor of a socket; on Linux it takes effect in bind(2) and can't change after it: ipv6(7). */
  get ipv6Only(): boolean {
    return this.#values.get('ipv6Only') === true
  }

  /** Sets all of them on a socket that has just been bound. */
  applyTo(socket: Socket): SystemResult {
    for (const [name, value] of this.#values) {
      const result = setOn(socket, name, value)
      if (result !== 0) return result
    }
    return 0
  }
}

function setOn(socket: Socket, name: SocketOptionName, value: SocketOptionValue): SystemResult {
  try {
    SETTERS[name]?.(socket, value)
    return 0
  } catch (cause) {
    return negatedErrno(cause)
  }
}
