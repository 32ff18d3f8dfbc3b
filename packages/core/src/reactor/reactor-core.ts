/**
 * The reactor: demultiplexes a backend's batches of readiness to those who registered for them.
 *
 * It owns the tokens, the deadlines, the queue of connects that wait to be started, and the list of all that
 * has to end when the reactor is destroyed. It knows nothing of names, policies, connects and observables: those stand on it.
 */
import type {
  Backend,
  BackendFactory,
  CloseMode,
  ConnectTimes,
  Handle,
  ReadinessSink,
  SystemResult,
  Token,
} from '../backend/backend.js'
import { errno } from '../backend/errno.js'
import type { Interest, Readiness } from '../backend/readiness.js'
import { guarded, reportUncaught } from '../base/uncaught.js'
import { ConnectError } from '../errors/connect-error.js'
import type { Failure } from '../errors/failure.js'
import { brokenFailure, destroyedFailure } from '../errors/failures.js'
import { BoundPaths } from './bound-paths.js'
import { type Clock, guardedClock, type Timer } from './clock.js'
import { Deadlines } from './deadlines.js'
import { KeepAlive } from './keep-alive.js'
import { Outbox } from './outbox.js'
import { ReadBuffer } from './read-buffer.js'
import { TurnQueue } from './turn-queue.js'

export interface ReadinessListener {
  /** Called for each report of its registration. What it throws is reported as uncaught, and harms nobody else. */
  ready(readiness: Readiness): void
  /** The registration is of `watch()`, and stays when it has reported. */
  readonly isWatching?: boolean
}

/** What lives in a reactor and has to end with it. */
export interface Owned {
  /** Gives everything back and tells its own users why. */
  reactorGone(why: Failure): void
}

/** What has a first step that makes system calls. */
export interface Startable {
  begin(): void
}

/**
 * A snapshot of a reactor's counters, for monitoring and leak checks.
 *
 * @example
 * ```ts
 * import { createReactor, type ReactorStats } from 'pollout'
 *
 * await using reactor = createReactor()
 * const { inFlight, open, failed }: ReactorStats = reactor.stats()
 * console.log(`${inFlight} connecting, ${open} open, ${failed} failed so far`)
 * ```
 */
export interface ReactorStats {
  /** Name of the backend. */
  readonly backend: string
  /** Connects that took their first step. */
  readonly started: number
  /** Connects that ended with a peer. */
  readonly connected: number
  /** Connects that ended without one; cancelled ones are not among them. */
  readonly failed: number
  /** Connects that were unsubscribed from, or aborted, before they ended. */
  readonly cancelled: number
  /** Connects asked for and not ended, those that wait to be started included. */
  readonly inFlight: number
  /** Of these, how many wait for their turn to start: only so many start in one loop turn. */
  readonly queued: number
  /** Connections and low-level sockets that their owners have not closed. */
  readonly open: number
  /** Armed registrations. */
  readonly registrations: number
  /** Deadlines that are running. */
  readonly deadlines: number
  /** Times that the backend has delivered readiness. */
  readonly batches: number
  /** Registrations that it has reported ready in them. */
  readonly events: number
  /** Events for a registration that was gone: normal after a cancellation. */
  readonly staleEvents: number
}

/**
 * How many connects one loop turn starts. A connect on loopback costs the thread up to 30 µs of kernel work, so
 * this bounds what a burst of thousands adds to a turn to some 3 ms; the turn itself costs some 10 µs.
 */
const STARTS_PER_TURN = 128

export class ReactorCore implements ReadinessSink {
  readonly backend: Backend
  readonly clock: Clock
  /** Those of connects. */
  readonly deadlines: Deadlines
  /** Those of what is connected: see `patience.ts`. */
  readonly patience: Deadlines
  readonly boundPaths = new BoundPaths()
  readonly outbox = new Outbox((callback) => this.later(callback))
  readonly readBuffer = new ReadBuffer()
  /** Where backends write the times of a connect: read and forgotten within one call. */
  readonly times: ConnectTimes = new Float64Array(2)
  readonly counters = {
    started: 0,
    connected: 0,
    failed: 0,
    cancelled: 0,
    inFlight: 0,
    queued: 0,
    open: 0,
  }
  readonly #listeners = new Map<number, ReadinessListener>()
  readonly #owned = new Set<Owned>()
  readonly #starts: TurnQueue<Startable>
  readonly #later: TurnQueue<() => void>
  readonly #keepAlive = new KeepAlive()
  #lastToken = 0
  /** Armed registrations that are not to keep the process alive. */
  #background = 0
  /** The backend has been told to keep nothing alive. */
  #isAside = false
  #batches = 0
  #events = 0
  #staleEvents = 0
  #gone: Failure | undefined
  #destroyed: Promise<void> | undefined

  constructor(factory: BackendFactory, clock: Clock) {
    this.clock = guardedClock(clock)
    this.backend = factory(this)
    const defer = (callback: () => void): void => this.clock.defer(callback, this.#keepAlive.wanted)
    const look = (): void => {
      if (this.#gone === undefined) this.backend.poll()
    }
    this.deadlines = new Deadlines(this.clock, defer, look)
    this.patience = new Deadlines(this.clock, defer, look, 2)
    this.#starts = new TurnQueue(defer, STARTS_PER_TURN, (item) => item.begin())
    this.#later = new TurnQueue(defer, Number.POSITIVE_INFINITY, guarded)
  }

  /** Why nothing can be done here any more, or undefined while it can. */
  get gone(): Failure | undefined {
    return this.#gone
  }

  /**
   * Arms a registration under a new token, in place of the socket's registration `replaced` (0: it has none): of one shot,
   * unless the listener is watching. Returns the token, or a negated errno.
   */
  register(
    handle: Handle,
    interest: Interest,
    listener: ReadinessListener,
    replaced = 0,
  ): SystemResult | Token {
    if (replaced !== 0) this.#listeners.delete(replaced)
    const token = ++this.#lastToken as Token
    const result = listener.isWatching
      ? (this.backend.watch?.(handle, token) ?? -errno.ENOSYS)
      : this.backend.register(handle, token, interest)
    if (result < 0) return result
    this.#listeners.set(token, listener)
    if (this.#background !== 0 || this.#isAside) this.#balance()
    return token
  }

  /** Ends a registration: its listener is not called any more, even if its event stands in the current batch. */
  deregister(handle: Handle, token: number): void {
    if (this.#listeners.delete(token)) this.backend.deregister(handle)
    if (this.#background !== 0) this.#balance()
  }

  /** Closes a socket, and ends its registration (`token` 0 where it has none). */
  close(handle: Handle, token: number, mode: CloseMode): void {
    if (token !== 0) this.#listeners.delete(token)
    this.backend.close(handle, mode)
    this.boundPaths.closed(handle)
    if (this.#background !== 0) this.#balance()
  }

  /** So many more, or fewer, of the armed registrations are not to keep the process alive. */
  background(change: 1 | -1): void {
    this.#background += change
    this.#balance()
  }

  ready(tokens: Float64Array, readiness: Uint8Array, count: number): void {
    this.#batches++
    this.#events += count
    this.outbox.open()
    for (let i = 0; i < count; i++) {
      const token = tokens[i] as number
      const listener = this.#listeners.get(token)
      if (listener === undefined) {
        this.#staleEvents++
        continue
      }
      if (listener.isWatching !== true) this.#listeners.delete(token)
      try {
        listener.ready(readiness[i] as number)
      } catch (error) {
        reportUncaught(error)
      }
      this.outbox.next()
    }
    this.outbox.close()
    if (this.#background !== 0) this.#balance()
  }

  broken(cause: Error): void {
    void this.#end(brokenFailure(cause))
  }

  /** Begins `item` now, or in a later turn where this one has already begun its share. */
  start(item: Startable): void {
    this.#starts.offer(item)
  }

  /**
   * Calls back in a later loop turn: nothing may be emitted inside subscribe(). Of a reactor that has ended nothing else
   * keeps the process alive until it has told so, whatever unref() said.
   */
  later(callback: () => void): void {
    if (this.#gone) this.clock.defer(() => guarded(callback), true)
    else this.#later.push(callback)
  }

  /** Calls back once, `delayMs` from now at the earliest; something is under way until then. */
  setTimer(delayMs: number, callback: () => void): Timer {
    let pending = true
    const end = (): boolean => {
      const was = pending
      pending = false
      if (was) this.#keepAlive.release()
      return was
    }
    const timer = this.clock.setTimer(delayMs, () => {
      if (end()) callback()
    })
    this.#keepAlive.hold()
    return {
      cancel() {
        if (end()) timer.cancel()
      },
    }
  }

  /** Something is under way that the backend does not know of, until {@link ReactorCore.release}. */
  hold(): void {
    this.#keepAlive.hold()
  }

  release(): void {
    this.#keepAlive.release()
  }

  own(item: Owned): void {
    this.#owned.add(item)
  }

  disown(item: Owned): void {
    this.#owned.delete(item)
  }

  /** Throws what a synchronous call on a destroyed reactor answers with. */
  assertAlive(): void {
    if (this.#gone) throw new ConnectError(this.#gone)
  }

  stats(): ReactorStats {
    return {
      backend: this.backend.name,
      ...this.counters,
      registrations: this.#listeners.size,
      deadlines: this.deadlines.size + this.patience.size,
      batches: this.#batches,
      events: this.#events,
      staleEvents: this.#staleEvents,
    }
  }

  ref(): void {
    if (this.#gone) return
    this.#keepAlive.want(true)
    this.#balance()
  }

  unref(): void {
    this.#keepAlive.want(false)
    this.#balance()
  }

  destroy(): Promise<void> {
    return this.#end(destroyedFailure())
  }

  /** The backend keeps the process alive for all that is armed or for nothing: for nothing where all of it is background. */
  #balance(): void {
    if (this.#gone) return
    const { wanted } = this.#keepAlive
    const armed = this.#listeners.size
    // With nothing armed the backend keeps nothing alive either way, and the next registration decides anew.
    const isAside = !wanted || (armed === 0 ? this.#isAside : armed <= this.#background)
    if (isAside === this.#isAside) return
    this.#isAside = isAside
    if (isAside) this.backend.unref()
    else this.backend.ref()
  }

  #end(why: Failure): Promise<void> {
    if (this.#destroyed) return this.#destroyed
    this.#gone = why
    // Assigned before anybody is told: a handler may call destroy() again.
    const { promise, resolve, reject } = deferred<void>()
    this.#destroyed = promise
    for (const item of this.#owned) guarded(() => item.reactorGone(why))
    this.#owned.clear()
    this.#starts.clear()
    this.#listeners.clear()
    this.deadlines.clear()
    this.patience.clear()
    this.#keepAlive.destroy()
    this.backend.destroy().then(resolve, reject)
    // Also of what had connected and was nobody's yet: a subscriber of a diagnostics channel may destroy the reactor then.
    this.boundPaths.allClosed()
    return promise
  }
}

function deferred<T>() {
  let resolve!: (value: T | PromiseLike<T>) => void
  let reject!: (reason: unknown) => void
  const promise = new Promise<T>((res, rej) => {
    resolve = res
    reject = rej
  })
  return { promise, resolve, reject }
}
