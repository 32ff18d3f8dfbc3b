/** `connectBatches()`: a fan-out as an observable of columns. */
import type { Observable } from 'rxjs'
import { checkWord } from '../base/options.js'
import type { OutboundCore } from '../outbound/outbound-core.js'
import { columnFeed } from './column-feed.js'
import type { OutcomeBatch, TargetColumns } from './columns.js'
import { checkFanOut, type FanOutLimits } from './fan-out-options.js'
import { observe } from './observe.js'
import { OutcomeColumns } from './outcome-columns.js'
import { checkSource, type SourceListener, type TargetSource } from './target-source.js'

/**
 * Options of {@link Reactor.connectBatches}: those of `connectMany()`, but for keeping the connections.
 *
 * @example
 * ```ts
 * import { type ConnectBatchesOptions, createReactor } from 'pollout'
 *
 * const options: ConnectBatchesOptions = { concurrency: 10_000, rate: 20_000, onConnected: 'reset' }
 * const targets = { addresses: Uint32Array.of(0xc000_0201, 0xc000_0202), ports: 22 }
 * createReactor()
 *   .connectBatches([targets], options)
 *   .subscribe(({ index, kind }) => console.log(index, kind))
 * ```
 */
export interface ConnectBatchesOptions extends FanOutLimits {
  /** What becomes of a connected socket: `close` (default), or `reset`, as in `ConnectManyOptions`. */
  readonly onConnected?: 'close' | 'reset' | undefined
}

/** See {@link Reactor.connectBatches}. */
export function connectBatches(
  core: OutboundCore,
  targets: TargetSource<TargetColumns>,
  options: ConnectBatchesOptions = {},
): Observable<OutcomeBatch> {
  checkSource(targets)
  const words = ['close', 'reset'] as const
  const onConnected = checkWord('onConnected', options.onConnected ?? 'close', words)
  const checked = checkFanOut(options, onConnected)
  const mode = onConnected === 'close' ? 'graceful' : 'reset'
  const open = (listener: SourceListener) => columnFeed(targets, listener)
  return observe<number, OutcomeBatch>(core, checked, open, (subscriber, inContext) => {
    const columns = new OutcomeColumns()
    let isFlushScheduled = false
    const flush = (): void => {
      if (columns.count > 0) inContext((batch) => subscriber.next(batch), columns.take())
    }
    return {
      batch(tell) {
        tell()
        flush()
      },
      ended: (task, end) => columns.add(task.target, end),
      requestEnded(task, request) {
        columns.addRequest(task.target, request)
        if (request.failure === undefined) core.close(request.takeHandle(), 0, mode)
        if (isFlushScheduled) return
        isFlushScheduled = true
        // What one turn of the loop brings becomes one batch.
        core.later(() => {
          isFlushScheduled = false
          flush()
        })
      },
      flush,
    }
  })
}
