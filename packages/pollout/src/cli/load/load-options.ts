/** The options of `pollout load`: as the parser hands them over, and what they make of a run. */
import type { RequestPart, ResponseFraming } from '@pollout/core'
import type { ArrivalPlan, LoadOptions, Stage } from '@pollout/load'
import type { BackendName } from '../../choose-backend.js'
import { UsageError } from '../common/exit-codes.js'
import type { ResolverChoice } from '../common/resolver.js'
import { type LoadTarget, parseLoadTarget } from './load-target.js'

/** What commander makes of the command line. */
export interface LoadCommandOptions {
  readonly backend: BackendName
  readonly threads?: number
  readonly resolver?: ResolverChoice
  readonly rate?: number
  readonly poisson?: boolean
  readonly stages?: readonly Stage[]
  readonly closed?: boolean
  readonly duration: number
  readonly warmUp: number
  readonly seed?: number
  readonly connections: number
  readonly requestsPerConnection?: number
  readonly pipeline: number
  readonly timeoutMs: number
  readonly method?: string
  readonly header?: readonly string[]
  readonly body?: readonly RequestPart[]
  readonly send?: readonly RequestPart[]
  readonly until?: Uint8Array
  readonly bytes?: number
  readonly lengthPrefix?: 1 | 2 | 4
  readonly resp?: boolean
  readonly http?: boolean
  readonly expect?: Uint8Array
  readonly insecure?: boolean
  readonly kernelTimes: boolean
  readonly threshold?: readonly string[]
  readonly json?: boolean
  readonly progress?: boolean
  readonly silent?: boolean
}

/** Requests a second where nothing is said: moderate, and an open loop. */
const USUAL_RATE = 1_000

/** Throws UsageError for what does not go together. */
export function loadOptionsOf(
  targets: readonly string[],
  options: LoadCommandOptions,
): Omit<LoadOptions, 'signal' | 'onProgress'> {
  const parsed = targets.map(parseLoadTarget)
  const [first] = parsed
  if (first === undefined) throw new UsageError('no target: write http://host/path, or another')
  if (parsed.some(({ http }) => (http === undefined) !== (first.http === undefined))) {
    throw new UsageError('targets of one run speak one protocol')
  }
  const response = framingOf(options, first)
  const { expect } = options
  return {
    endpoints: parsed.map(({ endpoint }) => endpoint),
    arrivals: arrivalsOf(options),
    requests: parsed.slice(0, 1).map((target) => ({ parts: requestOf(options, target) })),
    response,
    check: { ...checkOf(response, first), ...(expect === undefined ? {} : { includes: expect }) },
    connections: options.connections,
    requestsPerConnection: options.requestsPerConnection,
    pipelining: options.pipeline,
    warmUpMs: options.warmUp,
    timeoutMs: options.timeoutMs,
    connectTimeoutMs: options.timeoutMs,
    connect: options.insecure ? { tls: { rejectUnauthorized: false } } : {},
    kernelTimes: options.kernelTimes,
    seed: options.seed,
  }
}

function arrivalsOf({ rate, poisson, stages, closed, duration }: LoadCommandOptions): ArrivalPlan {
  if (closed) {
    if (rate !== undefined || stages || poisson) {
      throw new UsageError(
        '--closed has no rate of its own: leave --rate, --stages and --poisson out',
      )
    }
    return { closedLoopMs: duration }
  }
  if (stages && rate !== undefined) throw new UsageError('--stages has the rates: leave --rate out')
  const even = rate ?? USUAL_RATE
  const spacing = poisson ? 'poisson' : 'even'
  return { stages: stages ?? [{ from: even, to: even, durationMs: duration }], spacing }
}

function framingOf(options: LoadCommandOptions, target: LoadTarget): ResponseFraming {
  const { until, bytes, lengthPrefix, resp, http, method } = options
  const asked: ResponseFraming[] = []
  if (until) asked.push({ kind: 'delimited', delimiter: until })
  if (bytes !== undefined) asked.push({ kind: 'fixed', bytes })
  if (lengthPrefix) {
    asked.push({ kind: 'length', at: 0, size: lengthPrefix, littleEndian: false, adjust: 0 })
  }
  if (resp) asked.push({ kind: 'resp' })
  if (http) asked.push({ kind: 'http1', head: false })
  if (asked.length > 1) throw new UsageError('say one way in which a response ends')
  const framing = asked[0] ?? target.response
  if (framing === undefined) {
    throw new UsageError(
      'say how a response ends: --until <text>, --bytes <n>, --length-prefix <n>, --resp or --http',
    )
  }
  return framing.kind === 'http1' ? { kind: 'http1', head: method === 'HEAD' } : framing
}

function checkOf(response: ResponseFraming, target: LoadTarget) {
  if (response.kind === 'http1') return { code: [200, 399] as const }
  return response.kind === 'resp' ? { code: [0, 0] as const } : target.check
}

function requestOf(options: LoadCommandOptions, target: LoadTarget): readonly RequestPart[] {
  const { send, method, header, body } = options
  if (send) {
    if (method !== undefined || header || body) {
      throw new UsageError('--send is the whole request: leave --method, --header and --body out')
    }
    return send
  }
  if (target.http) return httpRequest(target.http, options)
  if (target.request === undefined) {
    throw new UsageError('say what is to be sent: --send <text>, with escapes')
  }
  return [{ bytes: Buffer.from(target.request) }]
}

function httpRequest(
  { path, host }: { readonly path: string; readonly host: string },
  { method = 'GET', header = [], body = [] }: LoadCommandOptions,
): readonly RequestPart[] {
  const named = (name: string): boolean =>
    header.some((line) => line.toLowerCase().startsWith(`${name}:`))
  const length = body.reduce((sum, part) => sum + partBytes(part), 0)
  const lines = [
    `${method} ${path} HTTP/1.1`,
    ...(named('host') ? [] : [`Host: ${host}`]),
    ...(named('user-agent') ? [] : ['User-Agent: pollout']),
    ...(named('accept') ? [] : ['Accept: */*']),
    ...(body.length > 0 && !named('content-length') ? [`Content-Length: ${length}`] : []),
    ...header,
  ]
  return [{ bytes: Buffer.from(`${lines.join('\r\n')}\r\n\r\n`) }, ...body]
}

/** All parts are of a fixed length. */
function partBytes(part: RequestPart): number {
  if ('bytes' in part) return part.bytes.length
  if ('counter' in part) return part.counter.digits
  return 'text' in part ? part.text : String(part.number.most).length
}
