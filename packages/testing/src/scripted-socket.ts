/** One socket of a scripted backend: what was done to it, and what it is to answer. */

import {
  type CloseMode,
  errno,
  type Handle,
  type Interest,
  type SocketAddress,
  type SocketOptionName,
  type SocketOptionValue,
  type SocketSpec,
  type SystemResult,
  type Token,
} from '@pollout/core'
/**
 * An answer: the number itself, or what makes it of the call.
 *
 * @example
 * ```ts
 * import { errno } from '@pollout/core'
 * import { type Answer, type ScriptedSocket, scriptedBackend } from '@pollout/testing'
 *
 * let calls = 0
 * const everySecond: Answer<[socket: ScriptedSocket]> = () => (++calls % 2 ? 0 : -errno.ECONNREFUSED)
 * scriptedBackend({ answers: { finishConnect: everySecond } })
 * ```
 */
export type Answer<Arguments extends readonly unknown[]> =
  | SystemResult
  | ((...call: Arguments) => SystemResult)

/**
 * What each call of the backend answers; see `Backend` for the meaning of the numbers.
 *
 * @example
 * ```ts
 * import { errno } from '@pollout/core'
 * import { type ScriptedAnswers, scriptedBackend } from '@pollout/testing'
 *
 * const answers: ScriptedAnswers = {
 *   connect: (_socket, to) => (to.family === 'inet6' ? -errno.ENETUNREACH : -errno.EINPROGRESS),
 *   send: (_socket, data, offset) => Math.min(1, data.length - offset), // a byte at a time
 * }
 * scriptedBackend({ answers })
 * ```
 */
export interface ScriptedAnswers {
  /** 0 for a new socket, or a negated errno. */
  open?: Answer<[spec: SocketSpec]>
  bind?: Answer<[socket: ScriptedSocket, at: SocketAddress]>
  setOption?: Answer<[socket: ScriptedSocket, name: SocketOptionName, value: SocketOptionValue]>
  connect?: Answer<[socket: ScriptedSocket, to: SocketAddress]>
  register?: Answer<[socket: ScriptedSocket, interest: Interest]>
  finishConnect?: Answer<[socket: ScriptedSocket]>
  receive?: Answer<[socket: ScriptedSocket, into: Uint8Array]>
  send?: Answer<[socket: ScriptedSocket, data: Uint8Array, offset: number]>
  shutdown?: Answer<[socket: ScriptedSocket]>
  disconnect?: Answer<[socket: ScriptedSocket]>
  /** `KernelSockets.setOption`, by number. */
  setRawOption?: Answer<[socket: ScriptedSocket, level: number, option: number, value: Uint8Array]>
  /** `KernelSockets.getOption`, by number. */
  getRawOption?: Answer<[socket: ScriptedSocket, level: number, option: number, into: Uint8Array]>
  connectAndWait?: Answer<[socket: ScriptedSocket, to: SocketAddress, timeoutMs: number]>
  /** 0 to take over what {@link Script.descriptors} has there, or a negated errno. */
  adopt?: Answer<[descriptor: number]>
  /** The descriptor given away, or a negated errno. */
  detach?: Answer<[socket: ScriptedSocket]>
}

/**
 * Answers that are not about a socket which is there.
 *
 * @example
 * ```ts
 * import { errno } from '@pollout/core'
 * import { type SocketlessAnswer, scriptedBackend } from '@pollout/testing'
 *
 * const call: SocketlessAnswer = 'open'
 * scriptedBackend().once(call, -errno.EMFILE)
 * ```
 */
export type SocketlessAnswer = 'open' | 'adopt'

/**
 * A socket from elsewhere, for adopt() to find.
 *
 * @example
 * ```ts
 * import { type ScriptedDescriptor, scriptedBackend } from '@pollout/testing'
 *
 * const inherited: ScriptedDescriptor = {
 *   spec: { family: 'inet', type: 'stream' },
 *   peerAddress: { family: 'inet', address: '192.0.2.1', port: 80 },
 * }
 * scriptedBackend().descriptors.set(3, inherited) // for reactor.adopt(3)
 * ```
 */
export interface ScriptedDescriptor {
  readonly spec: SocketSpec
  readonly localAddress?: SocketAddress
  /** With one it is connected. */
  readonly peerAddress?: SocketAddress
}

/**
 * A socket of a scripted backend, from the test's side: what was done to it, and what it shall answer.
 *
 * @example
 * ```ts
 * import { Readiness } from '@pollout/core'
 * import type { Script, ScriptedSocket } from '@pollout/testing'
 *
 * function receive(script: Script, socket: ScriptedSocket, text: string): void {
 *   socket.arrive(text)
 *   script.ready(socket, Readiness.READABLE)
 *   script.deliver()
 * }
 * ```
 */
export class ScriptedSocket {
  readonly handle: Handle
  readonly spec: SocketSpec
  /** Overrides the script's answers for this socket. */
  readonly answers: Omit<ScriptedAnswers, SocketlessAnswer> = {}
  /** Every address given to connect(), in order. */
  readonly connects: SocketAddress[] = []
  /** The armed registration. */
  registration: { readonly token: Token; readonly interest: Interest } | undefined
  /** How it was closed; undefined while it is open. */
  closed: CloseMode | 'detached' | undefined
  /** The address given to bind(). */
  bound: SocketAddress | undefined
  /** Options set by name. */
  readonly options = new Map<SocketOptionName, SocketOptionValue>()
  /** Bytes of the options set by name or by number; the key is `level:option`. */
  // Written out: what TypeScript infers, a generic Uint8Array, none before 5.7 understands.
  readonly rawOptions: Map<string, Uint8Array> = new Map()
  /** The descriptor that it was adopted from. */
  readonly adopted: number | undefined
  /** When connect() was called, in milliseconds of the script's clock, and when it was last made ready. */
  connectedAt = 0
  readyAt = 0
  /** What send() took where the answers did not say otherwise. */
  readonly sent: Buffer[] = []
  /** shutdown() was called. */
  ended = false
  localAddress: SocketAddress | undefined
  peerAddress: SocketAddress | undefined
  readonly #inbox: (Buffer | 'end')[] = []

  constructor(handle: Handle, spec: SocketSpec, adopted?: number) {
    this.handle = handle
    this.spec = spec
    this.adopted = adopted
  }

  /** The last address given to connect(). */
  get address(): SocketAddress | undefined {
    return this.connects.at(-1)
  }

  /** What was sent, as text. */
  get sentText(): string {
    return Buffer.concat(this.sent).toString()
  }

  /** Puts data, or the end of the stream, where receive() finds it; making the socket ready is another step. */
  arrive(data: string | Uint8Array | 'end'): void {
    this.#inbox.push(data === 'end' ? 'end' : Buffer.from(data as string))
  }

  /** @internal What was taken last was an empty packet. */
  emptied = false

  /** What receive() does where no answer is given: takes from what has arrived, one message where it is no stream. */
  takeArrived(into: Uint8Array): SystemResult {
    const first = this.#inbox[0]
    this.emptied = first?.length === 0
    if (first === undefined) return -errno.EAGAIN
    if (first === 'end') return 0
    const count = Math.min(first.length, into.length)
    into.set(first.subarray(0, count))
    if (count === first.length || this.spec.type !== 'stream') this.#inbox.shift()
    else this.#inbox[0] = first.subarray(count)
    return count
  }
}
