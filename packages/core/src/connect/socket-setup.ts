/** What a user wants of the socket of a connect before it connects: its options, and its local address. */
import { formatAddress, type SocketAddress, type SocketSpec } from '../backend/address.js'
import type { Backend, Handle } from '../backend/backend.js'
import { errno } from '../backend/errno.js'
import {
  lacksOption,
  type SocketOptionName,
  type SocketOptionValue,
} from '../backend/socket-options.js'
import type { Failure } from '../errors/failure.js'
import { connectFailure } from '../errors/failures.js'
import { type SourceAddresses, SourceWalk } from './source-addresses.js'

export interface RawOption {
  readonly level: number
  readonly option: number
  readonly value: Uint8Array
}

/** Checked, and shared by all attempts of one `connect()` or `connectMany()`. */
export class SocketSetup {
  readonly options: ReadonlyMap<SocketOptionName, SocketOptionValue>
  readonly raw: readonly RawOption[]
  readonly sources: SourceAddresses | undefined

  constructor(
    options: ReadonlyMap<SocketOptionName, SocketOptionValue>,
    raw: readonly RawOption[],
    sources: SourceAddresses | undefined,
  ) {
    this.options = options
    this.raw = raw
    this.sources = sources
  }

  /** What of it this backend can't do for such a socket, in words; undefined where it can do it all. */
  lackedBy(
    { capabilities, bind, setOption, kernel }: Backend,
    spec: SocketSpec,
  ): string | undefined {
    for (const name of this.options.keys()) {
      if (!setOption || lacksOption(capabilities, spec, name))
        return `the option ${name} of ${spec.type} sockets`
    }
    if (this.raw.length > 0 && !(kernel && capabilities.kernelSockets)) return 'rawOptions'
    if (this.sources && !(bind && capabilities.bind)) return this.sources.option
    return undefined
  }

  /**
   * Whether the port is left to connect(2): bind(2) to an address takes one that no other destination can share, connect(2)
   * need not. ip(7), IP_BIND_ADDRESS_NO_PORT. A kernel without it binds as ever, so its answer does not matter.
   */
  leavesPort({ capabilities }: Backend): boolean {
    const isKnown = capabilities.options.includes('bindAddressNoPort')
    return isKnown && this.sources?.leavesPort === true && !this.options.has('bindAddressNoPort')
  }

  /** It may send packets another way than those of a plain socket. */
  get routes(): boolean {
    return this.raw.length > 0 || this.options.has('device') || this.options.has('mark')
  }
}

/** One attempt's use of a setup. It outlives the sockets that the attempt opens one after the other. */
export class SocketPreparation {
  readonly #setup: SocketSetup
  readonly #backend: Backend
  readonly #spec: SocketSpec
  #walk: SourceWalk | undefined

  constructor(setup: SocketSetup, backend: Backend, spec: SocketSpec) {
    this.#setup = setup
    this.#backend = backend
    this.#spec = spec
  }

  /** Ports were asked for; else the kernel chooses, and another one each time. */
  get choosesPort(): boolean {
    return this.#setup.sources?.leavesPort === false
  }

  /** The local address that had no port, where that is what failed. */
  get exhaustedAt(): SocketAddress | undefined {
    return this.#walk?.exhaustedAt
  }

  /** The unix path that it was bound to. */
  get boundPath(): string | undefined {
    const at = this.#walk?.current
    return at?.family === 'unix' ? at.path : undefined
  }

  /** Sets the options, then binds. Undefined when the socket is ready to connect. */
  configure(handle: Handle): Failure | undefined {
    for (const [name, value] of this.#setup.options) {
      const result = this.#backend.setOption?.(handle, name, value) ?? -errno.ENOPROTOOPT
      if (result < 0) return optionFailure(result, name)
    }
    for (const { level, option, value } of this.#setup.raw) {
      const { kernel } = this.#backend
      const result = kernel?.setOption(handle, level, option, value) ?? -errno.ENOPROTOOPT
      if (result < 0) return optionFailure(result, nameOf({ level, option }))
    }
    return this.#setup.sources && this.#bind(handle, this.#setup.sources)
  }

  /** connect(2) failed. Undefined where another local address or port is to be tried; else what to tell. */
  connectFailed(failure: Failure): Failure | undefined {
    return this.#walk ? this.#walk.failed(failure) : failure
  }

  #bind(handle: Handle, sources: SourceAddresses): Failure | undefined {
    const walk = this.#walk ?? sources.walk(this.#spec.family)
    if (!(walk instanceof SourceWalk)) return walk
    this.#walk = walk
    if (this.#spec.family !== 'unix' && this.#setup.leavesPort(this.#backend)) {
      this.#backend.setOption?.(handle, 'bindAddressNoPort', true)
    }
    for (;;) {
      const at = walk.current
      if (at === undefined) return walk.exhausted
      const result = this.#backend.bind?.(handle, at) ?? -errno.EOPNOTSUPP
      if (result >= 0) return undefined
      const failure = walk.failed(bindFailure(result, at))
      if (failure) return failure
    }
  }
}

/** setsockopt(2) said no. */
export function optionFailure(result: number, name: string): Failure {
  return about(connectFailure(result, 'setsockopt'), `option ${name}`)
}

/** What to call an option without a name. */
export function nameOf({ level, option }: Omit<RawOption, 'value'>): string {
  return `${option} of level ${level}`
}

/** bind(2) said no. */
export function bindFailure(result: number, at: SocketAddress): Failure {
  const failure = about(connectFailure(result, 'bind'), `local address ${formatAddress(at)}`)
  return { ...failure, localAddress: at }
}

function about(failure: Failure, what: string): Failure {
  return { ...failure, reason: `${failure.reason} (${what})` }
}
