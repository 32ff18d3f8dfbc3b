/** The backend that a script drives: keeps the table of sockets and sees that the contract is kept. */
import {
  type Backend,
  type Capabilities,
  type CloseMode,
  ConnectStatus,
  type ConnectTimes,
  encodeSocketOption,
  errno,
  type Handle,
  type Interest,
  type KernelSockets,
  SOCKET_OPTION_NAMES,
  type SocketAddress,
  type SocketOptionName,
  type SocketOptionValue,
  type SocketSpec,
  type SystemResult,
  specFault,
  type Token,
} from '@pollout/core'
import type { ScriptState } from './script-state.js'
import { ScriptedKernel } from './scripted-kernel.js'
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
  bind: true,
  options: SOCKET_OPTION_NAMES,
  eventTimes: true,
  kernelSockets: true,
}

/** @internal Made by {@link Script.factory}. */
export class ScriptedBackend implements Backend {
  readonly name: string
  readonly capabilities: Capabilities
  readonly kernel?: KernelSockets
  /** There as far as the capabilities say so. */
  readonly bind?: NonNullable<Backend['bind']>
  readonly setOption?: NonNullable<Backend['setOption']>
  readonly #script: ScriptState
  #destroyed: Promise<void> | undefined

  constructor(script: ScriptState) {
    this.#script = script
    this.name = script.options.name ?? 'scripted'
    this.capabilities = { ...EVERYTHING, ...script.options.capabilities }
    if (this.capabilities.bind) this.bind = (handle, at) => this.#bind(handle, at)
    if (this.capabilities.options.length > 0) {
      this.setOption = (handle, name, value) => this.#setOption(handle, name, value)
    }
    if (this.capabilities.kernelSockets) {
      this.kernel = new ScriptedKernel(script, (handle, call, then) => this.#on(handle, call, then))
    }
  }

  get openHandles(): number {
    return this.#script.open.length
  }

  open(spec: SocketSpec): SystemResult | Handle {
    const script = this.#script
    if (script.destroyed) return script.violation('open() after destroy()')
    const fault = specFault(this.capabilities, spec)
    if (fault !== 0) return fault
    const result = script.answer('open', undefined, [spec], () => 0)
    if (result < 0) return result
    const socket = new ScriptedSocket((script.sockets.length + 1) as Handle, spec)
    script.sockets.push(socket)
    return socket.handle
  }

  connect(handle: Handle, to: SocketAddress): SystemResult {
    return this.#on(handle, 'connect', (socket) => {
      socket.connects.push(to)
      socket.connectedAt = this.#script.now()
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

  finishConnect(handle: Handle, times?: ConnectTimes): ConnectStatus {
    return this.#on(handle, 'finishConnect', (socket) => {
      const { CONNECTED, PENDING } = ConnectStatus
      const status = this.#script.answer('finishConnect', socket, [socket], () => CONNECTED)
      if (status !== PENDING) times?.set(this.#script.times(socket))
      return status
    })
  }

  disconnect(handle: Handle): SystemResult {
    return this.#on(handle, 'disconnect', (socket) =>
      this.#script.answer('disconnect', socket, [socket], () => {
        socket.peerAddress = undefined
        return 0
      }),
    )
  }

  receive(handle: Handle, into: Uint8Array): SystemResult {
    return this.#on(handle, 'receive', (socket) =>
      this.#script.answer('receive', socket, [socket, into], () => socket.takeArrived(into)),
    )
  }

  ended(handle: Handle): boolean {
    return this.#find(handle)?.emptied !== true
  }

  send(handle: Handle, data: Uint8Array, offset: number): SystemResult {
    return this.#on(handle, 'send', (socket) => {
      const take = () => data.length - offset
      const count = this.#script.answer('send', socket, [socket, data, offset], take)
      const took = count > 0 || (count === 0 && socket.spec.type !== 'stream')
      if (took) socket.sent.push(Buffer.from(data.subarray(offset, offset + count)))
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

  #bind(handle: Handle, at: SocketAddress): SystemResult {
    return this.#on(handle, 'bind', (socket) => {
      const result = this.#script.answer('bind', socket, [socket, at], () => {
        socket.localAddress = at
        return 0
      })
      if (result >= 0) socket.bound = at
      return result
    })
  }

  #setOption(handle: Handle, name: SocketOptionName, value: SocketOptionValue): SystemResult {
    return this.#on(handle, 'setOption', (socket) => {
      if (!this.capabilities.options.includes(name)) return -errno.ENOPROTOOPT
      const result = this.#script.answer('setOption', socket, [socket, name, value], () => {
        const encoded = encodeSocketOption(socket.spec, name, value)
        if (typeof encoded === 'number') return encoded
        socket.rawOptions.set(`${encoded.level}:${encoded.option}`, encoded.value)
        return 0
      })
      if (result >= 0) socket.options.set(name, value)
      return result
    })
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
