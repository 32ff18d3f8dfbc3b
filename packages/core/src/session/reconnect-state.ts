/** Where a reconnecting session stands, as an observable that tells late subscribers too. */
import { Observable, Subject } from 'rxjs'
import { captureContext } from '../base/async-context.js'
import type { Connection } from '../connection/connection.js'
import type { OutboundCore } from '../outbound/outbound-core.js'

/**
 * Where a reconnecting session stands:
 * - `connecting`: the attempt of that number is under way, counted from the last connection that was stable;
 * - `connected`: `use` has the connection;
 * - `waiting`: for the next attempt, because of `error`; undefined where `repeat` is the reason;
 * - `ended`: completed, or left by its last subscriber;
 * - `failed`: given up, with the error that the session ends with.
 *
 * @example
 * ```ts
 * import type { ReconnectingSession } from 'pollout'
 *
 * declare const session: ReconnectingSession<Buffer>
 * session.state$.subscribe((state) => {
 *   if (state.kind === 'waiting') console.log(`again in ${state.delayMs} ms`, state.error)
 * })
 * ```
 */
export type ReconnectState =
  | { readonly kind: 'connecting'; readonly attempt: number }
  | { readonly kind: 'connected'; readonly attempt: number; readonly connection: Connection }
  | { readonly kind: 'waiting'; readonly delayMs: number; readonly error: unknown }
  | { readonly kind: 'ended' }
  | { readonly kind: 'failed'; readonly error: unknown }

export class ReconnectStates {
  readonly #core: OutboundCore
  readonly #changes = new Subject<ReconnectState>()
  #current: ReconnectState | undefined

  constructor(core: OutboundCore) {
    this.#core = core
  }

  set(state: ReconnectState): void {
    this.#current = state
    this.#changes.next(state)
  }

  /** The present state, in a later turn, and each that follows. Never ends: the session may be subscribed again. */
  readonly states$: Observable<ReconnectState> = new Observable((subscriber) => {
    const inContext = captureContext()
    const emit = (state: ReconnectState): void => subscriber.next(state)
    this.#core.later(() => {
      const current = this.#current
      // First, so that what a listener makes of the present state is told to it as well.
      subscriber.add(this.#changes.subscribe((state) => inContext(emit, state)))
      if (current) inContext(emit, current)
    })
  })
}
