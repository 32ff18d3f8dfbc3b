/** One simulated socket's life: its handshake, its two streams, and what it is ready for. */
import {
  type CloseMode,
  ConnectStatus,
  errno,
  Interest,
  Readiness,
  type SocketAddress,
  type SystemResult,
} from '@pollout/core'
import type { SimulatedPeer, SimulatedPeerEnd, SimulatedPeerProgram } from './simulated-peer.js'
import { SimulatedStream } from './simulated-stream.js'

/** What a unix socket's send buffer takes at once, by default: net.core.wmem_default. */
const LONGEST_PACKET = 212_992
const LOST = Readiness.READABLE | Readiness.WRITABLE | Readiness.HANGUP

/** What a connection needs from its network. */
export interface SimulatedHost {
  /** In a later loop turn. */
  later(callback: () => void): void
  after(delayMs: number, callback: () => void): void
  /** What this socket is ready for may have changed. */
  changed(): void
}

export class SimulatedConnection implements SimulatedPeerEnd {
  address: SocketAddress = { family: 'unix', path: '' }
  state: 'fresh' | 'connecting' | 'connected' | 'lost' | 'closed' = 'fresh'
  readonly #host: SimulatedHost
  readonly #messages: boolean
  readonly #inbound: SimulatedStream
  readonly #outbound: SimulatedStream
  /** Written by the peer, waiting for room in the inbound stream. */
  readonly #backlog: SimulatedStream
  #program: SimulatedPeerProgram = {}
  #status: ConnectStatus = ConnectStatus.PENDING
  #error = 0
  #wasConnected = false
  #paused = false
  #peerTurn = false
  #peerTold = false

  /** With `messages` it keeps their boundaries: SOCK_SEQPACKET. */
  constructor(host: SimulatedHost, messages = false) {
    this.#host = host
    this.#messages = messages
    this.#inbound = new SimulatedStream(messages)
    this.#outbound = new SimulatedStream(messages)
    this.#backlog = new SimulatedStream(messages)
  }

  connect(to: SocketAddress, peer: SimulatedPeer): SystemResult {
    if (this.state === 'connecting') return -errno.EALREADY
    if (this.state === 'connected' || this.#wasConnected) return -errno.EISCONN
    if (this.#error !== 0) return this.#takeError()
    const result = peer.connect?.() ?? -errno.EINPROGRESS
    if (result < 0 && result !== -errno.EINPROGRESS && result !== -errno.EINTR) return result
    this.address = to
    this.state = 'connecting'
    const finish = (): void => this.#handshake(peer)
    if (peer.latencyMs) this.#host.after(peer.latencyMs, finish)
    else this.#host.later(finish)
    return result
  }

  finishConnect(): ConnectStatus {
    if (this.state === 'fresh') return -errno.ENOTCONN
    if (this.state === 'connecting') return ConnectStatus.PENDING
    if (this.state === 'connected') return this.#status
    // Of a unix socket no number says that there was a connection.
    if (this.#wasConnected && this.address.family !== 'unix') {
      return ConnectStatus.LOST - (this.#error || -errno.ECONNRESET)
    }
    return this.#takeError() || -errno.ECONNRESET
  }

  receive(into: Uint8Array): SystemResult {
    if (this.state === 'lost') return this.#takeError()
    if (this.state !== 'connected') return -errno.ENOTCONN
    const count = this.#inbound.read(into)
    this.#fill()
    if (count > 0 || this.#inbound.ended) return count
    return -errno.EAGAIN
  }

  send(data: Uint8Array, offset: number): SystemResult {
    if (this.state === 'lost') return this.#takeError() || -errno.EPIPE
    if (this.state === 'connecting') return -errno.EAGAIN
    if (this.state !== 'connected') return -errno.ENOTCONN
    if (this.#outbound.ended) return -errno.EPIPE
    if (this.#messages && data.length - offset > LONGEST_PACKET) return -errno.EMSGSIZE
    if (this.#messages && data.length - offset > this.#outbound.room) return -errno.EAGAIN
    const part = data.subarray(offset, offset + this.#outbound.room)
    if (part.length === 0 && data.length > offset) return -errno.EAGAIN
    this.#outbound.write(part)
    this.#wakePeer()
    return part.length
  }

  shutdown(): SystemResult {
    if (this.state !== 'connected') return -errno.ENOTCONN
    this.#outbound.ended = true
    this.#wakePeer()
    return 0
  }

  /** Unread data makes RST of a FIN: tcp(7) and RFC 1122, 4.2.2.13. */
  close(mode: CloseMode): void {
    const wasConnected = this.state === 'connected'
    this.state = 'closed'
    if (!wasConnected) return
    if (mode === 'reset' || this.#inbound.size > 0) return this.#tellPeer('reset')
    this.#outbound.ended = true
    this.#wakePeer()
  }

  /** As poll(2) has it; ERROR and HANGUP come unasked where the connection is lost. */
  level(interest: Interest): Readiness {
    if (this.state === 'lost') return LOST | (this.#error === 0 ? 0 : Readiness.ERROR)
    if (this.state !== 'connected') return 0
    const { ended } = this.#inbound
    let ready = 0
    if (interest & Interest.READABLE && (this.#inbound.size > 0 || ended)) {
      ready |= Readiness.READABLE
    }
    if (interest & Interest.WRITABLE && (this.#outbound.room > 0 || this.#outbound.ended)) {
      ready |= Readiness.WRITABLE
    }
    return ready && ended ? ready | Readiness.HANGUP : ready
  }

  write(data: Uint8Array): void {
    if (this.#backlog.ended) return
    this.#backlog.write(data)
    this.#fill()
  }

  end(): void {
    this.#backlog.ended = true
    this.#fill()
  }

  reset(): void {
    this.#peerTold = true
    if (this.state === 'connected') this.#lose(-errno.ECONNRESET)
  }

  pause(): void {
    this.#paused = true
  }

  resume(): void {
    this.#paused = false
    this.#wakePeer()
  }

  #handshake(peer: SimulatedPeer): void {
    if (this.state !== 'connecting') return
    const status = peer.handshake ? peer.handshake() : ConnectStatus.CONNECTED
    if (status === undefined || status === ConnectStatus.PENDING) return
    if (status < 0) return this.#lose(status)
    this.state = 'connected'
    this.#status = status
    this.#wasConnected = true
    this.#program = peer.accept?.(this) ?? {}
    this.#host.changed()
  }

  #lose(error: number): void {
    this.state = 'lost'
    this.#error = error
    this.#inbound.readAll()
    this.#host.changed()
  }

  #takeError(): number {
    const error = this.#error
    this.#error = 0
    return error
  }

  /** Moves what the peer wrote to where receive() finds it. */
  #fill(): void {
    if (this.state !== 'connected') return
    this.#backlog.moveTo(this.#inbound)
    this.#inbound.ended = this.#backlog.ended && this.#backlog.size === 0
    this.#host.changed()
  }

  #wakePeer(): void {
    if (this.#peerTurn || this.#paused) return
    this.#peerTurn = true
    this.#host.later(() => {
      this.#peerTurn = false
      if (this.#paused || this.#peerTold) return
      if (this.#outbound.size > 0) {
        for (const chunk of this.#outbound.readAll()) this.#program.data?.(chunk)
        this.#host.changed()
      }
      if (this.#outbound.ended && this.#outbound.size === 0) this.#tellPeer('end')
    })
  }

  /** Of the end of its stream, once; an RST may follow a FIN. */
  #tellPeer(what: 'end' | 'reset'): void {
    if (this.#peerTold) return
    this.#peerTold = true
    this.#host.later(() => this.#program[what]?.())
  }
}
