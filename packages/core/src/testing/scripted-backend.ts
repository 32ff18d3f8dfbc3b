/** The backend that a script drives: keeps the table of sockets and sees that the contract is kept. */
import type { SocketAddress } from '../address.js'
import {
  type Backend,
  type Capabilities,
  type CloseMode,
  ConnectStatus,
  type Handle,
  type SocketSpec,
  type SystemResult,
  type Token,
} from '../backend.js'
import { errno } from '../errno.js'
import type { Interest } from '../readiness.js'
import type { Script } from './script.js'
import { ScriptedSocket } from './scripted-socket.js'

const EVERYTHING: Capabilities = {
  sockets: {
    inet: ['stream', 'dgram'],
    inet6: ['stream', 'dgram'],
    unix: ['stream', 'dgram', 'seqpacket'],
    vsock: ['stream', 'seqpacket'],
  },
  abstractUnix: true,
  kernelReadiness: true,
  immediateErrors: true,
  bind: false,
  options: [],
  eventTimes: true,
  kernelSockets: false,
}

/** @internal Made by {@link Script.factory}. */
export class ScriptedBackend implements Backend {
  readonly name: string
  readonly capabilities: Capabilities
  readonly #script: Script
  #destroyed: Promise<void> | undefined

  constructor(script: Script) {
    this.#script = script
    this.name = script.options.name ?? 'scripted'
    this.capabilities = { ...EVERYTHING, ...script.options.capabilities }
  }

  get openHandles(): number {
    return this.#script.open.length
  }

  open(spec: SocketSpec): SystemResult | Handle {
    const script = this.#script
    if (script.destroyed) return script.violation('open() after destroy()')
    const types = this.capabilities.sockets[spec.family]
    if (types.length === 0) return -errno.EAFNOSUPPORT
    if (!types.includes(spec.type)) return -errno.EPROTONOSUPPORT
    const result = script.answer('open', undefined, [spec], () => 0)
    if (result < 0) return result
    const socket = new ScriptedSocket((script.sockets.length + 1) as Handle, spec)
    script.sockets.push(socket)
    return socket.handle
  }

  connect(handle: Handle, to: SocketAddress): SystemResult {
    return this.#on(handle, 'connect', (socket) => {
      socket.connects.push(to)
      return this.#script.answer('connect', socket, [socket, to], () => -errno.EINPROGRESS)
    })
  }

  register(handle: Handle, token: Token, interest: Interest): SystemResult {
    return this.#on(handle, 'register', (socket) => {
      this.#script.arm(socket, { token, interest })
      const result = this.#script.answer('register', socket, [socket, interest], () => 0)
      if (result < 0) this.#script.arm(socket, undefined)
      return result
    })
  }

  deregister(handle: Handle): void {
    const socket = this.#find(handle)
    if (socket) this.#script.arm(socket, undefined)
  }

  finishConnect(handle: Handle): ConnectStatus {
    return this.#on(handle, 'finishConnect', (socket) =>
      this.#script.answer('finishConnect', socket, [socket], () => ConnectStatus.CONNECTED),
    )
  }

  receive(handle: Handle, into: Uint8Array): SystemResult {
    return this.#on(handle, 'receive', (socket) =>
      this.#script.answer('receive', socket, [socket, into], () => socket.takeArrived(into)),
    )
  }

  send(handle: Handle, data: Uint8Array, offset: number): SystemResult {
    return this.#on(handle, 'send', (socket) => {
      const take = () => data.length - offset
      const count = this.#script.answer('send', socket, [socket, data, offset], take)
      if (count > 0) socket.sent.push(Buffer.from(data.subarray(offset, offset + count)))
      return count
    })
  }

  shutdown(handle: Handle): SystemResult {
    return this.#on(handle, 'shutdown', (socket) => {
      const result = this.#script.answer('shutdown', socket, [socket], () => 0)
      if (result >= 0) socket.ended = true
      return result
    })
  }

  close(handle: Handle, mode: CloseMode): void {
    this.#on(handle, 'close', (socket) => {
      this.#close(socket, mode)
      return 0
    })
  }

  localAddress(handle: Handle): SocketAddress | undefined {
    return this.#find(handle)?.localAddress
  }

  peerAddress(handle: Handle): SocketAddress | undefined {
    return this.#find(handle)?.peerAddress
  }

  poll(): void {
    if (!this.#script.destroyed) this.#script.onPoll()
  }

  ref(): void {
    this.#script.reference(true)
  }

  unref(): void {
    this.#script.reference(false)
  }

  destroy(): Promise<void> {
    if (this.#destroyed === undefined) {
      for (const socket of this.#script.open) this.#close(socket, 'reset')
      this.#script.destroyed = true
      this.#destroyed = Promise.resolve()
    }
    return this.#destroyed
  }

  #close(socket: ScriptedSocket, mode: CloseMode): void {
    socket.closed = mode
    this.#script.arm(socket, undefined)
    this.#script.onClose(socket)
  }

  #find(handle: Handle): ScriptedSocket | undefined {
    const socket = this.#script.sockets[handle - 1]
    return socket?.closed === undefined ? socket : undefined
  }

  #on(handle: Handle, call: string, then: (socket: ScriptedSocket) => SystemResult): SystemResult {
    const socket = this.#find(handle)
    if (socket) return then(socket)
    const when = this.#script.destroyed ? 'after destroy()' : 'on a closed handle'
    return this.#script.violation(`${call}() ${when} (${handle})`)
  }
}
