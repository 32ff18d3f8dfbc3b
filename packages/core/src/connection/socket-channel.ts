/** The channel that is a socket of the backend: its registration, its options, and its place among the open ones. */
import type { SocketAddress, SocketType } from '../backend/address.js'
import type { CloseMode, Handle, SocketSpec, SystemResult } from '../backend/backend.js'
import { type Interest, Readiness } from '../backend/readiness.js'
import type { SocketOptionName } from '../backend/socket-options.js'
import type { Endpoint } from '../endpoint/endpoint.js'
import { type Failure, transferFailure } from '../errors.js'
import * as diagnostics from '../reactor/diagnostics.js'
import type { ReactorCore, ReadinessListener } from '../reactor/reactor-core.js'
import * as calls from '../socket/socket-calls.js'
import type { TcpInfo } from '../socket/tcp-info.js'
import type { Channel, ChannelListener } from './channel.js'

export interface SocketPlace {
  readonly endpoint: Endpoint
  readonly address: SocketAddress
  readonly type: SocketType
}

const TROUBLE = Readiness.ERROR | Readiness.HANGUP

export class SocketChannel implements Channel, ReadinessListener {
  readonly #core: ReactorCore
  readonly #handle: Handle
  readonly #place: SocketPlace
  #listener: ChannelListener | undefined
  #token = 0
  #interest: Interest = 0
  /** Inside `ready()`. */
  #handling = false
  #open = true
  #isBackground = false
  /** Counted by the reactor as armed in the background. */
  #isCounted = false

  constructor(core: ReactorCore, handle: Handle, place: SocketPlace) {
    this.#core = core
    this.#handle = handle
    this.#place = place
    core.counters.open++
  }

  get localAddress(): SocketAddress | undefined {
    return this.#open ? this.#core.backend.localAddress(this.#handle) : undefined
  }

  attach(listener: ChannelListener): void {
    this.#listener = listener
  }

  want(interest: Interest): void {
    if ((this.#interest & interest) === interest) return
    this.#interest |= interest
    this.#arm()
  }

  unwant(interest: Interest): void {
    if ((this.#interest & interest) === 0) return
    this.#interest &= ~interest
    this.#arm()
  }

  keepAlive(wanted: boolean): void {
    this.#isBackground = !wanted
    this.#count()
  }

  receive(into: Uint8Array): SystemResult {
    return this.#core.backend.receive(this.#handle, into)
  }

  send(data: Uint8Array, offset: number): SystemResult {
    return this.#core.backend.send(this.#handle, data, offset)
  }

  shutdown(): SystemResult {
    return this.#core.backend.shutdown(this.#handle)
  }

  failureOf(result: SystemResult, phase: 'receive' | 'send', syscall: string): Failure {
    return transferFailure(result, phase, syscall)
  }

  close(mode: CloseMode): void {
    if (!this.#open) return
    this.#core.close(this.#handle, this.#token, mode)
    this.#token = 0
    this.#count()
    this.#left(mode)
  }

  setOption<Name extends SocketOptionName>(name: Name, value: calls.ValueOf<Name>): void {
    const result = calls.setOption(this.#core.backend, this.#handle, name, value)
    if (result < 0) throw calls.localError(result, 'setsockopt', this.#place)
  }

  getOption<Name extends SocketOptionName>(name: Name): calls.ValueOf<Name> {
    return calls.getOption(this.#core.backend, this.#handle, this.#spec, name)
  }

  tcpInfo(): TcpInfo {
    return calls.tcpInfo(this.#core.backend, this.#handle, this.#spec)
  }

  detach(): number {
    const { backend } = this.#core
    calls.kernelOf(backend, 'giving descriptors away')
    if (this.#token !== 0) this.#core.deregister(this.#handle, this.#token)
    this.#token = 0
    this.#count()
    try {
      const descriptor = calls.detach(backend, this.#handle)
      this.#left('detached')
      return descriptor
    } finally {
      // Where it was refused, who reads goes on reading.
      this.#arm()
    }
  }

  /** @internal The registration reported. */
  ready(readiness: Readiness): void {
    this.#token = 0
    this.#count()
    const due = readiness & TROUBLE ? this.#interest : this.#interest & readiness
    this.#interest &= ~due
    this.#handling = true
    try {
      this.#listener?.ready(due)
    } finally {
      this.#handling = false
      this.#arm()
    }
  }

  /** Brings the registration up to date with the interest; while readiness is handled, once, at its end. */
  #arm(): void {
    if (!this.#open || this.#handling) return
    if (this.#interest === 0) {
      if (this.#token !== 0) this.#core.deregister(this.#handle, this.#token)
      this.#token = 0
      return this.#count()
    }
    const result = this.#core.register(this.#handle, this.#interest, this, this.#token)
    this.#token = Math.max(0, result)
    this.#count()
    if (result < 0) this.#listener?.broken(transferFailure(result, 'receive', 'epoll_ctl'))
  }

  #count(): void {
    const isCounted = this.#isBackground && this.#token !== 0
    if (isCounted === this.#isCounted) return
    this.#isCounted = isCounted
    this.#core.background(isCounted ? 1 : -1)
  }

  /** Off the reactor's books. */
  #left(mode: CloseMode | 'detached'): void {
    this.#open = false
    this.#core.counters.open--
    if (!diagnostics.connectionClose.hasSubscribers) return
    const { endpoint } = this.#place
    diagnostics.connectionClose.publish({ endpoint, backend: this.#core.backend.name, mode })
  }

  get #spec(): SocketSpec {
    return { family: this.#place.address.family, type: this.#place.type }
  }
}
