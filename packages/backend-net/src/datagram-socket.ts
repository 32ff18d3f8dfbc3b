/**
 * A datagram socket: a POSIX-shaped one on top of a `dgram.Socket`.
 *
 * Node tells two things later than the system call does: why a connect has failed, and that a datagram could not be sent.
 */
import { Buffer } from 'node:buffer'
import type { Socket } from 'node:dgram'
import {
  appliesTo,
  type CloseMode,
  ConnectStatus,
  type ConnectTimes,
  errno,
  type InetAddress,
  isInet,
  Readiness,
  type SocketAddress,
  type SocketOptionName,
  type SocketOptionValue,
  type SocketSpec,
  type SystemResult,
} from '@pollout/core'
import type { BackendSocket, SocketContext } from './backend-socket.js'
import { ConnectClock } from './connect-clock.js'
import { DATAGRAM_OPTIONS, DatagramOptions } from './datagram-options.js'
import { DatagramQueue } from './datagram-queue.js'
import { openDatagrams, peerOf } from './datagrams.js'
import { LingeringDatagrams } from './lingering-datagrams.js'
import { Registration } from './registration.js'
import { addressFault, inetAddress } from './socket-address.js'
import { negatedErrno } from './system-error.js'
import { zonedHost } from './zone.js'

/** 65,535 less the headers: of UDP, and where the length counts it, of IP; ip(7). More is EMSGSIZE. */
const LONGEST_OVER_IPV4 = 65_507
const LONGEST_OVER_IPV6 = 65_527
const IPV4_MAPPED = /^::ffff:\d/i
const IPV4 = /^(::ffff:)?\d+\./i

export class DatagramSocket extends Registration implements BackendSocket {
  /** Made by the first bind() or connect(), as Node's have no descriptor before. */
  #socket: Socket | undefined
  #peer: InetAddress | undefined
  /** Told by finishConnect() only: a connect(2) of the kernel's would have returned it. */
  #connectError = 0
  /** SO_ERROR, negated: ICMP's answer, or why a datagram could not be sent. */
  #pendingError = 0
  #isPendingOwn = false
  #failedHere = false
  /** A connect has failed, and Node has yet to say why. */
  #failing = false
  #connects = 0
  /** The kernel has not taken the last datagram yet. */
  #blocked = false
  #shutDown = false
  #lingering: LingeringDatagrams | undefined
  readonly #clock = new ConnectClock()
  readonly #received = new DatagramQueue()
  readonly #options = new DatagramOptions()
  readonly #spec: SocketSpec

  constructor(spec: SocketSpec, context: SocketContext) {
    super(context)
    this.#spec = spec
  }

  /**
   * 0 where it has a peer now, else EINPROGRESS: the errno comes with readiness. With a peer already it gets another, as
   * on Linux; but Node has to disconnect first, so that an automatic local port changes, and a failure leaves no peer.
   */
  connect(to: SocketAddress): SystemResult {
    if (this.#failing) return -errno.EALREADY
    if (this.#connectError !== 0) return this.#takeConnectError()
    this.#clock.start()
    const socket = addressFault(this.#spec, to) || this.#bound()
    if (typeof socket === 'number' || !isInet(to)) {
      this.#fail(typeof socket === 'number' ? socket : -errno.EAFNOSUPPORT)
      return -errno.EINPROGRESS
    }
    this.#disconnect()
    this.#connectTo(socket, to)
    return this.#peer === undefined ? -errno.EINPROGRESS : 0
  }

  /** Answers as bind(2) does. */
  bind(at: SocketAddress): SystemResult {
    const fault = addressFault(this.#spec, at)
    if (fault !== 0) return fault
    if (!isInet(at) || this.#hasPort()) return -errno.EINVAL
    const socket = this.#open(at)
    return typeof socket === 'number' ? socket : 0
  }

  disconnect(): SystemResult {
    this.#failing = false
    this.#connectError = 0
    return this.#disconnect()
  }

  setOption(name: SocketOptionName, value: SocketOptionValue): SystemResult {
    if (!DATAGRAM_OPTIONS.includes(name) || !appliesTo(name, this.#spec)) return -errno.ENOPROTOOPT
    if (name === 'ipv6Only' && this.#hasPort()) return -errno.EINVAL
    const result = this.#options.set(name, value, this.#socket)
    this.#matchLimit()
    return result
  }

  level(): number {
    let ready = this.#blocked ? 0 : Readiness.WRITABLE
    if (this.#failing) ready = 0
    if (!this.#received.isEmpty) ready |= Readiness.READABLE
    const failed = this.#pendingError !== 0 || this.#connectError !== 0
    return failed ? (ready & this.interest) | Readiness.ERROR : ready & this.interest
  }

  finishConnect(times: ConnectTimes | undefined): ConnectStatus {
    if (this.#failing) return ConnectStatus.PENDING
    this.#clock.writeTo(times)
    const error = this.#takeConnectError() || this.#takeError()
    if (error !== 0) return error
    return this.#peer === undefined ? -errno.ENOTCONN : ConnectStatus.CONNECTED
  }

  get failedHere(): boolean {
    return this.#failedHere
  }

  /** A pending error comes before the datagrams that wait, as in __skb_recv_udp() of the kernel. */
  receive(into: Uint8Array): SystemResult {
    const error = this.#takeError()
    if (error !== 0) return error
    const datagram = this.#received.shift()
    if (datagram === undefined) return -errno.EAGAIN
    const count = Math.min(datagram.length, into.length)
    into.set(count === datagram.length ? datagram : datagram.subarray(0, count))
    return count
  }

  /** Takes one datagram beyond what the kernel does. Node says too late for this call that one could not be sent. */
  send(data: Uint8Array, offset: number): SystemResult {
    const count = Math.max(data.length - offset, 0)
    if (count > this.#longest()) return -errno.EMSGSIZE
    if (this.#socket === undefined || this.#peer === undefined) return -errno.EDESTADDRREQ
    if (this.#pendingError !== 0) return this.#takeError()
    if (this.#shutDown) return -errno.EPIPE
    if (this.#blocked) return -errno.EAGAIN
    // A copy: the caller may change its buffer after the call.
    this.#socket.send(Buffer.from(data.subarray(offset)), this.#onSent)
    this.#blocked = this.#socket.getSendQueueCount() > 0
    return count
  }

  /** Without a peer it is ENOTCONN and takes effect all the same, on Linux. */
  shutdown(): SystemResult {
    this.#shutDown = true
    return this.#peer === undefined ? -errno.ENOTCONN : 0
  }

  localAddress(): SocketAddress | undefined {
    if (this.#socket === undefined) return undefined
    const { address, port } = this.#socket.address()
    return inetAddress(this.#spec.family, address, port)
  }

  peerAddress(): SocketAddress | undefined {
    return this.#peer
  }

  /** Nothing to do: the descriptor never keeps the process alive, and a datagram under way always does. */
  setReferenced(): void {}

  close(mode: CloseMode): void {
    this.disarm()
    const socket = this.#socket
    this.#socket = undefined
    if (socket === undefined) return
    socket.removeAllListeners('message')
    if (mode === 'reset' || !this.#blocked) {
      socket.close()
      return
    }
    this.#lingering = new LingeringDatagrams(socket)
    this.context.lingering.add(this.#lingering)
  }

  /** The socket, bound to any port if it has none yet; or what connect(2) would say. */
  #bound(): Socket | number {
    if (this.#socket !== undefined) return this.#socket
    const socket = this.#open({
      address: this.#spec.family === 'inet6' ? '::' : '0.0.0.0',
      port: 0,
    })
    // No port is free: inet_autobind() of the kernel.
    return socket === -errno.EADDRINUSE ? -errno.EAGAIN : socket
  }

  #open(at: Pick<InetAddress, 'address' | 'port'>): Socket | number {
    const socket = openDatagrams(this.#spec, at, this.#options)
    if (typeof socket === 'number') return socket
    socket.on('error', this.#onError).on('message', this.#onMessage)
    this.#socket?.close()
    this.#socket = socket
    this.#matchLimit()
    return socket
  }

  #connectTo(socket: Socket, { address, port }: InetAddress): void {
    const connect = ++this.#connects
    try {
      socket.connect(port, zonedHost(address), (error?: Error) => {
        if (error === undefined || !this.#failing || connect !== this.#connects) return
        this.#failing = false
        this.#fail(negatedErrno(error))
      })
      this.#peer = peerOf(socket, this.#spec)
      this.#failing = this.#peer === undefined
      this.#clock.end()
    } catch (cause) {
      // Node takes no port 0.
      this.#fail(negatedErrno(cause))
    }
  }

  #fail(negated: number): void {
    this.#connectError = negated
    this.#clock.end()
    this.notify()
  }

  #disconnect(): SystemResult {
    if (this.#peer === undefined) return 0
    this.#peer = undefined
    try {
      this.#socket?.disconnect()
      return 0
    } catch (cause) {
      return negatedErrno(cause)
    }
  }

  /** An automatic one is given up with the peer. */
  #hasPort(): boolean {
    return this.#socket !== undefined && this.#socket.address().port !== 0
  }

  #longest(): number {
    if (this.#spec.family === 'inet') return LONGEST_OVER_IPV4
    return IPV4_MAPPED.test(this.#peer?.address ?? '') ? LONGEST_OVER_IPV4 : LONGEST_OVER_IPV6
  }

  #matchLimit(): void {
    if (this.#socket !== undefined) this.#received.limitBytes = this.#socket.getRecvBufferSize()
  }

  #takeError(): number {
    const error = this.#pendingError
    this.#pendingError = 0
    if (error !== 0) this.#failedHere = this.#isPendingOwn
    return error
  }

  #takeConnectError(): number {
    const error = this.#connectError
    this.#connectError = 0
    if (error !== 0) this.#failedHere = true
    return error
  }

  readonly #onMessage = (datagram: Uint8Array) => {
    this.#received.push(datagram)
    this.notify()
  }

  readonly #onError = (error: Error) => {
    this.#pendingError = negatedErrno(error)
    this.#isPendingOwn = this.#isOwn(error as NodeJS.ErrnoException)
    this.notify()
  }

  /**
   * recvmsg(2) tells what a packet has said. sendmmsg(2) may too, if it comes first; over IPv6 that makes its EACCES a
   * firewall's more often than that of a route that prohibits: one put in since the connect, which asks the routes too.
   */
  #isOwn({ syscall, code }: NodeJS.ErrnoException): boolean {
    if (syscall !== 'send') return false
    return code !== 'EACCES' || IPV4.test(this.#peer?.address ?? '')
  }

  readonly #onSent = (error: Error | null) => {
    if (this.#socket === undefined) {
      this.#lingering?.sent()
      return
    }
    this.#blocked = this.#socket.getSendQueueCount() > 0
    // Cancelled: it went with the socket that was here before another bind().
    const isCancelled = error !== null && negatedErrno(error) === -errno.ECANCELED
    if (error && !isCancelled) this.#onError(error)
    else this.notify()
  }
}
