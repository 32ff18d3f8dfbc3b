/** One simulated datagram socket: its peer, what has arrived, and what is said against what it sent. */
import {
  ConnectStatus,
  errno,
  formatAddress,
  Interest,
  Readiness,
  type SocketAddress,
  type SystemResult,
} from '@pollout/core'
import type { SimulatedHost } from './simulated-connection.js'
import type { SimulatedPeer } from './simulated-peer.js'

/** The largest payload over IPv4; what is longer does not fit into one: EMSGSIZE, udp(7). */
const LONGEST_DATAGRAM = 65_507

export class SimulatedDatagrams {
  address: SocketAddress = { family: 'unix', path: '' }
  state: 'fresh' | 'connected' | 'closed' = 'fresh'
  readonly #host: SimulatedHost
  #inbox: Buffer[] = []
  #peer: SimulatedPeer | undefined
  #error = 0

  constructor(host: SimulatedHost) {
    this.#host = host
  }

  /** Sends nothing; may be called again, for another peer: connect(2). What has arrived stays. */
  connect(to: SocketAddress, peer: SimulatedPeer): SystemResult {
    const result = peer.connect?.() ?? 0
    if (result < 0 && result !== -errno.EINPROGRESS) return result
    this.address = to
    this.#peer = peer
    this.state = 'connected'
    this.#host.changed()
    return 0
  }

  disconnect(): void {
    this.#peer = undefined
    this.state = 'fresh'
    this.#host.changed()
  }

  finishConnect(): ConnectStatus {
    return this.state === 'connected' ? ConnectStatus.CONNECTED : -errno.ENOTCONN
  }

  receive(into: Uint8Array): SystemResult {
    if (this.#error !== 0) return this.#takeError()
    const message = this.#inbox.shift()
    if (message === undefined) return -errno.EAGAIN
    const part = message.subarray(0, into.length)
    into.set(part)
    return part.length
  }

  send(data: Uint8Array, offset: number): SystemResult {
    const peer = this.#peer
    if (peer === undefined) return -errno.EDESTADDRREQ
    if (this.#error !== 0) return this.#takeError()
    const message = Buffer.from(data.subarray(offset))
    if (message.length > LONGEST_DATAGRAM) return -errno.EMSGSIZE
    this.#host.later(() => this.#reach(peer, message))
    return message.length
  }

  /** Of datagrams there is no end. */
  shutdown(): SystemResult {
    return this.state === 'connected' ? 0 : -errno.ENOTCONN
  }

  close(): void {
    this.state = 'closed'
    this.#inbox = []
  }

  /** A datagram from anywhere: heard where nobody is connected to, or from the peer. */
  arrive(from: SocketAddress, message: Uint8Array): void {
    if (this.state === 'closed') return
    if (this.#peer && formatAddress(from) !== formatAddress(this.address)) return
    this.#inbox.push(Buffer.from(message))
    this.#host.changed()
  }

  level(interest: Interest): Readiness {
    let ready = interest & Interest.WRITABLE
    if (this.#error !== 0) return interest | Readiness.ERROR
    if (interest & Interest.READABLE && this.#inbox.length > 0) ready |= Readiness.READABLE
    return ready
  }

  #reach(peer: SimulatedPeer, message: Buffer): void {
    if (this.state === 'closed') return
    const from = this.address
    if (peer.datagram) return peer.datagram(message, (answer) => this.arrive(from, answer))
    // As the ICMP message that nobody listens there.
    const refusal = peer.handshake?.()
    if (refusal === undefined || refusal >= 0 || this.#peer !== peer) return
    this.#error = refusal
    this.#host.changed()
  }

  #takeError(): number {
    const error = this.#error
    this.#error = 0
    return error
  }
}
