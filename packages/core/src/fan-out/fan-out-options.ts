/** The options that all fan-outs have, and their check: once, at the call. */

import {
  checkCallback,
  checkCount,
  checkFlag,
  checkNames,
  checkRate,
  checkSignal,
  checkTimeout,
  shown,
} from '../base/options.js'
import {
  checkDestination,
  checkSetup,
  DESTINATION_NAMES,
  type DestinationOptions,
  type SocketSetupOptions,
} from '../connect/connect-options.js'
import type { CapOptions } from './caps.js'
import type { FanOutOptions, OnConnected } from './fan-out-sides.js'
import type { PaceLost } from './pace-watch.js'

/**
 * How many attempts a fan-out makes at once, how fast, and to whom: for {@link Reactor.connectMany} and
 * {@link Reactor.connectBatches}.
 *
 * @example
 * ```ts
 * import { createReactor, type FanOutLimits } from 'pollout'
 *
 * const polite: FanOutLimits = { concurrency: 2_000, rate: 5_000, maxPerHost: 2, maxPerPrefix: 50 }
 * createReactor().connectMany(['tcp://192.0.2.1:22', 'tcp://192.0.2.1:80'], polite).subscribe()
 * ```
 */
export interface FanOutLimits extends SocketSetupOptions, DestinationOptions {
  /**
   * Attempts in flight at once, a whole number from 1. Default 1,000. When descriptors or ports run out, fewer are
   * kept in flight until there are enough again, so more than the limit of open files is no mistake. On a backend with a
   * bulk lane targets are pulled ahead of their attempts: as many again, from 64 to 4,096, and up to 4,096 where
   * attempts end so fast that this is not enough.
   */
  readonly concurrency?: number | undefined
  /**
   * Whether `concurrency` is only the most, and the number in flight finds itself: it begins at 128, grows as long as no
   * more attempts than usual get no answer (within 256 that started one after the other), and falls by a third when more
   * do. Loss that stays is taken for usual after some time. Default false.
   */
  readonly adaptive?: boolean | undefined
  /**
   * Attempts begun a second, each connect(2) counted, whatever it comes from: a target, a name's next address, another try at the
   * same one. Look-ups are begun no faster either. A wait for the pace or for a cap is none of a target's `timeoutMs`. Evenly spaced: the k-th is due k / rate seconds after the first. What a busy loop or a full
   * `concurrency` has missed is made up for within 10 ms, or within one interval where that is longer, so that never more
   * than `rate / 100 + 1` begin at once, or 2 below 100 a second; what is older is not made up for. Default: no limit.
   */
  readonly rate?: number | undefined
  /**
   * Called once, before the end is told or when it is unsubscribed from, where `rate` was not kept: where the schedule was put
   * off by more than a twentieth, and 100 ms. Time in which no target was there because all had been begun is not counted.
   */
  readonly onPaceLost?: ((lost: PaceLost) => void) | undefined
  /**
   * Attempts in flight to one address, also of a name; and targets under way of one name. Whatever the port. What is over its
   * cap waits, and others go on; when 10,000 wait the source does too. Default: no limit.
   */
  readonly maxPerHost?: number | undefined
  /**
   * The same for all addresses of one network: those whose first bits are equal, as many as `prefixLengths` says. A
   * name's attempts are counted by the address that each goes to. Default: no limit.
   */
  readonly maxPerPrefix?: number | undefined
  /** What a network is, for `maxPerPrefix`: bits, from 1. Default 24 for IPv4, 48 for IPv6. */
  readonly prefixLengths?:
    | { readonly inet?: number | undefined; readonly inet6?: number | undefined }
    | undefined
  /** Time for each target, in milliseconds, as in `ConnectOptions`. Default 30,000. */
  readonly timeoutMs?: number | undefined
  /** Stops all at once, with a {@link ConnectError} of code `ABORT_ERR`. */
  readonly signal?: AbortSignal | undefined
}

const OWN_OPTIONS = [
  'concurrency',
  'adaptive',
  'rate',
  'onPaceLost',
  'maxPerHost',
  'maxPerPrefix',
  'prefixLengths',
  'timeoutMs',
  'onConnected',
  'signal',
  ...DESTINATION_NAMES,
]

export interface CheckedFanOut extends FanOutOptions {
  readonly signal: AbortSignal | undefined
}

/** Throws TypeError or RangeError. */
export function checkFanOut(options: FanOutLimits, onConnected: OnConnected): CheckedFanOut {
  return {
    concurrency: checkCount('concurrency', options.concurrency ?? 1_000),
    adaptive: checkFlag('adaptive', options.adaptive ?? false),
    rate: checkRate('rate', options.rate ?? Number.POSITIVE_INFINITY),
    onPaceLost: checkCallback('onPaceLost', options.onPaceLost),
    caps: checkCaps(options),
    timeoutMs: checkTimeout('timeoutMs', options.timeoutMs),
    signal: checkSignal(options.signal),
    destination: checkDestination(options),
    setup: checkSetup(options, OWN_OPTIONS),
    onConnected,
  }
}

function checkCaps(options: FanOutLimits): CapOptions | undefined {
  const { maxPerHost, maxPerPrefix, prefixLengths = {} } = options
  checkNames(prefixLengths, ['inet', 'inet6'])
  const { inet = 24, inet6 = 48 } = prefixLengths
  checkBits('prefixLengths.inet', inet, 32)
  checkBits('prefixLengths.inet6', inet6, 128)
  if (maxPerHost === undefined && maxPerPrefix === undefined) return undefined
  return {
    maxPerHost: checkCap('maxPerHost', maxPerHost),
    maxPerPrefix: checkCap('maxPerPrefix', maxPerPrefix),
    prefixLengths: { inet, inet6 },
  }
}

function checkCap(name: string, value: number | undefined): number {
  return value === undefined ? Number.POSITIVE_INFINITY : checkCount(name, value)
}

function checkBits(name: string, value: number, most: number): void {
  if (Number.isInteger(value) && value >= 1 && value <= most) return
  throw new RangeError(`${name} must be a whole number from 1 to ${most}, not ${shown(value)}`)
}
