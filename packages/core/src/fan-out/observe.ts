/** A fan-out as an observable: one for each subscription, in the async context of the subscriber. */
import { Observable, type Subscriber } from 'rxjs'
import { onAbort } from '../base/abort.js'
import { captureContext, type InContext } from '../base/async-context.js'
import { ConnectError } from '../errors/connect-error.js'
import { abortedFailure } from '../errors/failures.js'
import type { OutboundCore } from '../outbound/outbound-core.js'
import { FanOut } from './fan-out.js'
import type { CheckedFanOut } from './fan-out-options.js'
import type { FanOutListener, Feed } from './fan-out-sides.js'
import type { PaceLost } from './pace-watch.js'
import type { SourceListener } from './target-source.js'

/** What makes outcomes of what a fan-out tells, for this subscriber. */
export type Telling<T, O> = (
  subscriber: Subscriber<O>,
  inContext: InContext,
) => Omit<FanOutListener<T>, 'complete' | 'error'> & {
  /** Emits what may have been gathered. */
  flush?(): void
}

export function observe<T, O>(
  core: OutboundCore,
  options: CheckedFanOut,
  open: (listener: SourceListener) => Feed<T>,
  telling: Telling<T, O>,
): Observable<O> {
  const { signal } = options
  return new Observable((subscriber) => {
    const inContext = captureContext()
    const fail = (error: unknown): void => inContext(() => subscriber.error(error))
    if (core.gone) {
      const error = new ConnectError(core.gone)
      return core.later(() => fail(error))
    }
    if (signal?.aborted) {
      return core.later(() => fail(new ConnectError(abortedFailure(signal.reason))))
    }
    const told = telling(subscriber, inContext)
    const { onPaceLost } = options
    const inside = onPaceLost && {
      onPaceLost: (lost: PaceLost) => inContext(onPaceLost, lost),
    }
    const fanOut = new FanOut<T>(
      core,
      { ...options, ...inside },
      {
        batch: (tell) => told.batch(tell),
        ended: (task, end) => told.ended(task, end),
        requestEnded: (task, request) => told.requestEnded(task, request),
        complete() {
          told.flush?.()
          inContext(() => subscriber.complete())
        },
        error(error) {
          told.flush?.()
          fail(error)
        },
      },
    )
    const stopWatching = onAbort(signal, () => {
      fanOut.cancel()
      told.flush?.()
      fail(new ConnectError(abortedFailure(signal?.reason)))
    })
    fanOut.start(open)
    return () => {
      stopWatching()
      fanOut.cancel()
    }
  })
}
