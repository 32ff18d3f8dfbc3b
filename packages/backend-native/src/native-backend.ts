/** The native backend: `Backend` on top of the addon's functions. */
import { constants as osConstants } from 'node:os'
import type {
  AddressFamily,
  Backend,
  Capabilities,
  CloseMode,
  ConnectStatus,
  Handle,
  Interest,
  ReadinessSink,
  SocketAddress,
  SocketSpec,
  SystemResult,
  Token,
} from '@pollout/core'
import type { Addon, NativeFunctions } from './addon.js'

const { EAFNOSUPPORT, EPROTONOSUPPORT } = osConstants.errno

/** Linux's numbers: bits/socket.h. */
const FAMILY_NUMBERS: Readonly<Record<AddressFamily, number>> = {
  unix: 1,
  inet: 2,
  inet6: 10,
  vsock: 40,
}

const CAPABILITIES: Capabilities = Object.freeze<Capabilities>({
  sockets: { inet: ['stream'], inet6: ['stream'], unix: ['stream'], vsock: [] },
  abstractUnix: true,
  kernelReadiness: true,
  immediateErrors: true,
  bind: false,
  options: [],
  eventTimes: false,
  kernelSockets: false,
})

/** For those forgotten without `destroy()`: the held value does not reach the backend itself. */
const forgotten = new FinalizationRegistry<NativeFunctions>((native) => native.destroy(() => {}))

export class NativeBackend implements Backend {
  readonly name = 'native'
  readonly capabilities = CAPABILITIES

  readonly #native: NativeFunctions
  // The addon holds them weakly while nothing is armed, so that a backend is garbage like any object.
  readonly #ready: ReadinessSink['ready']
  readonly #broken: ReadinessSink['broken']
  #destroyed: Promise<void> | undefined

  constructor(addon: Addon, sink: ReadinessSink) {
    this.#ready = (tokens, readiness, count) => sink.ready(tokens, readiness, count)
    this.#broken = (cause) => sink.broken(cause)
    this.#native = addon.createBackend(this.#ready, this.#broken)
    forgotten.register(this, this.#native, this)
  }

  get openHandles(): number {
    return this.#native.openHandles()
  }

  open(spec: SocketSpec): SystemResult | Handle {
    const types = CAPABILITIES.sockets[spec.family]
    if (types === undefined || types.length === 0) return -EAFNOSUPPORT
    if (!types.includes(spec.type)) return -EPROTONOSUPPORT
    return this.#native.open(FAMILY_NUMBERS[spec.family])
  }

  connect(handle: Handle, to: SocketAddress): SystemResult {
    switch (to.family) {
      case 'inet':
        return this.#native.connectInet(handle, to.address, to.port)
      case 'inet6':
        return this.#native.connectInet6(handle, to.address, to.port)
      case 'unix':
        return this.#native.connectUnix(handle, to.path)
      default:
        throw new TypeError(`No such address family: ${(to as { family: unknown }).family}`)
    }
  }

  register(handle: Handle, token: Token, interest: Interest): SystemResult {
    return this.#native.register(handle, token, interest)
  }

  deregister(handle: Handle): void {
    this.#native.deregister(handle)
  }

  finishConnect(handle: Handle): ConnectStatus {
    return this.#native.finishConnect(handle)
  }

  receive(handle: Handle, into: Uint8Array): SystemResult {
    return this.#native.receive(handle, into)
  }

  send(handle: Handle, data: Uint8Array, offset: number): SystemResult {
    return this.#native.send(handle, data, offset)
  }

  shutdown(handle: Handle): SystemResult {
    return this.#native.shutdown(handle)
  }

  close(handle: Handle, mode: CloseMode): void {
    this.#native.close(handle, mode === 'reset')
  }

  localAddress(handle: Handle): SocketAddress | undefined {
    return this.#native.localAddress(handle)
  }

  peerAddress(handle: Handle): SocketAddress | undefined {
    return this.#native.peerAddress(handle)
  }

  poll(): void {
    this.#native.poll()
  }

  ref(): void {
    this.#native.setRef(true)
  }

  unref(): void {
    this.#native.setRef(false)
  }

  destroy(): Promise<void> {
    this.#destroyed ??= new Promise((resolve) => {
      forgotten.unregister(this)
      this.#native.destroy(resolve)
    })
    return this.#destroyed
  }
}
