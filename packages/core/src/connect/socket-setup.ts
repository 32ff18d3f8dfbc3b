/** What a user wants of the socket of a connect before it connects: its options, and its local address. */
import { formatAddress, type SocketAddress } from '../backend/address.js'
import type { Backend, Handle, SocketSpec } from '../backend/backend.js'
import { errno } from '../backend/errno.js'
import type { SocketOptionName, SocketOptionValue } from '../backend/socket-options.js'
import { connectFailure, type Failure, isPortExhaustion } from '../errors.js'
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

  /** What of it this backend can't do, in words; undefined where it can do it all. */
  lackedBy({ capabilities, bind, setOption, kernel }: Backend): string | undefined {
    for (const name of this.options.keys()) {
      if (!setOption || !capabilities.options.includes(name)) return `the option ${name}`
    }
    if (this.raw.length > 0 && !(kernel && capabilities.kernelSockets)) return 'rawOptions'
    if (this.sources && !(bind && capabilities.bind)) return this.sources.option
    return undefined
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
  /** Of the places that were of no use, the failure that tells most. */
  #exhausted: Failure | undefined
  /** The local address that this failure is about. */
  #exhaustedAt: SocketAddress | undefined

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
    return this.#exhaustedAt
  }

  /** Sets the options, then binds. Undefined when the socket is ready to connect. */
  configure(handle: Handle): Failure | undefined {
    for (const [name, value] of this.#setup.options) {
      const result = this.#backend.setOption?.(handle, name, value) ?? -errno.ENOPROTOOPT
      if (result < 0) return about(connectFailure(result, 'setsockopt'), `option ${name}`)
    }
    for (const { level, option, value } of this.#setup.raw) {
      const { kernel } = this.#backend
      const result = kernel?.setOption(handle, level, option, value) ?? -errno.ENOPROTOOPT
      if (result < 0) {
        return about(connectFailure(result, 'setsockopt'), `option ${option} of level ${level}`)
      }
    }
    return this.#setup.sources && this.#bind(handle, this.#setup.sources)
  }

  /** connect(2) failed. Undefined where another local address or port is to be tried; else what to tell. */
  connectFailed(failure: Failure): Failure | undefined {
    return this.#walk ? this.#skip(this.#walk, failure) : failure
  }

  #bind(handle: Handle, sources: SourceAddresses): Failure | undefined {
    const walk = this.#walk ?? sources.walk(this.#spec.family)
    if (!(walk instanceof SourceWalk)) return walk
    this.#walk = walk
    if (sources.leavesPort) this.#leavePort(handle)
    for (;;) {
      const at = walk.current
      if (at === undefined) return this.#exhausted
      const result = this.#backend.bind?.(handle, at) ?? -errno.EOPNOTSUPP
      if (result >= 0) return undefined
      const where = `local address ${formatAddress(at)}`
      const failure = this.#skip(walk, about(connectFailure(result, 'bind'), where))
      if (failure) return failure
    }
  }

  /**
   * bind() to an address takes a port that no other destination can share, connect() need not: ip(7),
   * IP_BIND_ADDRESS_NO_PORT. A kernel without it binds as ever, so its answer does not matter.
   */
  #leavePort(handle: Handle): void {
    const { capabilities } = this.#backend
    const isKnown = capabilities.options.includes('bindAddressNoPort')
    if (!isKnown || this.#spec.family === 'unix') return
    if (this.#setup.options.has('bindAddressNoPort')) return
    this.#backend.setOption?.(handle, 'bindAddressNoPort', true)
  }

  /** Undefined where there is another place to try. */
  #skip(walk: SourceWalk, failure: Failure): Failure | undefined {
    const at = walk.current
    if (at === undefined) return failure
    if (isPortExhaustion(failure)) walk.skipPort()
    else if (failure.errno === -errno.EADDRNOTAVAIL) walk.skipAddress()
    else return failure
    // That ports are used up is worth waiting for, an address that is not ours is not.
    if (this.#exhausted === undefined || isPortExhaustion(failure)) {
      this.#exhausted = failure
      this.#exhaustedAt = at
    }
    return walk.current === undefined ? this.#exhausted : undefined
  }
}

function about(failure: Failure, what: string): Failure {
  return { ...failure, reason: `${failure.reason} (${what})` }
}
