/** The backend interface on `node:net` and `node:dgram`: the table of open handles, and what concerns all of them. */
import {
  type Backend,
  type BackendFactory,
  type Capabilities,
  type CloseMode,
  type ConnectStatus,
  type ConnectTimes,
  errno,
  type Handle,
  type Interest,
  type ReadinessSink,
  type SocketAddress,
  type SocketOptionName,
  type SocketOptionValue,
  type SocketSpec,
  type SystemResult,
  specFault,
  type Token,
} from '@pollout/core'
import type { BackendSocket, SocketContext } from './backend-socket.js'
import { CAPABILITIES } from './capabilities.js'
import { Copies } from './copies.js'
import { DatagramSocket } from './datagram-socket.js'
import { Lingering } from './lingering.js'
import { LoopHold } from './loop-hold.js'
import { ReadyQueue } from './ready-queue.js'
import { StreamPool } from './stream-pool.js'
import { StreamSocket } from './stream-socket.js'

/**
 * Makes the backend that runs wherever Node does; nothing in it is native or needs building.
 *
 * @example
 * ```ts
 * import { netBackend } from '@pollout/backend-net'
 * import { createReactor } from '@pollout/core'
 *
 * await using reactor = createReactor({ backend: netBackend() })
 * ```
 */
export function netBackend(): BackendFactory {
  return (sink) => new NetBackend(sink)
}

class NetBackend implements Backend {
  readonly name = 'net'
  readonly capabilities: Capabilities = CAPABILITIES
  readonly #sockets = new Map<number, BackendSocket>()
  readonly #lingering = new Lingering()
  readonly #queue: ReadyQueue
  readonly #loopHold = new LoopHold()
  readonly #context: SocketContext
  #lastHandle = 0
  #destroyed: Promise<void> | undefined

  constructor(sink: ReadinessSink) {
    this.#queue = new ReadyQueue(sink)
    this.#context = {
      queue: this.#queue,
      loopHold: this.#loopHold,
      streams: new StreamPool(),
      copies: new Copies(),
      lingering: this.#lingering,
    }
  }

  get openHandles(): number {
    return this.#sockets.size
  }

  open(spec: SocketSpec): SystemResult | Handle {
    if (this.#destroyed !== undefined) return -errno.EBADF
    const fault = specFault(CAPABILITIES, spec)
    if (fault !== 0) return fault
    const handle = ++this.#lastHandle
    const Type = spec.type === 'dgram' ? DatagramSocket : StreamSocket
    this.#sockets.set(handle, new Type(spec, this.#context))
    return handle as Handle
  }

  connect(handle: Handle, to: SocketAddress): SystemResult {
    return this.#sockets.get(handle)?.connect(to) ?? -errno.EBADF
  }

  bind(handle: Handle, at: SocketAddress): SystemResult {
    return this.#sockets.get(handle)?.bind(at) ?? -errno.EBADF
  }

  disconnect(handle: Handle): SystemResult {
    return this.#sockets.get(handle)?.disconnect() ?? -errno.EBADF
  }

  setOption(handle: Handle, name: SocketOptionName, value: SocketOptionValue): SystemResult {
    return this.#sockets.get(handle)?.setOption(name, value) ?? -errno.EBADF
  }

  register(handle: Handle, token: Token, interest: Interest): SystemResult {
    const socket = this.#sockets.get(handle)
    if (socket === undefined) return -errno.EBADF
    socket.register(token, interest)
    return 0
  }

  deregister(handle: Handle): void {
    this.#sockets.get(handle)?.disarm()
  }

  finishConnect(handle: Handle, times?: ConnectTimes): ConnectStatus {
    return this.#sockets.get(handle)?.finishConnect(times) ?? -errno.EBADF
  }

  failedHere(handle: Handle): boolean {
    return this.#sockets.get(handle)?.failedHere ?? true
  }

  receive(handle: Handle, into: Uint8Array): SystemResult {
    return this.#sockets.get(handle)?.receive(into) ?? -errno.EBADF
  }

  send(handle: Handle, data: Uint8Array, offset: number): SystemResult {
    return this.#sockets.get(handle)?.send(data, offset) ?? -errno.EBADF
  }

  shutdown(handle: Handle): SystemResult {
    return this.#sockets.get(handle)?.shutdown() ?? -errno.EBADF
  }

  close(handle: Handle, mode: CloseMode): void {
    const socket = this.#sockets.get(handle)
    if (socket === undefined) return
    this.#sockets.delete(handle)
    socket.close(mode)
  }

  localAddress(handle: Handle): SocketAddress | undefined {
    return this.#sockets.get(handle)?.localAddress()
  }

  peerAddress(handle: Handle): SocketAddress | undefined {
    return this.#sockets.get(handle)?.peerAddress()
  }

  poll(): void {
    this.#queue.flush()
  }

  ref(): void {
    this.#setReferenced(true)
  }

  /** A connect under way still keeps the process alive until it ends: libuv counts it as a request, whatever its handle. */
  unref(): void {
    this.#setReferenced(false)
  }

  /** Waits for what was closed gracefully before; for how long at most: see `lingering.ts`. */
  destroy(): Promise<void> {
    this.#destroyed ??= this.#destroy()
    return this.#destroyed
  }

  #setReferenced(referenced: boolean): void {
    if (referenced === this.#loopHold.referenced || this.#destroyed !== undefined) return
    this.#loopHold.setReferenced(referenced)
    this.#queue.setReferenced(referenced)
    for (const socket of this.#sockets.values()) socket.setReferenced(referenced)
  }

  async #destroy(): Promise<void> {
    this.#queue.stop()
    for (const socket of this.#sockets.values()) socket.close('reset')
    this.#sockets.clear()
    this.#loopHold.stop()
    await this.#lingering.ended()
  }
}
