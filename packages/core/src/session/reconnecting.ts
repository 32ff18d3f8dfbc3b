/** `reconnecting()`: a session that is made again when its connection is lost, or can't be made. */
import {
  concat,
  defer,
  EMPTY,
  from,
  Observable,
  type ObservableInput,
  repeat as repeated,
  retry,
  type Subscriber,
  share,
  throwError,
} from 'rxjs'
import { onAbort } from '../base/abort.js'
import { captureContext, type InContext } from '../base/async-context.js'
import { checkFlag } from '../base/options.js'
import { connect } from '../connect/connect.js'
import type { Connection } from '../connection/connection.js'
import type { Endpoint } from '../endpoint/endpoint.js'
import { toEndpoint } from '../endpoint/endpoint-text.js'
import { ConnectError } from '../errors/connect-error.js'
import type { Failure } from '../errors/failure.js'
import { abortedFailure, ownFailure } from '../errors/failures.js'
import type { OutboundCore } from '../outbound/outbound-core.js'
import type { Owned } from '../reactor/reactor-core.js'
import { checkRetryRules, type ReconnectOptions } from './reconnect-options.js'
import { type ReconnectState, ReconnectStates } from './reconnect-state.js'
import { RetryPlan, type RetryRules } from './retry-plan.js'
import { talking } from './session.js'

/**
 * An observable of what `use` emits on one connection after the other, and beside it the state. Its subscribers share one
 * session: the first begins it, and when the last leaves, the connection is closed. After that, or its end, it may be begun anew.
 *
 * @example
 * ```ts
 * import type { Reactor } from 'pollout'
 *
 * declare const reactor: Reactor
 * const ticks = reactor.reconnecting('tcp://127.0.0.1:7000', (connection) => connection.received)
 * ticks.state$.subscribe((state) => console.log(state.kind))
 * ticks.subscribe({ next: (chunk) => console.log(String(chunk)), error: console.error })
 * ```
 */
export class ReconnectingSession<T> extends Observable<T> {
  /** Where it stands: the present state, a turn after subscribing, and each that follows. Does not begin the session, and never ends. */
  readonly state$: Observable<ReconnectState>

  /** @internal Comes from a reactor. */
  constructor(shared: Observable<T>, state$: Observable<ReconnectState>) {
    super((subscriber) => {
      const inContext = captureContext()
      const emit = (value: T): void => subscriber.next(value)
      return shared.subscribe({
        next: (value) => inContext(emit, value),
        error: (error) => inContext(() => subscriber.error(error)),
        complete: () => inContext(() => subscriber.complete()),
      })
    })
    this.state$ = state$
  }
}

type Use<T> = (connection: Connection) => ObservableInput<T>

/** See {@link Reactor.reconnecting}. */
export function reconnecting<T>(
  core: OutboundCore,
  target: Endpoint | string,
  use: Use<T>,
  options: ReconnectOptions = {},
): ReconnectingSession<T> {
  const { backoff, maxAttempts, giveUpAfterMs, giveUp, repeat = false, ...others } = options
  const endpoint = toEndpoint(target)
  checkFlag('repeat', repeat)
  const rules = checkRetryRules({ backoff, maxAttempts, giveUpAfterMs, giveUp })
  const states = new ReconnectStates(core)
  // One for all attempts: it checks the options now, and takes its turns among several local addresses.
  const connecting = connect(core, endpoint, others)
  const { signal } = others
  const plan = { core, endpoint, connecting, use, rules, repeat, signal, states }
  const shared = new Observable<T>((subscriber) => new Course(plan, subscriber).begin())
  return new ReconnectingSession(shared.pipe(share()), states.states$)
}

interface Setup<T> {
  readonly core: OutboundCore
  readonly endpoint: Endpoint
  readonly connecting: Observable<Connection>
  readonly use: Use<T>
  readonly rules: RetryRules
  readonly repeat: boolean
  readonly signal: AbortSignal | undefined
  readonly states: ReconnectStates
}

/** The session from its first subscriber to its end. */
class Course<T> implements Owned {
  readonly #setup: Setup<T>
  readonly #subscriber: Subscriber<T>
  readonly #plan: RetryPlan
  /** All attempts are made in the context of the one who began it, whoever's callback or timer leads there. */
  readonly #inContext: InContext
  #over = false

  constructor(setup: Setup<T>, subscriber: Subscriber<T>) {
    this.#setup = setup
    this.#subscriber = subscriber
    this.#plan = new RetryPlan(setup.rules, setup.core.clock.now())
    this.#inContext = captureContext()
  }

  /** Returns how to leave. The first attempt begins a turn later: no state is told inside subscribe(). */
  begin(): () => void {
    const { core } = this.#setup
    core.own(this)
    core.later(() => {
      if (!this.#over) this.#inContext(() => this.#connect())
    })
    return () => this.#end({ kind: 'ended' })
  }

  reactorGone(why: Failure): void {
    this.#fail(new ConnectError(why, this.#setup))
  }

  #connect(): void {
    const { connecting, core, repeat, signal, states } = this.#setup
    const session = talking(connecting, (connection) => this.#talk(connection), signal)
    const once = defer(() => {
      states.set({ kind: 'connecting', attempt: this.#plan.attempt })
      return this.#over ? EMPTY : session
    })
    const again = once.pipe(retry({ delay: (error) => this.#afterFailure(error) }))
    const delay = (): Observable<void> => this.#wait(this.#plan.completed(core.clock.now()))
    const subscription = (repeat ? again.pipe(repeated({ delay })) : again).subscribe({
      next: (value) => this.#subscriber.next(value),
      error: (error) => this.#fail(error),
      complete: () => {
        this.#end({ kind: 'ended' })
        this.#subscriber.complete()
      },
    })
    this.#subscriber.add(subscription)
  }

  #talk(connection: Connection): ObservableInput<T> {
    const { core, states, use } = this.#setup
    const { attempt } = this.#plan
    this.#plan.connected(core.clock.now())
    states.set({ kind: 'connected', attempt, connection })
    if (this.#over) return EMPTY
    return concat(from(use(connection)), this.#lostOf(connection))
  }

  /**
   * Behind what `use` made: fails where that has read to the peer's end, since then it completes as what has done its work
   * does. An end that nobody has read is none yet, and who closed the connection had another reason to complete.
   */
  #lostOf(connection: Connection): Observable<never> {
    return defer(() => {
      if (connection.closed || !connection.peerEnded) return EMPTY
      // FIN for FIN; the session, which fails, would reset it.
      if (connection.unsentBytes === 0) void connection.close()
      const { endpoint } = this.#setup
      const why = ownFailure('ERR_PEER_ENDED', 'receive', 'recv', 'the peer ended the stream')
      return throwError(() => new ConnectError(why, { endpoint, address: connection.peerAddress }))
    })
  }

  #afterFailure(error: unknown): Observable<unknown> {
    const { core, signal } = this.#setup
    // Else its `giveUp` might be asked about its own signal, or the reactor's end.
    if (signal?.aborted || core.gone) return throwError(() => error)
    const delayMs = this.#plan.failed(error, core.clock.now())
    return delayMs === undefined ? throwError(() => error) : this.#wait(delayMs, error)
  }

  #wait(delayMs: number, error?: unknown): Observable<void> {
    const { core, endpoint, signal, states } = this.#setup
    return new Observable((subscriber) => {
      const timer = core.setTimer(delayMs, () => this.#inContext(() => subscriber.next()))
      const stopWatching = onAbort(signal, () => {
        const aborted = abortedFailure(signal?.reason, 'session')
        subscriber.error(new ConnectError(aborted, { endpoint }))
      })
      subscriber.add(() => {
        timer.cancel()
        stopWatching()
      })
      states.set({ kind: 'waiting', delayMs, error })
    })
  }

  #fail(error: unknown): void {
    if (this.#over) return
    this.#end({ kind: 'failed', error })
    this.#subscriber.error(error)
  }

  /** Whoever listens to the state may leave, or begin anew, in return. */
  #end(state: ReconnectState): void {
    if (this.#over) return
    this.#over = true
    this.#setup.core.disown(this)
    this.#setup.states.set(state)
  }
}
