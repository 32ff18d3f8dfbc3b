/** What the bench hands to a contestant's process, and what that prints as JSON. */

/** In the order of the table. Those with an `api` run in `contestant.ts`, the others are programs of their own. */
export const CONTESTANTS = [
  { id: 'c', title: 'C, epoll' },
  { id: 'c-reused', title: 'C, epoll, sockets reused' },
  { id: 'node-net', title: 'node:net' },
  { id: 'bun', title: 'Bun.connect()' },
  { id: 'deno', title: 'Deno.connect()' },
  { id: 'go', title: 'Go net.Dialer' },
  { id: 'native-many', title: 'native connectMany()' },
  { id: 'native-many-0', title: 'native connectMany(), no threads' },
  { id: 'native-batches', title: 'native connectBatches()' },
  { id: 'native-connect', title: 'native connect()' },
  { id: 'net-many', title: 'net connectMany()' },
  { id: 'net-connect', title: 'net connect()' },
] as const

export type ContestantId = (typeof CONTESTANTS)[number]['id']
export type CId = 'c' | 'c-reused'
/** What else a user could pick. */
export const RUNTIMES = ['bun', 'deno', 'go'] as const
export type RuntimeId = (typeof RUNTIMES)[number]
export type ApiId = Exclude<ContestantId, CId | RuntimeId>

export function isC(id: string): id is CId {
  return id === 'c' || id === 'c-reused'
}

export function isRuntime(id: string): id is RuntimeId {
  return RUNTIMES.some((runtime) => runtime === id)
}

export interface Address {
  readonly host: string
  readonly port: number
}

interface JobBase {
  readonly api: ApiId
  /** Taken in turn. */
  readonly addresses: readonly Address[]
  readonly warmUp: number
}

/** Connect and reset, so many in flight, for about as long as is said. The runtimes are given it too. */
export interface RateJob extends Omit<JobBase, 'api'> {
  readonly kind: 'rate'
  readonly api: ApiId | RuntimeId
  readonly inFlight: number
  readonly durationMs: number
  readonly mostConnects: number
}

/** All at once, and how the loop does meanwhile. */
export interface BurstJob extends JobBase {
  readonly kind: 'burst'
  readonly count: number
}

/** Open connections that do nothing, and the memory they take. */
export interface IdleJob extends JobBase {
  readonly kind: 'idle'
  readonly inFlight: number
  readonly count: number
}

/** All at once, and how long each takes. */
export interface HandshakeJob extends JobBase {
  readonly kind: 'handshake'
  readonly count: number
}

/** All connections carry the same for so long: messages to and fro, or a stream one way. */
export interface TransferJob {
  readonly kind: 'transfer'
  readonly api: ApiId
  readonly addresses: readonly Address[]
  readonly mode: TransferMode
  readonly connections: number
  /** Of a message, or of what is sent at once. */
  readonly bytes: number
  readonly warmUpMs: number
  readonly durationMs: number
}

/** Very many, with very many in flight, and how the loop does meanwhile. */
export interface StormJob extends JobBase {
  readonly kind: 'storm'
  readonly inFlight: number
  readonly count: number
}

/** So many that nobody answers, and how long it takes to be rid of them. */
export interface CancelJob extends JobBase {
  readonly kind: 'cancel'
  /** Where the warm-up is refused. */
  readonly closed: readonly Address[]
  readonly count: number
}

/** A schedule, and how well it is kept to. */
export interface PacingJob {
  readonly kind: 'pacing'
  readonly api: ApiId
  readonly addresses: readonly Address[]
  /** Starts a second. */
  readonly rate: number
  readonly durationMs: number
}

/** A list of targets all different, far longer than memory would hold, beside a short one. */
export interface LongListJob {
  readonly kind: 'long-list'
  readonly api: ApiId
  /** Where one in `acceptedEvery` is accepted. */
  readonly accepting: readonly Address[]
  readonly acceptedEvery: number
  /** Nobody listens on it, on any of the loopback's addresses. */
  readonly closedPort: number
  readonly inFlight: number
  readonly shortCount: number
  /** How often the short list is run before the long one, and after it. */
  readonly shortRuns: number
  readonly count: number
}

/** As yardstick/transfer.c has them; `in` is what the peer sends. */
export type TransferMode = 'pingpong' | 'in' | 'out'

/** What `contestant.ts` is given. */
export type Job =
  | (RateJob & { readonly api: ApiId })
  | BurstJob
  | IdleJob
  | HandshakeJob
  | TransferJob
  | StormJob
  | CancelJob
  | PacingJob
  | LongListJob

/** How the connects of a run ended. */
export interface Tally {
  connected: number
  refused: number
  other: number
  /** The first of the others: an error code, or an errno from C; 0 for none. */
  firstError: string | number
}

export interface RateSample extends Tally {
  readonly elapsedMs: number
  /** Time of the thread that JavaScript runs on; undefined where the system does not tell it. */
  readonly cpuMs?: number | undefined
  /** Time of all threads, the collector's and the compiler's too. */
  readonly processCpuMs: number
}

export interface BurstSample extends Tally {
  readonly elapsedMs: number
  /** How long a callback waits that becomes due at some moment of the burst. */
  readonly delayMs: Percentiles
  /** As perf_hooks.monitorEventLoopDelay() sees it: its percentiles count turns, not time. */
  readonly monitorMs: Percentiles
  /** As the API reports it; where it reports none, from the call to the event. */
  readonly latencyMs: Percentiles
}

/** One connect's time, as three would tell it. */
export interface HandshakeSample extends Tally {
  readonly elapsedMs: number
  /** From the call to the event, by a clock around them. */
  readonly byHandMs: Percentiles
  /** As the API reports it; undefined where it reports none. */
  readonly latencyMs?: Percentiles | undefined
  /** The `handshakeMs` of the timeline; undefined where there is none. */
  readonly timelineMs?: Percentiles | undefined
  /** From SYN to SYN-ACK, as the kernel measured it; only C asks for it. */
  readonly kernelMs?: Percentiles | undefined
}

export interface Percentiles {
  readonly p50: number
  readonly p99: number
  readonly max: number
}

export interface Delays extends Percentiles {
  readonly p999: number
}

export interface StormSample extends Tally {
  readonly elapsedMs: number
  /** As perf_hooks.monitorEventLoopDelay() with a resolution of 1 ms sees it: how far apart its timer's calls are. */
  readonly monitorMs: Delays
  /** In the process's first storm. */
  readonly firstMonitorMs: Delays
  /** By a timer of 1 ms: how long something waits that becomes due at a random moment. */
  readonly delayMs: Delays
}

/** All ended otherwise than by being answered. */
export interface CancelSample extends Tally {
  readonly inFlight: number
  /** How long the call that cancels takes. */
  readonly callMs: number
  /** From that call until the last descriptor is given back. */
  readonly freeMs: number
}

export interface PacingSample extends Tally {
  /** Starts within the time, of those that there should have been, less 1. */
  readonly rateError: number
  /** How far each start is off its moment on the schedule that begins with the first. */
  readonly offsetMs: Percentiles
  /** The most starts that any stretch of time has beyond what the rate gives it: a token bucket of this size would do. */
  readonly largestBurst: number
}

export interface LongListSample extends Tally {
  readonly elapsedMs: number
  readonly perSecond: number
  /** The median of the short runs. */
  readonly shortPerSecond: number
  /** The greatest while the long list runs, beyond what there was after the short ones. */
  readonly rssGrowthBytes: number
  readonly rssPeakBytes: number
}

export interface IdleSample extends Tally {
  readonly rssBytesEach: number
  readonly heapBytesEach: number
}

/** Of the time after the warm-up. */
export interface TransferSample extends Tally {
  readonly elapsedMs: number
  /** Time of the thread; undefined where the system does not tell it. */
  readonly cpuMs?: number | undefined
  /** Messages, or megabytes. */
  readonly work: number
}
