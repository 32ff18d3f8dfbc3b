/** What a script and its backend have in common: sockets, answers, what is staged, and what was done wrong. */
import {
  type Capabilities,
  type Clock,
  errno,
  Readiness,
  type ReadinessSink,
  type SystemResult,
  systemClock,
} from '@pollout/core'
import type {
  Answer,
  ScriptedAnswers,
  ScriptedDescriptor,
  ScriptedSocket,
  SocketlessAnswer,
} from './scripted-socket.js'

/**
 * Options of `scriptedBackend()`.
 *
 * @example
 * ```ts
 * import { errno } from '@pollout/core'
 * import { type ScriptOptions, scriptedBackend } from '@pollout/testing'
 *
 * const options: ScriptOptions = {
 *   capabilities: { kernelSockets: false },
 *   answers: { connect: -errno.EADDRNOTAVAIL },
 * }
 * const script = scriptedBackend(options)
 * ```
 */
export interface ScriptOptions {
  /** Default `scripted`. */
  readonly name?: string
  /** Default: everything. */
  readonly capabilities?: Partial<Capabilities>
  /**
   * A call that breaks the contract of `Backend` (a double close, a call on a closed handle or after destroy)
   * throws and is noted in {@link ScriptState.violations}. Default true; without it, it answers -EBADF.
   */
  readonly strict?: boolean
  readonly answers?: ScriptedAnswers
  /** What the times of connects are read from; the reactor's own. Default: the system's. */
  readonly clock?: Clock | undefined
}

/**
 * The part of a `Script` that its backend knows too.
 *
 * @example
 * ```ts
 * import { type ScriptState, scriptedBackend } from '@pollout/testing'
 *
 * const state: ScriptState = scriptedBackend()
 * console.log(state.open.length, state.violations)
 * ```
 */
export class ScriptState {
  /** All sockets, in order of opening. */
  readonly sockets: ScriptedSocket[] = []
  readonly options: ScriptOptions
  readonly answers: ScriptedAnswers
  /** Breaches of the contract, in words; to be empty at the end of a test. */
  readonly violations: string[] = []
  /** What adopt() finds, by descriptor; elsewhere it answers EBADF. What was taken over stands here no longer. */
  readonly descriptors = new Map<number, ScriptedDescriptor>()
  /** The times that finishConnect() tells, in milliseconds: by default of connect() and of becoming ready. */
  times: (socket: ScriptedSocket) => readonly [startedAt: number, readyAt: number] = (socket) => [
    socket.connectedAt,
    socket.readyAt,
  ]
  /** What poll() does: by default it delivers what was staged. */
  onPoll: () => void = () => this.deliver()
  /** Told of every close, after it. */
  onClose: (socket: ScriptedSocket) => void = () => {}
  /** Told how many registrations are armed, and whether they keep the process alive, when either changes. */
  onArmed: (count: number, referenced: boolean) => void = () => {}
  destroyed = false
  #armed = 0
  #referenced = true
  readonly #once = new Map<keyof ScriptedAnswers, SystemResult[]>()
  #staged: { readonly token: number; readonly readiness: Readiness }[] = []
  /** @internal Where the backend delivers to. */
  protected sink: ReadinessSink | undefined
  #delivering = false

  constructor(options: ScriptOptions = {}) {
    this.options = options
    this.answers = { ...options.answers }
  }

  /** Sockets not yet closed, in order of opening. */
  get open(): readonly ScriptedSocket[] {
    return this.sockets.filter(({ closed }) => closed === undefined)
  }

  /** The next calls of that name answer with these numbers, before all other answers. */
  once(call: keyof ScriptedAnswers, ...results: SystemResult[]): void {
    this.#once.set(call, [...(this.#once.get(call) ?? []), ...results])
  }

  /** Stages a socket's armed registration for the next batch, and disarms it, as a poller that gathers does. */
  ready(socket: ScriptedSocket | undefined, readiness: Readiness = Readiness.WRITABLE): void {
    if (socket?.registration === undefined) throw new Error('this socket has nothing armed')
    socket.readyAt = this.now()
    this.#staged.push({ token: socket.registration.token, readiness })
    this.arm(socket, undefined)
  }

  /** Stages any token: one of the past, say. */
  stage(token: number, readiness: Readiness = Readiness.WRITABLE): void {
    this.#staged.push({ token, readiness })
  }

  /** Delivers what was staged as one batch; does nothing inside the sink or where nothing is. */
  deliver(): void {
    if (this.#delivering || this.#staged.length === 0 || this.destroyed) return
    const batch = this.#staged
    this.#staged = []
    this.#delivering = true
    const tokens = Float64Array.from(batch, ({ token }) => token)
    const readiness = Uint8Array.from(batch, (event) => event.readiness)
    try {
      this.sink?.ready(tokens, readiness, batch.length)
    } finally {
      this.#delivering = false
      // The arrays are the backend's again: who kept them reads nonsense.
      tokens.fill(Number.NaN)
      readiness.fill(0xff)
    }
  }

  /** Stages these, in this order, and delivers them as one batch. */
  deliverAll(sockets: readonly ScriptedSocket[], readiness?: Readiness): void {
    for (const socket of sockets) this.ready(socket, readiness)
    this.deliver()
  }

  /** The poller fails. */
  breakDown(cause = new Error('the poller broke')): void {
    this.sink?.broken(cause)
  }

  /** Armed registrations. */
  get armed(): number {
    return this.#armed
  }

  /** Whether armed registrations are to keep the process alive: ref() and unref(). */
  get referenced(): boolean {
    return this.#referenced
  }

  /** Milliseconds of the script's clock. */
  now(): number {
    return (this.options.clock ?? systemClock).now()
  }

  /** @internal */
  reference(referenced: boolean): void {
    this.#referenced = referenced
    this.onArmed(this.#armed, referenced)
  }

  /** @internal */
  arm(socket: ScriptedSocket, registration: ScriptedSocket['registration']): void {
    const before = socket.registration === undefined ? 0 : 1
    socket.registration = registration
    const change = (registration === undefined ? 0 : 1) - before
    if (change === 0) return
    this.#armed += change
    this.onArmed(this.#armed, this.#referenced)
  }

  /** @internal */
  violation(what: string): SystemResult {
    if (this.options.strict === false) return -errno.EBADF
    this.violations.push(what)
    throw new Error(`backend contract broken: ${what}`)
  }

  /** @internal */
  answer<Name extends keyof ScriptedAnswers>(
    name: Name,
    socket: ScriptedSocket | undefined,
    call: readonly unknown[],
    otherwise: () => SystemResult,
  ): SystemResult {
    const once = this.#once.get(name)?.shift()
    if (once !== undefined) return once
    const own = socket?.answers[name as Exclude<Name, SocketlessAnswer>]
    const answer = (own ?? this.answers[name]) as Answer<readonly unknown[]> | undefined
    if (typeof answer === 'function') return answer(...call)
    return answer ?? otherwise()
  }
}
