/** A backend without a reactor: sockets by hand, each call's answer by its errno's name. */
import {
  type Backend,
  ConnectStatus,
  errnoName,
  type Handle,
  type Interest,
  Readiness,
  type ReadinessSink,
  type SocketAddress,
  type SocketSpec,
  type Token,
} from '@pollout/core'
import type { BackendName } from '../rig/requirements.js'
import { backendOf } from './backends.js'

/** `OK`, a result above 0, or the errno's name. */
export type PlainAnswer = string | number

export class PlainSockets implements AsyncDisposable {
  readonly backend: Backend
  readonly #waiting = new Map<Token, (readiness: number) => void>()
  #lastToken = 0

  constructor(name: BackendName) {
    const sink: ReadinessSink = {
      ready: (tokens, readiness, count) => {
        const batch = Array.from({ length: count }, (_, i) => [tokens[i], readiness[i]] as const)
        for (const [token, bits] of batch) this.#report(token as Token, bits ?? 0)
      },
      broken: (cause) => {
        throw cause
      },
    }
    this.backend = backendOf(name)(sink)
  }

  /** Throws where there is none to be had. */
  open(spec: SocketSpec): Handle {
    const handle = this.backend.open(spec)
    if (handle < 0) throw new Error(`socket: ${errnoName(handle)}`)
    return handle as Handle
  }

  connect(handle: Handle, to: SocketAddress): PlainAnswer {
    return answerOf(this.backend.connect(handle, to))
  }

  /** Calls back with the report, if there ever is one. */
  watch(handle: Handle, interest: Interest, report: (bits: readonly string[]) => void): void {
    const token = ++this.#lastToken as Token
    this.#waiting.set(token, (bits) => report(namesOf(bits)))
    const result = this.backend.register(handle, token, interest)
    if (result < 0) throw new Error(`epoll_ctl: ${errnoName(result)}`)
  }

  /** The names of the bits it is found ready for. */
  ready(handle: Handle, interest: Interest): Promise<readonly string[]> {
    return new Promise((resolve) => this.watch(handle, interest, resolve))
  }

  /** `PENDING` where the readiness was spurious, `SELF_CONNECTED` for a socket that is its own peer. */
  finish(handle: Handle): PlainAnswer {
    const status = this.backend.finishConnect(handle)
    if (status === ConnectStatus.PENDING) return 'PENDING'
    if (status >= ConnectStatus.LOST) return `OK, then ${errnoName(ConnectStatus.LOST - status)}`
    return status === ConnectStatus.SELF_CONNECTED ? 'SELF_CONNECTED' : answerOf(status)
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.backend.destroy()
  }

  #report(token: Token, bits: number): void {
    const report = this.#waiting.get(token)
    this.#waiting.delete(token)
    report?.(bits)
  }
}

export function answerOf(result: number): PlainAnswer {
  if (result < 0) return errnoName(result)
  return result === 0 ? 'OK' : result
}

function namesOf(bits: number): string[] {
  return Object.entries(Readiness)
    .filter(([, bit]) => (bits & bit) !== 0)
    .map(([name]) => name)
}
