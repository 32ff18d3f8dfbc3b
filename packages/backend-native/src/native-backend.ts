/** The native backend: `Backend` on top of the addon's functions. */
import { performance } from 'node:perf_hooks'
import { setImmediate } from 'node:timers'
import {
  type Backend,
  type BulkConnector,
  type Capabilities,
  type CloseMode,
  type ConnectStatus,
  type ConnectTimes,
  type ExchangeConnector,
  encodeSocketOption,
  errno,
  type Handle,
  type Interest,
  isSocketOptionName,
  type KernelSockets,
  type ReadinessSink,
  SOCKET_OPTION_NAMES,
  type SocketAddress,
  type SocketOptionName,
  type SocketOptionValue,
  type SocketSpec,
  type SystemResult,
  specFault,
  type Token,
} from '@pollout/core'
import type { Addon, NativeFunctions } from './addon.js'
import { addressFrom, whereOf } from './native-address.js'
import { NativeBulk } from './native-bulk.js'
import { NativeExchanges } from './native-exchanges.js'
import { FAMILY_NUMBERS, NativeKernel, TYPE_NUMBERS } from './native-kernel.js'
import { inNodesShape, withNodesErrors } from './system-error.js'

const CAPABILITIES: Capabilities = Object.freeze<Capabilities>({
  sockets: Object.freeze<Capabilities['sockets']>({
    inet: Object.freeze(['stream', 'dgram'] as const),
    inet6: Object.freeze(['stream', 'dgram'] as const),
    unix: Object.freeze(['stream', 'dgram', 'seqpacket'] as const),
    vsock: Object.freeze(['stream', 'seqpacket'] as const),
  }),
  abstractUnix: true,
  kernelReadiness: true,
  immediateErrors: true,
  bind: true,
  options: Object.freeze([...SOCKET_OPTION_NAMES]),
  eventTimes: true,
  kernelSockets: true,
})

// Not looked up again: fake timers may stand in its place later.
const soon = setImmediate

export type NativeLoop = 'libuv' | 'thread'

/** For those forgotten without `destroy()`, so without a wish for resets: the held value does not reach the backend itself. */
const forgotten = new FinalizationRegistry<NativeFunctions>((native) =>
  native.destroy(() => {}, true),
)

export class NativeBackend implements Backend {
  readonly name = 'native'
  readonly capabilities = CAPABILITIES
  readonly kernel: KernelSockets
  readonly bulk: BulkConnector
  /** Not on a loop's own thread: what measures others must not be held up itself. */
  readonly exchanges: ExchangeConnector | undefined

  readonly #native: NativeFunctions
  // The addon holds them weakly while nothing is armed, so that a backend is garbage like any object.
  readonly #ready: ReadinessSink['ready']
  readonly #broken: ReadinessSink['broken']
  #destroyed: Promise<void> | undefined

  constructor(addon: Addon, sink: ReadinessSink, threads: number, loop: NativeLoop) {
    this.#ready = (tokens, readiness, count) => sink.ready(tokens, readiness, count)
    this.#broken = (cause) => sink.broken(inNodesShape(cause))
    const origin = originMs(addon)
    const later = loop === 'thread' ? soon : undefined
    this.#native = withNodesErrors(() =>
      addon.createBackend(this.#ready, this.#broken, origin, threads, later),
    )
    this.kernel = new NativeKernel(this.#native)
    this.bulk = new NativeBulk(this.#native, threads)
    this.exchanges = threads > 0 ? new NativeExchanges(this.#native, threads) : undefined
    forgotten.register(this, this.#native, this)
  }

  get openHandles(): number {
    return this.#native.openHandles()
  }

  open(spec: SocketSpec): SystemResult | Handle {
    const fault = specFault(CAPABILITIES, spec)
    if (fault !== 0) return fault
    return this.#native.open(FAMILY_NUMBERS[spec.family], TYPE_NUMBERS[spec.type])
  }

  bind(handle: Handle, at: SocketAddress): SystemResult {
    return this.#native.bind(handle, FAMILY_NUMBERS[at.family], ...whereOf(at))
  }

  connect(handle: Handle, to: SocketAddress): SystemResult {
    switch (to.family) {
      case 'inet':
        return this.#native.connect(handle, FAMILY_NUMBERS.inet, to.address, to.port)
      case 'inet6':
        return this.#native.connect(handle, FAMILY_NUMBERS.inet6, to.address, to.port)
      default:
        return this.#native.connect(handle, FAMILY_NUMBERS[to.family], ...whereOf(to))
    }
  }

  disconnect(handle: Handle): SystemResult {
    return this.#native.disconnect(handle)
  }

  setOption(handle: Handle, name: SocketOptionName, value: SocketOptionValue): SystemResult {
    const spec = this.kernel.specOf(handle)
    if (spec === undefined) return -errno.EBADF
    if (!isSocketOptionName(name)) return -errno.ENOPROTOOPT
    const encoded = encodeSocketOption(spec, name, value)
    if (typeof encoded === 'number') return encoded
    return this.#native.setOption(handle, encoded.level, encoded.option, encoded.value)
  }

  register(handle: Handle, token: Token, interest: Interest): SystemResult {
    return this.#native.register(handle, token, interest)
  }

  watch(handle: Handle, token: Token): SystemResult {
    return this.#native.watch(handle, token)
  }

  deregister(handle: Handle): void {
    this.#native.deregister(handle)
  }

  finishConnect(handle: Handle, times?: ConnectTimes): ConnectStatus {
    return this.#native.finishConnect(handle, times)
  }

  failedHere(handle: Handle): boolean {
    return this.#native.failedHere(handle) !== 0
  }

  receive(handle: Handle, into: Uint8Array): SystemResult {
    return this.#native.receive(handle, into)
  }

  ended(handle: Handle): boolean {
    return this.#native.ended(handle) ?? true
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
    return addressFrom(this.#native.localAddress(handle))
  }

  peerAddress(handle: Handle): SocketAddress | undefined {
    return addressFrom(this.#native.peerAddress(handle))
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

/**
 * What the addon's clock says at the zero of this thread's `performance.now()`: both are the kernel's monotonic one. The
 * reading that took the least time is the one that was not interrupted.
 */
function originMs({ monotonicMs }: Addon): number {
  let origin = 0
  let least = Number.POSITIVE_INFINITY
  for (let reading = 0; reading < 8; reading++) {
    const before = monotonicMs()
    const now = performance.now()
    const took = monotonicMs() - before
    if (took >= least) continue
    least = took
    origin = before + took / 2 - now
  }
  return origin
}
