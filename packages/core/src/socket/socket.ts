/** The low level: one non-blocking socket with POSIX names and POSIX answers. */
import type { AddressFamily, SocketAddress, SocketSpec, SocketType } from '../backend/address.js'
import { checkAddress, checkReceiveBuffer, checkSendArguments } from '../backend/arguments.js'
import {
  type Backend,
  type CloseMode,
  ConnectStatus,
  type Handle,
  hasConnected,
} from '../backend/backend.js'
import { errno, errnoName } from '../backend/errno.js'
import type { Interest, Readiness } from '../backend/readiness.js'
import type { SocketOptionName } from '../backend/socket-options.js'
import { checkDescriptor, checkNames, checkTimeout, checkWord } from '../base/options.js'
import { ConnectError } from '../errors/connect-error.js'
import type { Failure } from '../errors/failure.js'
import { connectFailure } from '../errors/failures.js'
import type { OutboundCore } from '../outbound/outbound-core.js'
import { denialOf } from '../policy/denial.js'
import * as calls from './socket-calls.js'
import type { TcpInfo } from './tcp-info.js'

/**
 * `OK`, or the name of an errno.
 *
 * @example
 * ```ts
 * import { createReactor, type PosixAnswer } from 'pollout'
 *
 * await using reactor = createReactor()
 * using socket = reactor.socket('inet')
 * const answer: PosixAnswer = socket.bind({ family: 'inet', address: '127.0.0.1', port: 0 })
 * if (answer !== 'OK') console.error(`bind: ${answer}`)
 * ```
 */
export type PosixAnswer = 'OK' | (string & {})

/**
 * Options of {@link Socket.connectSync}.
 *
 * @example
 * ```ts
 * import { type ConnectSyncOptions, createReactor } from 'pollout'
 *
 * const patience: ConnectSyncOptions = { timeoutMs: 500 }
 * await using reactor = createReactor({ backend: 'native' })
 * using socket = reactor.socket('inet')
 * socket.connectSync({ family: 'inet', address: '127.0.0.1', port: 22 }, patience) // 'OK'
 * ```
 */
export interface ConnectSyncOptions {
  /** How long to wait, in milliseconds. Default 30,000; Infinity leaves it to the kernel (about 134 s on Linux). */
  readonly timeoutMs?: number | undefined
}

/**
 * A socket of the reactor's backend. Its calls never block and never throw for a network condition: they answer
 * as the system call does, with a number, `OK`, or the errno's name. Its user closes it. Arguments
 * that can't be meant throw a TypeError or RangeError.
 *
 * What the backend has no means for throws {@link ConnectError} `ERR_UNSUPPORTED`, and names it; which that is stands in
 * the reactor's capabilities: `bind`, `options`, `kernelSockets`.
 *
 * @example
 * ```ts
 * import { createReactor, Interest, type Socket } from 'pollout'
 * import { firstValueFrom } from 'rxjs'
 *
 * await using reactor = createReactor()
 * using socket: Socket = reactor.socket('inet', 'stream')
 * socket.connect({ family: 'inet', address: '127.0.0.1', port: 7 }) // 'EINPROGRESS'
 * await firstValueFrom(reactor.readiness(socket, Interest.WRITABLE))
 * if (socket.finishConnect() === 'OK') socket.send(Buffer.from('Hello, Server!')) // 14
 * ```
 */
export class Socket implements Disposable {
  /** The family of the addresses that it takes. */
  readonly family: AddressFamily
  /** Whether it carries a stream, datagrams, or packets in order. */
  readonly type: SocketType
  readonly #core: OutboundCore
  readonly #handle: Handle
  #open = true

  /** @internal Takes over an open handle of this reactor's backend. */
  constructor(core: OutboundCore, handle: Handle, { family, type }: SocketSpec) {
    this.family = family
    this.type = type
    this.#core = core
    this.#handle = handle
    core.counters.open++
    core.own(this)
  }

  /** @internal See {@link Reactor.socket}. */
  static open(core: OutboundCore, family: AddressFamily, type: SocketType): Socket {
    core.assertAlive()
    const { backend } = core
    if (!typesOf(backend, family).includes(type)) {
      throw calls.unsupported(backend, `${family} ${type} sockets`)
    }
    const handle = backend.open({ family, type })
    if (handle < 0) throw new ConnectError(connectFailure(handle, 'socket'))
    return new Socket(core, handle as Handle, { family, type })
  }

  /**
   * @internal A socket made of a descriptor from elsewhere, whatever its state; it is the reactor's from now on. Throws
   * {@link ConnectError} (`EBADF`, `ENOTSOCK`, `EINVAL` for one that listens, ...), and then it stays the caller's.
   */
  static adopt(core: OutboundCore, descriptor: number): Socket {
    checkDescriptor(descriptor)
    core.assertAlive()
    const kernel = calls.kernelOf(core.backend, 'adopting descriptors')
    const handle = kernel.adopt(descriptor)
    if (handle < 0) throw calls.localError(handle, 'adopt')
    // Just opened, so it has one.
    const spec = kernel.specOf(handle as Handle) as SocketSpec
    return new Socket(core, handle as Handle, spec)
  }

  /** The descriptor is given back, or away. */
  get closed(): boolean {
    return !this.#open
  }

  /**
   * connect(2): `OK`, `EINPROGRESS` (wait for WRITABLE, then {@link Socket.finishConnect}), `EALREADY` while one is
   * under way, `EISCONN` after it, or why not. Calling it again is no way to find out how it went. Throws
   * {@link ConnectError} `ERR_DENIED` where the reactor's policy forbids it: no system call says that.
   */
  connect(to: SocketAddress): PosixAnswer {
    return answer(this.#core.backend.connect(this.#handle, this.#allowed(to)))
  }

  /** A copy of the address: what is connected to is what was checked, and judged where there is a policy. */
  #allowed(to: SocketAddress): SocketAddress {
    const { policy } = this.#core
    const address = this.#checked(to)
    const denial = policy && denialOf(policy, address)
    if (denial) throw new ConnectError(denial, { address })
    return address
  }

  #checked(address: SocketAddress): SocketAddress {
    const { backend } = this.#core
    const copy = checkAddress(address)
    const isAbstract = copy.family === 'unix' && copy.path.startsWith('\0')
    if (!isAbstract || backend.capabilities.abstractUnix) return copy
    throw calls.unsupported(backend, 'abstract unix names')
  }

  /**
   * How the connect went, to be asked once it was reported ready: `OK`, `EINPROGRESS` when the readiness was
   * spurious, or the error, which is told once. A connection that the peer has reset by now is `OK`, and the next call on it
   * tells the reset. A socket connected to itself answers `EADDRNOTAVAIL`: close it.
   */
  finishConnect(): PosixAnswer {
    const status = this.#core.backend.finishConnect(this.#handle)
    if (status === ConnectStatus.PENDING) return 'EINPROGRESS'
    if (status === ConnectStatus.SELF_CONNECTED) return 'EADDRNOTAVAIL'
    return hasConnected(status) ? 'OK' : answer(status)
  }

  /**
   * bind(2): gives the socket a local address, before it connects. Port 0 leaves the port to the system, an empty unix
   * path the name (autobind of unix(7)). A socket that was not bound gets an address from connect(), but for unix ones.
   */
  bind(at: SocketAddress): PosixAnswer {
    const { backend } = this.#core
    if (backend.bind === undefined) throw calls.unsupported(backend, 'local addresses')
    return answer(backend.bind(this.#handle, this.#checked(at)))
  }

  /**
   * connect(2) with AF_UNSPEC: a datagram socket forgets its peer, and receives from anybody again; a local address that
   * the connect had chosen is given up too.
   */
  disconnect(): PosixAnswer {
    const { backend } = this.#core
    if (backend.disconnect === undefined) throw calls.unsupported(backend, 'disconnecting')
    return answer(backend.disconnect(this.#handle))
  }

  /**
   * A connect that blocks, and with it this thread and everything in it, for `timeoutMs` at most: for scripts, where
   * nothing else is to go on. `OK`; `EINPROGRESS` when the time is over, and the connect goes on as one begun by
   * {@link Socket.connect}; or why not. Signals do not end the wait. connect(2), SO_SNDTIMEO of socket(7).
   */
  connectSync(to: SocketAddress, options: ConnectSyncOptions = {}): PosixAnswer {
    checkNames(options, ['timeoutMs'])
    const timeoutMs = checkTimeout('timeoutMs', options.timeoutMs)
    const kernel = calls.kernelOf(this.#core.backend, 'a connect that waits')
    return answer(kernel.connectAndWait(this.#handle, this.#allowed(to), timeoutMs))
  }

  /** setsockopt(2) of an option of the table, checked: `ENOPROTOOPT` where such a socket has no such option. */
  setOption<Name extends SocketOptionName>(name: Name, value: calls.ValueOf<Name>): PosixAnswer {
    return answer(calls.setOption(this.#core.backend, this.#handle, this, name, value))
  }

  /**
   * getsockopt(2) of an option of the table, as the kernel has it: buffer sizes come doubled. Throws
   * {@link ConnectError} with the errno where the kernel refuses.
   */
  getOption<Name extends SocketOptionName>(name: Name): calls.ValueOf<Name> {
    return calls.getOption(this.#core.backend, this.#handle, this, name)
  }

  /** setsockopt(2) with this platform's numbers; a number for a value is an `int`. */
  setRawOption(level: number, option: number, value: Uint8Array | number): PosixAnswer {
    return answer(calls.setRawOption(this.#core.backend, this.#handle, level, option, value))
  }

  /**
   * getsockopt(2) with this platform's numbers: the bytes that it wrote, `length` at most. Throws {@link ConnectError}
   * with the errno where the kernel refuses.
   */
  getRawOption(level: number, option: number, length: number): Uint8Array {
    return calls.getRawOption(this.#core.backend, this.#handle, level, option, length)
  }

  /** What the kernel knows of this TCP socket, in whatever state. Throws {@link ConnectError} where it tells nothing. */
  tcpInfo(): TcpInfo {
    return calls.tcpInfo(this.#core.backend, this.#handle, this)
  }

  /**
   * recv(2): bytes read into `into`, 0 at the end of the stream and for an empty message, or an errno's name
   * (`EAGAIN`: nothing yet).
   */
  receive(into: Uint8Array): number | PosixAnswer {
    checkReceiveBuffer(into)
    return count(this.#core.backend.receive(this.#handle, into))
  }

  /** send(2): bytes taken of `data` from `offset` on, possibly fewer, or an errno's name (`EAGAIN`: none now). */
  send(data: Uint8Array, offset = 0): number | PosixAnswer {
    checkSendArguments(data, offset)
    return count(this.#core.backend.send(this.#handle, data, offset))
  }

  /** shutdown(2) with SHUT_WR. */
  shutdown(): PosixAnswer {
    return answer(this.#core.backend.shutdown(this.#handle))
  }

  /** getsockname(2) */
  get localAddress(): SocketAddress | undefined {
    return this.#core.backend.localAddress(this.#handle)
  }

  /** getpeername(2) */
  get peerAddress(): SocketAddress | undefined {
    return this.#core.backend.peerAddress(this.#handle)
  }

  /** close(2), or with `reset` at once and with RST. Idempotent. */
  close(mode: CloseMode = 'graceful'): void {
    checkWord('mode', mode, ['graceful', 'reset'])
    if (!this.#open) return
    this.#leave()
    this.#core.close(this.#handle, 0, mode)
  }

  /**
   * Gives the descriptor away, still non-blocking, its registration gone before; closing it is the caller's from now on,
   * and this socket is closed. Throws {@link ConnectError} `EBADF` where it was closed before.
   */
  detach(): number {
    const descriptor = calls.detach(this.#core.backend, this.#handle)
    this.#leave()
    return descriptor
  }

  #leave(): void {
    this.#open = false
    this.#core.counters.open--
    this.#core.disown(this)
    this.#waiting?.()
  }

  /** {@link Socket.close}, for `using`. */
  [Symbol.dispose](): void {
    this.close()
  }

  /** @internal */
  reactorGone(): void {
    this.close('reset')
  }

  /** Tells whoever waits for readiness that the socket is closed. */
  #waiting: (() => void) | undefined

  /** @internal Throws for a socket of another reactor. */
  assertOf(core: OutboundCore): void {
    if (core !== this.#core) throw new TypeError('this socket belongs to another reactor')
  }

  /** @internal One at a time, as there is one registration: a second one fails with EEXIST, as in epoll_ctl(2). */
  watch(interest: Interest, listener: SocketListener): () => void {
    const core = this.#core
    const refuse = (result: number): (() => void) => {
      let stopped = false
      core.later(() => stopped || listener.error(core.gone ?? connectFailure(result, 'epoll_ctl')))
      return () => {
        stopped = true
      }
    }
    if (!this.#open) return refuse(-errno.EBADF)
    if (this.#waiting) return refuse(-errno.EEXIST)
    const token = core.register(this.#handle, interest, {
      ready: (bits) => {
        this.#waiting = undefined
        listener.ready(bits)
      },
    })
    if (token < 0) return refuse(token)
    const closed = (): void => {
      stop()
      listener.error(core.gone ?? connectFailure(-errno.EBADF, 'epoll_ctl'))
    }
    const stop = (): void => {
      if (this.#waiting === closed) this.#waiting = undefined
      core.deregister(this.#handle, token)
    }
    this.#waiting = closed
    return stop
  }
}

/** None for a family that nobody has heard of. */
function typesOf({ capabilities: { sockets } }: Backend, family: AddressFamily) {
  return Object.hasOwn(sockets, family) ? sockets[family] : []
}

interface SocketListener {
  ready(readiness: Readiness): void
  error(failure: Failure): void
}

function answer(result: number): PosixAnswer {
  return result < 0 ? errnoName(result) : 'OK'
}

function count(result: number): number | PosixAnswer {
  return result < 0 ? errnoName(result) : result
}
