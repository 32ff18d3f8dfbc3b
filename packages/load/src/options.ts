/** What a run of load is told, and the check of it. */
import type {
  ConnectOptions,
  Endpoint,
  RequestPart,
  ResponseCheck,
  ResponseFraming,
} from '@pollout/core'
import type { Spacing, Stage } from './plan/arrivals.js'
import type { Progress } from './progress.js'

/**
 * One kind of request among those of a run.
 *
 * @example
 * ```ts
 * import type { RequestKind } from '@pollout/load'
 *
 * const reads: RequestKind = { parts: 'GET /item HTTP/1.1\r\nHost: shop\r\n\r\n', weight: 9 }
 * ```
 */
export interface RequestKind {
  /** What is sent: bytes, text, or parts of which some are made anew each time. */
  readonly parts: string | Uint8Array | readonly RequestPart[]
  /** How many of all are of this kind, beside the others' weights. Default 1. */
  readonly weight?: number | undefined
}

/**
 * When requests are sent.
 *
 * @example
 * ```ts
 * import type { ArrivalPlan } from '@pollout/load'
 *
 * const open: ArrivalPlan = { stages: [{ from: 500, to: 500, durationMs: 30_000 }] }
 * const closed: ArrivalPlan = { closedLoopMs: 30_000 }
 * ```
 */
export type ArrivalPlan =
  /** Whatever the server does: an open loop. */
  | { readonly stages: readonly Stage[]; readonly spacing?: Spacing | undefined }
  /** The same, at moments that are given: milliseconds since the beginning, never falling. */
  | { readonly timesMs: readonly number[] }
  /** Each connection sends its next one when it has the answer: a closed loop, whose rate is the server's. */
  | { readonly closedLoopMs: number }

/**
 * What a run of load is told: {@link runLoad}. What can't be meant throws TypeError or RangeError.
 *
 * @example
 * ```ts
 * import type { LoadOptions } from '@pollout/load'
 *
 * const pings: LoadOptions = {
 *   endpoints: ['tcp://127.0.0.1:6379'],
 *   arrivals: { closedLoopMs: 5_000 },
 *   requests: [{ parts: '*1\\r\\n$4\\r\\nPING\\r\\n' }],
 *   response: { kind: 'resp' },
 *   connections: 50,
 * }
 * ```
 */
export interface LoadOptions {
  /** Where to; connections go to several in turn. */
  readonly endpoints: readonly (Endpoint | string)[]
  readonly arrivals: ArrivalPlan
  readonly requests: readonly RequestKind[]
  /** How to tell where a response ends. */
  readonly response: ResponseFraming
  readonly check?: ResponseCheck | undefined
  /** Connections at once. Default 64. */
  readonly connections?: number | undefined
  /** Then a connection is closed; 1: one for each request. Default Infinity: they are kept. */
  readonly requestsPerConnection?: number | undefined
  /** Requests under way on one connection. Default 1. */
  readonly pipelining?: number | undefined
  /** What comes in this time of the run is not counted. Default 0. */
  readonly warmUpMs?: number | undefined
  /** From when a request was to be sent to its whole response. Default 10,000. */
  readonly timeoutMs?: number | undefined
  /** Default 10,000. */
  readonly connectTimeoutMs?: number | undefined
  /** Default 64 MiB. */
  readonly maxResponseBytes?: number | undefined
  /** How connections are made: TLS, socket options, local addresses. */
  readonly connect?: Omit<ConnectOptions, 'timeoutMs' | 'signal' | 'onAttempt'> | undefined
  /** Have the kernel tell when bytes came, where it can. Default true. */
  readonly kernelTimes?: boolean | undefined
  /** What all chance comes from: two runs with the same one send the same at the same moments. Default: a new one each time. */
  readonly seed?: number | undefined
  /** Ends the run early; what was measured until then is its result. */
  readonly signal?: AbortSignal | undefined
  /** Told each second. */
  readonly onProgress?: ((progress: Progress) => void) | undefined
}

export interface CheckedLoad {
  readonly connections: number
  readonly requestsPerConnection: number
  readonly pipelining: number
  readonly warmUpMs: number
  readonly timeoutMs: number
  readonly connectTimeoutMs: number
  readonly maxResponseBytes: number
  readonly seed: number
  readonly requests: readonly (readonly RequestPart[])[]
  /** Up to and with each, of all: the last one is 1. */
  readonly shares: readonly number[]
}

const MEBIBYTE = 1_048_576

/** Throws TypeError or RangeError for what can't be meant. */
export function checkLoad(options: LoadOptions): CheckedLoad {
  const { requests, endpoints, requestsPerConnection = Number.POSITIVE_INFINITY } = options
  if (endpoints.length === 0) throw new RangeError('endpoints must have one at least')
  if (requests.length === 0) throw new RangeError('requests must have one at least')
  const weights = requests.map(({ weight = 1 }) => positive('weight', weight))
  const sum = weights.reduce((all, weight) => all + weight, 0)
  let share = 0
  return {
    connections: whole('connections', options.connections ?? 64),
    requestsPerConnection:
      requestsPerConnection === Number.POSITIVE_INFINITY
        ? requestsPerConnection
        : whole('requestsPerConnection', requestsPerConnection),
    pipelining: whole('pipelining', options.pipelining ?? 1),
    warmUpMs: notNegative('warmUpMs', options.warmUpMs ?? 0),
    timeoutMs: positive('timeoutMs', options.timeoutMs ?? 10_000),
    connectTimeoutMs: positive('connectTimeoutMs', options.connectTimeoutMs ?? 10_000),
    maxResponseBytes: whole('maxResponseBytes', options.maxResponseBytes ?? 64 * MEBIBYTE),
    seed: (options.seed ?? Math.floor(Math.random() * 2 ** 32)) >>> 0,
    requests: requests.map(({ parts }) => partsOf(parts)),
    shares: weights.map((weight) => {
      share += weight / sum
      return share
    }),
  }
}

function partsOf(parts: RequestKind['parts']): readonly RequestPart[] {
  if (typeof parts === 'string') return [{ bytes: Buffer.from(parts) }]
  return parts instanceof Uint8Array ? [{ bytes: parts }] : parts
}

function whole(name: string, value: number): number {
  if (Number.isInteger(value) && value >= 1) return value
  throw new RangeError(`${name} must be a whole number from 1, not ${value}`)
}

function positive(name: string, value: number): number {
  if (value > 0) return value
  throw new RangeError(`${name} must be more than 0, not ${value}`)
}

function notNegative(name: string, value: number): number {
  if (value >= 0 && Number.isFinite(value)) return value
  throw new RangeError(`${name} must be 0 or more, not ${value}`)
}
