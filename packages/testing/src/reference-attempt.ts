/** One attempt of the reference lane: one socket from its opening to its outcome. */
import {
  AttemptField,
  type Backend,
  BULK_SELF_CONNECTED,
  type BulkLaneOptions,
  BulkStep,
  type Clock,
  ConnectStatus,
  decodeSocketOption,
  type EncodedOption,
  errno,
  type Handle,
  hasConnected,
  Interest,
  optionNumbers,
  SOCKET_OPTION_NAMES,
  type SocketAddress,
  type SocketSpec,
  type Token,
} from '@pollout/core'
import {
  type Deadlines,
  Expirable,
  formatIp,
  IS_LITTLE_ENDIAN,
  isExhaustion,
  isFinishedHere,
} from '@pollout/core/internal'
import type { Registered, Switchboard } from './switchboard.js'

/** What a lane stands on. */
export interface LaneGround {
  readonly backend: Backend
  readonly clock: Clock
  readonly switchboard: Switchboard
}

/** The lane that an attempt is in. */
export interface AttemptLane {
  readonly ground: LaneGround
  readonly options: BulkLaneOptions
  readonly deadlines: Deadlines
  /** Called once, with the fields of its outcome, and not after `cancel()`. */
  ended(attempt: ReferenceAttempt, outcome: readonly number[], hasRunOut: boolean): void
}

export class ReferenceAttempt extends Expirable implements Registered {
  readonly #lane: AttemptLane
  readonly #record: DataView
  #handle = -1 as Handle
  #token = 0
  #startedAt = Number.NaN
  #sentAt = Number.NaN
  #readyAt = Number.NaN

  constructor(lane: AttemptLane, record: Uint8Array) {
    super()
    this.#lane = lane
    this.#record = new DataView(record.buffer, record.byteOffset)
  }

  start(): void {
    const { deadlines, ground } = this.#lane
    const now = ground.clock.now()
    this.#startedAt = now
    const timeoutMs = this.#record.getFloat64(AttemptField.TIMEOUT_MS, IS_LITTLE_ENDIAN)
    deadlines.add(this, timeoutMs, now)
    const { backend } = ground
    const result = backend.open(this.#spec)
    if (result < 0) return this.#end(result, BulkStep.SOCKET)
    this.#handle = result as Handle
    if (!this.#isConfigured() || !this.#isBound()) return
    this.#sentAt = ground.clock.now()
    const connecting = backend.connect(this.#handle, this.#address)
    if (connecting < 0 && connecting !== -errno.EINPROGRESS && connecting !== -errno.EINTR) {
      this.#readyAt = ground.clock.now()
      return this.#end(connecting, BulkStep.CONNECT)
    }
    this.#register()
  }

  ready(): void {
    const { backend } = this.#lane.ground
    this.#token = 0
    const times = Float64Array.of(Number.NaN, Number.NaN)
    const status = backend.finishConnect(this.#handle, times)
    if (status === ConnectStatus.PENDING) return this.#register()
    const [sentAt = Number.NaN, readyAt = Number.NaN] = times
    if (!Number.isNaN(sentAt)) this.#sentAt = sentAt
    this.#readyAt = readyAt
    if (status < 0) this.#end(status, this.#stepOf(status))
    else if (hasConnected(status)) this.#connected(status)
    else this.#end(BULK_SELF_CONNECTED, BulkStep.CONNECT)
  }

  #stepOf(status: number): number {
    const isReturned = isFinishedHere(this.#lane.ground.backend, this.#handle, status)
    return isReturned ? BulkStep.CONNECT : BulkStep.SO_ERROR
  }

  /** `TIMEOUT_MS` is over. */
  expire(): void {
    this.#readyAt = Number.NaN
    this.#end(-errno.ETIMEDOUT, BulkStep.DEADLINE)
  }

  cancel(): void {
    this.#lane.deadlines.remove(this)
    this.#close('reset')
  }

  get #spec(): SocketSpec {
    return { family: this.#version === 4 ? 'inet' : 'inet6', type: 'stream' }
  }

  get #version(): number {
    return this.#record.getUint16(AttemptField.IP_VERSION, IS_LITTLE_ENDIAN)
  }

  get #address(): SocketAddress {
    const { buffer, byteOffset } = this.#record
    const length = this.#version === 4 ? 4 : 16
    const bytes = [...new Uint8Array(buffer, byteOffset + AttemptField.ADDRESS, length)]
    const port = this.#record.getUint16(AttemptField.PORT, IS_LITTLE_ENDIAN)
    return { family: length === 4 ? 'inet' : 'inet6', address: formatIp(bytes), port }
  }

  #isConfigured(): boolean {
    const { options } = this.#lane.options
    const wanted = this.#version === 4 ? options.inet : options.inet6
    for (const [index, option] of wanted.entries()) {
      const result = this.#setOption(option)
      if (result >= 0) continue
      this.#end(result, BulkStep.SETSOCKOPT, index)
      return false
    }
    return true
  }

  /** By its name, where it has one: not every backend takes numbers. */
  #setOption({ level, option, value }: EncodedOption): number {
    const { backend } = this.#lane.ground
    const name = SOCKET_OPTION_NAMES.find((known) => {
      const numbers = optionNumbers(this.#spec, known)
      return numbers.level === level && numbers.option === option
    })
    if (name && backend.setOption && backend.capabilities.options.includes(name)) {
      return backend.setOption(this.#handle, name, decodeSocketOption(name, value))
    }
    return backend.kernel?.setOption(this.#handle, level, option, value) ?? -errno.ENOPROTOOPT
  }

  #isBound(): boolean {
    const source = this.#record.getUint16(AttemptField.SOURCE, IS_LITTLE_ENDIAN)
    const at = this.#lane.options.sources[source - 1]
    if (at === undefined) return true
    const port = this.#record.getUint16(AttemptField.SOURCE_PORT, IS_LITTLE_ENDIAN)
    const place: SocketAddress = at.family === 'unix' ? at : { ...at, port }
    const result = this.#lane.ground.backend.bind?.(this.#handle, place) ?? -errno.EOPNOTSUPP
    if (result < 0) this.#end(result, BulkStep.BIND)
    return result >= 0
  }

  #register(): void {
    const { backend, switchboard } = this.#lane.ground
    this.#token = switchboard.token(this)
    const result = backend.register(this.#handle, this.#token as Token, Interest.WRITABLE)
    if (result < 0) this.#end(result, BulkStep.EPOLL_CTL)
  }

  #connected(status: number): void {
    const { onConnected } = this.#lane.options
    const handle = this.#handle
    if (onConnected === 'keep') this.#handle = -1 as Handle
    else this.#close(onConnected === 'close' ? 'graceful' : 'reset')
    this.#end(status, BulkStep.CONNECT, onConnected === 'keep' ? handle : -1)
  }

  #end(status: number, step: number, detail = -1): void {
    this.cancel()
    const { clock } = this.#lane.ground
    const id = this.#record.getUint32(AttemptField.ID, IS_LITTLE_ENDIAN)
    const times = [this.#startedAt, this.#sentAt, this.#readyAt, clock.now()]
    const hasRunOut = isExhaustion({ errno: status, localFault: step !== BulkStep.SO_ERROR })
    this.#lane.ended(this, [id, status, step, detail, ...times], hasRunOut)
  }

  #close(mode: 'graceful' | 'reset'): void {
    const { backend, switchboard } = this.#lane.ground
    switchboard.forget(this.#token)
    if (this.#handle >= 0) backend.close(this.#handle, mode)
    this.#handle = -1 as Handle
  }
}
