/** What a scripted backend has in place of the kernel's own sockets: options by number, descriptors, a connect that waits. */
import {
  errno,
  type Handle,
  type KernelSockets,
  type SocketAddress,
  type SocketSpec,
  type SystemResult,
} from '@pollout/core'
import type { ScriptState } from './script-state.js'
import { ScriptedSocket } from './scripted-socket.js'

/** Descriptors given away by detach(), where the socket was not adopted: higher than any that a test would think of. */
const FIRST_DETACHED = 1_000_000

type OnSocket = (
  handle: Handle,
  call: string,
  then: (socket: ScriptedSocket) => SystemResult,
) => SystemResult

/** @internal */
export class ScriptedKernel implements KernelSockets {
  readonly #script: ScriptState
  readonly #on: OnSocket

  constructor(script: ScriptState, on: OnSocket) {
    this.#script = script
    this.#on = on
  }

  setOption(handle: Handle, level: number, option: number, value: Uint8Array): SystemResult {
    return this.#on(handle, 'kernel.setOption', (socket) =>
      this.#script.answer('setRawOption', socket, [socket, level, option, value], () => {
        socket.rawOptions.set(`${level}:${option}`, Uint8Array.from(value))
        return 0
      }),
    )
  }

  /** What was set; an option that was not is an int of 0. */
  getOption(handle: Handle, level: number, option: number, into: Uint8Array): SystemResult {
    return this.#on(handle, 'kernel.getOption', (socket) =>
      this.#script.answer('getRawOption', socket, [socket, level, option, into], () => {
        const value = socket.rawOptions.get(`${level}:${option}`) ?? new Uint8Array(4)
        const part = value.subarray(0, into.length)
        into.set(part)
        return part.length
      }),
    )
  }

  connectAndWait(handle: Handle, to: SocketAddress, timeoutMs: number): SystemResult {
    return this.#on(handle, 'kernel.connectAndWait', (socket) => {
      socket.connects.push(to)
      socket.connectedAt = this.#script.now()
      return this.#script.answer('connectAndWait', socket, [socket, to, timeoutMs], () => {
        socket.peerAddress = to
        return 0
      })
    })
  }

  adopt(descriptor: number): SystemResult | Handle {
    const script = this.#script
    if (script.destroyed) return script.violation('adopt() after destroy()')
    const found = script.descriptors.get(descriptor)
    const there = (): SystemResult => (found ? 0 : -errno.EBADF)
    const result = script.answer('adopt', undefined, [descriptor], there)
    if (result < 0 || found === undefined) return Math.min(result, -1)
    script.descriptors.delete(descriptor)
    const handle = (script.sockets.length + 1) as Handle
    const socket = new ScriptedSocket(handle, found.spec, descriptor)
    socket.localAddress = found.localAddress
    socket.peerAddress = found.peerAddress
    script.sockets.push(socket)
    return handle
  }

  /** Asked of a closed handle too, which is no breach of the contract. */
  specOf(handle: Handle): SocketSpec | undefined {
    const socket = this.#script.sockets[handle - 1]
    return socket?.closed === undefined ? socket?.spec : undefined
  }

  detach(handle: Handle): SystemResult {
    return this.#on(handle, 'kernel.detach', (socket) => {
      const number = socket.adopted ?? FIRST_DETACHED + handle
      const result = this.#script.answer('detach', socket, [socket], () => number)
      if (result < 0) return result
      socket.closed = 'detached'
      this.#script.arm(socket, undefined)
      this.#script.onClose(socket)
      return result
    })
  }
}
