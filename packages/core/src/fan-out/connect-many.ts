/** `connectMany()`: a fan-out as an observable of outcomes. */
import { Observable } from 'rxjs'
import {
  checkDestination,
  checkSetup,
  DESTINATION_NAMES,
  type DestinationOptions,
  type SocketSetupOptions,
} from '../connect/connect-options.js'
import type { Connection } from '../connection/connection.js'
import { abortedFailure, ConnectError } from '../errors.js'
import { checkCount, checkRate, checkSignal, checkTimeout, checkWord } from '../options.js'
import { onAbort } from '../reactor/abort.js'
import { captureContext } from '../reactor/async-context.js'
import type { ReactorCore } from '../reactor/reactor-core.js'
import { FanOut, type OnConnected } from './fan-out.js'
import type { ConnectedOutcome, FailedOutcome, Outcome, Target } from './outcome.js'
import { checkSource, type TargetSource } from './target-source.js'

export interface ConnectManyOptions extends SocketSetupOptions, DestinationOptions {
  /**
   * Attempts in flight at once, a whole number from 1. Default 1,000. When descriptors or ports run out, fewer are
   * kept in flight until there are enough again, so more than the limit of open files is no mistake.
   */
  readonly concurrency?: number | undefined
  /** Attempts begun a second, evenly spaced; what a busy loop missed is made up for within 10 ms. Default: no limit. */
  readonly rate?: number | undefined
  /** Time for each target, in milliseconds, as in `ConnectOptions`. Default 30,000. */
  readonly timeoutMs?: number | undefined
  /**
   * What becomes of a connected socket: `close` (default; leaves TIME_WAIT on this side for a minute), `reset`
   * (RST, leaves nothing), or `keep`: the outcome carries a {@link Connection}, which the subscriber closes.
   */
  readonly onConnected?: OnConnected | undefined
  /** Stops all at once, with a {@link ConnectError} of code `ABORT_ERR`. */
  readonly signal?: AbortSignal | undefined
}

/** An outcome whose connection is there, when it is kept. */
export type KeptOutcome<T> =
  | (ConnectedOutcome<T> & { readonly connection: Connection })
  | FailedOutcome<T>

const OWN_OPTIONS = [
  'concurrency',
  'rate',
  'timeoutMs',
  'onConnected',
  'signal',
  ...DESTINATION_NAMES,
]

/** See {@link Reactor.connectMany}. */
export function connectMany<T extends Target>(
  core: ReactorCore,
  targets: TargetSource<T>,
  options: ConnectManyOptions = {},
): Observable<Outcome<T>> {
  checkSource(targets)
  const concurrency = checkCount('concurrency', options.concurrency ?? 1_000)
  const rate = checkRate('rate', options.rate ?? Number.POSITIVE_INFINITY)
  const timeoutMs = checkTimeout('timeoutMs', options.timeoutMs)
  const onConnected = checkWord('onConnected', options.onConnected ?? 'close', [
    'keep',
    'close',
    'reset',
  ])
  const signal = checkSignal(options.signal)
  const destination = checkDestination(options)
  const setup = checkSetup(options, OWN_OPTIONS)
  return new Observable((subscriber) => {
    const inContext = captureContext()
    const fail = (error: unknown): void => inContext(() => subscriber.error(error))
    if (core.gone) {
      const error = new ConnectError(core.gone)
      return core.later(() => fail(error))
    }
    if (signal?.aborted)
      return core.later(() => fail(new ConnectError(abortedFailure(signal.reason))))
    const emit = (outcome: Outcome<T>): void => subscriber.next(outcome)
    const fanOut = new FanOut<T>(
      core,
      { concurrency, rate, timeoutMs, onConnected, setup, destination },
      {
        outcome: (outcome) => inContext(emit, outcome),
        complete: () => inContext(() => subscriber.complete()),
        error: fail,
      },
    )
    const stopWatching = onAbort(signal, () => {
      fanOut.cancel()
      fail(new ConnectError(abortedFailure(signal?.reason)))
    })
    fanOut.start(targets)
    return () => {
      stopWatching()
      fanOut.cancel()
    }
  })
}
