/** `connectMany()`: a fan-out as an observable of outcomes. */
import type { Observable } from 'rxjs'
import { checkWord } from '../base/options.js'
import type { Connection } from '../connection/connection.js'
import type { OutboundCore } from '../outbound/outbound-core.js'
import { checkFanOut, type FanOutLimits } from './fan-out-options.js'
import type { OnConnected } from './fan-out-sides.js'
import { objectFeed } from './object-feed.js'
import { observe } from './observe.js'
import type { ConnectedOutcome, FailedOutcome, Outcome, Target } from './outcome.js'
import { outcomeOfEnd, outcomeOfRequest } from './outcome-objects.js'
import { checkSource, type SourceListener, type TargetSource } from './target-source.js'
import { Unclaimed } from './unclaimed.js'

/**
 * Options of {@link Reactor.connectMany}.
 *
 * @example
 * ```ts
 * import { type ConnectManyOptions, createReactor } from 'pollout'
 *
 * const gently: ConnectManyOptions = { concurrency: 500, rate: 2_000, timeoutMs: 1_500 }
 * createReactor()
 *   .connectMany(['tcp://192.0.2.1:22', 'tcp://192.0.2.2:22'], gently)
 *   .subscribe(({ target, kind }) => console.log(target, kind))
 * ```
 */
export interface ConnectManyOptions extends FanOutLimits {
  /**
   * What becomes of a connected socket: `close` (default; leaves TIME_WAIT on this side for a minute), `reset`
   * (RST, leaves nothing), or `keep`: the outcome carries a {@link Connection}, which the subscriber closes.
   */
  readonly onConnected?: OnConnected | undefined
}

/**
 * An outcome whose connection is there, when it is kept.
 *
 * @example
 * ```ts
 * import { createReactor, type KeptOutcome } from 'pollout'
 *
 * function use(outcome: KeptOutcome<string>): void {
 *   if (outcome.kind === 'connected') outcome.connection.reset()
 *   else console.error(outcome.target, outcome.code)
 * }
 * createReactor().connectMany(['tcp://192.0.2.1:22'], { onConnected: 'keep' }).subscribe(use)
 * ```
 */
export type KeptOutcome<T> =
  | (ConnectedOutcome<T> & { readonly connection: Connection })
  | FailedOutcome<T>

/** See {@link Reactor.connectMany}. */
export function connectMany<T extends Target>(
  core: OutboundCore,
  targets: TargetSource<T>,
  options: ConnectManyOptions = {},
): Observable<Outcome<T>> {
  checkSource(targets)
  const words = ['keep', 'close', 'reset'] as const
  const onConnected = checkWord('onConnected', options.onConnected ?? 'close', words)
  const checked = checkFanOut(options, onConnected)
  const open = (listener: SourceListener) => objectFeed(targets, listener)
  return observe<T, Outcome<T>>(core, checked, open, (subscriber, inContext) => {
    const unclaimed = new Unclaimed(core)
    const emit = (outcome: Outcome<T>): void => subscriber.next(outcome)
    return {
      batch: (tell) => inContext(tell),
      ended: (task, end) => emit(outcomeOfEnd(task, end, unclaimed)),
      requestEnded(task, request) {
        inContext(emit, outcomeOfRequest(core, task, request, onConnected))
      },
    }
  })
}
