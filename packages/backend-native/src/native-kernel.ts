/** What only the kernel's own sockets have: `KernelSockets` on top of the addon's functions. */
import type {
  AddressFamily,
  Handle,
  KernelSockets,
  SocketAddress,
  SocketSpec,
  SocketType,
  SystemResult,
} from '@pollout/core'
import type { NativeFunctions } from './addon.js'
import { whereOf } from './native-address.js'

/** Linux's numbers: bits/socket.h. */
export const FAMILY_NUMBERS: Readonly<Record<AddressFamily, number>> = {
  unix: 1,
  inet: 2,
  inet6: 10,
  vsock: 40,
}

/** Linux's numbers: bits/socket_type.h. */
export const TYPE_NUMBERS: Readonly<Record<SocketType, number>> = {
  stream: 1,
  dgram: 2,
  seqpacket: 5,
}

/** Every kind of socket by the number that `kindOf` has for it. */
const SPECS: ReadonlyMap<number, SocketSpec> = new Map(
  (Object.keys(FAMILY_NUMBERS) as AddressFamily[]).flatMap((family) =>
    (Object.keys(TYPE_NUMBERS) as SocketType[]).map((type) => [
      FAMILY_NUMBERS[family] * 16 + TYPE_NUMBERS[type],
      Object.freeze({ family, type }),
    ]),
  ),
)

export class NativeKernel implements KernelSockets {
  readonly #native: NativeFunctions

  constructor(native: NativeFunctions) {
    this.#native = native
  }

  setOption(handle: Handle, level: number, option: number, value: Uint8Array): SystemResult {
    return this.#native.setOption(handle, level, option, value)
  }

  getOption(handle: Handle, level: number, option: number, into: Uint8Array): SystemResult {
    return this.#native.getOption(handle, level, option, into)
  }

  connectAndWait(handle: Handle, to: SocketAddress, timeoutMs: number): SystemResult {
    const family = FAMILY_NUMBERS[to.family]
    return this.#native.connectAndWait(handle, timeoutMs, family, ...whereOf(to))
  }

  adopt(descriptor: number): SystemResult | Handle {
    return this.#native.adopt(descriptor)
  }

  specOf(handle: Handle): SocketSpec | undefined {
    return SPECS.get(this.#native.kindOf(handle))
  }

  detach(handle: Handle): SystemResult {
    return this.#native.detach(handle)
  }
}
