/** The low level: one non-blocking socket with POSIX names and POSIX answers, and `readiness()` as poll(2). */
import { Observable } from 'rxjs'
import { onAbort } from './abort.js'
import type { AddressFamily, SocketAddress, SocketType } from './address.js'
import { captureContext } from './async-context.js'
import { type CloseMode, ConnectStatus, type Handle } from './backend.js'
import { errno, errnoName } from './errno.js'
import {
  abortedFailure,
  ConnectError,
  connectFailure,
  type Failure,
  unsupportedFailure,
} from './errors.js'
import { checkSignal, checkWord } from './options.js'
import type { ReactorCore } from './reactor-core.js'
import type { Interest, Readiness } from './readiness.js'

/** `OK`, or the name of an errno. */
export type PosixAnswer = 'OK' | (string & {})

/**
 * A socket of the reactor's backend. Its calls never block and never throw for a network condition: they answer
 * as the system call does, with a number, `OK`, or the errno's name. Its user closes it.
 */
export class Socket implements Disposable {
  readonly family: AddressFamily
  readonly type: SocketType
  readonly #core: ReactorCore
  readonly #handle: Handle
  #open = true

  /** @internal */
  constructor(core: ReactorCore, family: AddressFamily, type: SocketType) {
    core.assertAlive()
    const { name, capabilities } = core.backend
    if (!capabilities.sockets[family]?.includes(type)) {
      throw new ConnectError(unsupportedFailure(name, `${family} ${type} sockets`))
    }
    const handle = core.backend.open({ family, type })
    if (handle < 0) throw new ConnectError(connectFailure(handle, 'socket'))
    this.family = family
    this.type = type
    this.#core = core
    this.#handle = handle as Handle
    core.counters.open++
    core.own(this)
  }

  get closed(): boolean {
    return !this.#open
  }

  /**
   * connect(2): `OK`, `EINPROGRESS` (wait for WRITABLE, then {@link Socket.finishConnect}), `EALREADY` while one is
   * under way, `EISCONN` after it, or why not. Calling it again is no way to find out how it went.
   */
  connect(to: SocketAddress): PosixAnswer {
    return answer(this.#core.backend.connect(this.#handle, to))
  }

  /**
   * How the connect went, to be asked once it was reported ready: `OK`, `EINPROGRESS` when the readiness was
   * spurious, or the error, which is told once. A socket connected to itself answers `EADDRNOTAVAIL`: close it.
   */
  finishConnect(): PosixAnswer {
    const status = this.#core.backend.finishConnect(this.#handle)
    if (status === ConnectStatus.PENDING) return 'EINPROGRESS'
    if (status === ConnectStatus.SELF_CONNECTED) return 'EADDRNOTAVAIL'
    return answer(status)
  }

  /** recv(2): bytes read into `into`, 0 at the end of the stream, or an errno's name (`EAGAIN`: nothing yet). */
  receive(into: Uint8Array): number | PosixAnswer {
    return count(this.#core.backend.receive(this.#handle, into))
  }

  /** send(2): bytes taken of `data` from `offset` on, possibly fewer, or an errno's name (`EAGAIN`: none now). */
  send(data: Uint8Array, offset = 0): number | PosixAnswer {
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
    if (!this.#open) return
    checkWord('mode', mode, ['graceful', 'reset'])
    this.#open = false
    this.#core.counters.open--
    this.#core.disown(this)
    this.#waiting?.()
    this.#core.close(this.#handle, 0, mode)
  }

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
  assertOf(core: ReactorCore): void {
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

interface SocketListener {
  ready(readiness: Readiness): void
  error(failure: Failure): void
}

/** See {@link Reactor.readiness}. */
export function readiness(
  core: ReactorCore,
  socket: Socket,
  interest: Interest,
  options: { readonly signal?: AbortSignal | undefined } = {},
): Observable<Readiness> {
  if (!Number.isInteger(interest) || interest < 1 || interest > 3) {
    throw new RangeError('interest must be Interest.READABLE, Interest.WRITABLE or both')
  }
  const signal = checkSignal(options.signal)
  socket.assertOf(core)
  return new Observable((subscriber) => {
    const inContext = captureContext()
    const fail = (failure: Failure): void =>
      inContext(() => subscriber.error(new ConnectError(failure)))
    const abort = (): void => fail(abortedFailure(signal?.reason, 'poll'))
    if (signal?.aborted) return core.later(abort)
    const stop = socket.watch(interest, {
      ready: (bits) =>
        inContext(() => {
          subscriber.next(bits)
          subscriber.complete()
        }),
      error: fail,
    })
    const stopWatching = onAbort(signal, abort)
    return () => {
      stopWatching()
      stop()
    }
  })
}

function answer(result: number): PosixAnswer {
  return result < 0 ? errnoName(result) : 'OK'
}

function count(result: number): number | PosixAnswer {
  return result < 0 ? errnoName(result) : result
}
