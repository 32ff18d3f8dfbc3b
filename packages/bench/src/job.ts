/** What the bench hands to a contestant's process, and what that prints as JSON. */

/** In the order of the table. The C ones are a program of their own, the others run in `contestant.ts`. */
export const CONTESTANTS = [
  { id: 'c', title: 'C, epoll' },
  { id: 'c-reused', title: 'C, epoll, sockets reused' },
  { id: 'node-net', title: 'node:net' },
  { id: 'native-many', title: 'native connectMany()' },
  { id: 'native-connect', title: 'native connect()' },
  { id: 'net-many', title: 'net connectMany()' },
  { id: 'net-connect', title: 'net connect()' },
] as const

export type ContestantId = (typeof CONTESTANTS)[number]['id']
export type YardstickId = 'c' | 'c-reused'
export type ApiId = Exclude<ContestantId, YardstickId>

export function isYardstick(id: string): id is YardstickId {
  return id === 'c' || id === 'c-reused'
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

/** Connect and reset, so many in flight, for about as long as is said. */
export interface RateJob extends JobBase {
  readonly kind: 'rate'
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

/** As yardstick/transfer.c has them; `in` is what the peer sends. */
export type TransferMode = 'pingpong' | 'in' | 'out'

export type Job = RateJob | BurstJob | IdleJob | HandshakeJob | TransferJob

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
  /** Time of the thread that connects; undefined where the system does not tell it. */
  readonly cpuMs?: number | undefined
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
