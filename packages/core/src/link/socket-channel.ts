/** The channel that is a socket of the backend: its registration, its options, and its place among the open ones. */
import type { SocketAddress, SocketSpec, SocketType } from '../backend/address.js'
import type { CloseMode, Handle, SystemResult } from '../backend/backend.js'
import { Interest, Readiness } from '../backend/readiness.js'
import type { SocketOptionName } from '../backend/socket-options.js'
import * as diagnostics from '../diagnostics/diagnostics.js'
import type { Endpoint } from '../endpoint/endpoint.js'
import type { Failure } from '../errors/failure.js'
import { connectFailure, transferFailure } from '../errors/failures.js'
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
  /** What the registration is for. */
  #armed: Interest = 0
  #interest: Interest = 0
  #isWatching = false
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

  /** @internal */
  get isWatching(): boolean {
    return this.#isWatching
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

  get ended(): boolean {
    return this.#core.backend.ended?.(this.#handle) ?? true
  }

  send(data: Uint8Array, offset: number): SystemResult {
    return this.#core.backend.send(this.#handle, data, offset)
  }

  shutdown(): SystemResult {
    return this.#core.backend.shutdown(this.#handle)
  }

  failureOf(result: SystemResult, phase: 'receive' | 'send', syscall: string): Failure {
    const isOwn = this.#core.backend.failedHere?.(this.#handle)
    return transferFailure(result, phase, syscall, this.#spec, isOwn)
  }

  close(mode: CloseMode): void {
    if (!this.#open) return
    this.#core.close(this.#handle, this.#token, mode)
    this.#nowArmed(0, 0)
    this.#left(mode)
  }

  setOption<Name extends SocketOptionName>(name: Name, value: calls.ValueOf<Name>): void {
    const result = calls.setOption(this.#core.backend, this.#handle, this.#spec, name, value)
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
    this.#disarm()
    try {
      const descriptor = calls.detach(backend, this.#handle)
      this.#core.boundPaths.given(this.#handle)
      this.#left('detached')
      return descriptor
    } finally {
      // Where it was refused, who reads goes on reading.
      this.#arm()
    }
  }

  /** @internal The registration reported. */
  ready(readiness: Readiness): void {
    if (!this.#isWatching) this.#nowArmed(0, 0)
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
    if (!this.#open || this.#handling || this.#interest === this.#armed) return
    if (this.#interest === 0) return this.#disarm()
    // A writer that waits for room is told once; a reader mostly goes on.
    const isReading = this.#interest === Interest.READABLE
    this.#isWatching = isReading && this.#core.backend.watch !== undefined
    const result = this.#core.register(this.#handle, this.#interest, this, this.#token)
    if (result >= 0) return this.#nowArmed(result, this.#interest)
    this.#nowArmed(0, 0)
    this.#listener?.broken({ ...connectFailure(result, 'epoll_ctl'), phase: 'receive' })
  }

  #disarm(): void {
    if (this.#token !== 0) this.#core.deregister(this.#handle, this.#token)
    this.#nowArmed(0, 0)
  }

  #nowArmed(token: number, interest: Interest): void {
    this.#token = token
    this.#armed = interest
    this.#count()
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
