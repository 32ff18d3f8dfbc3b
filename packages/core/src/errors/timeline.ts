/** The moments of one connect, on one clock: what is the network's time, and what is the event loop's. */

/**
 * Moments are monotonic, in milliseconds with a fraction, on the reactor's clock: `performance.now()`. Each is undefined
 * where it never came. They are in the order of these fields, and those that are there never run backwards.
 *
 * A name with several addresses has one timeline; its socket's moments are those of the last socket tried. A target that
 * `connectMany()` had put aside and tried again keeps its first `queuedAt`.
 *
 * @example
 * ```ts
 * import { createReactor } from 'pollout'
 * import { firstValueFrom } from 'rxjs'
 *
 * await using reactor = createReactor()
 * const { timeline } = await firstValueFrom(reactor.connect('tcp://127.0.0.1:6379'))
 * console.log(`network ${timeline.handshakeMs} ms, event loop ${timeline.loopMs} ms`)
 * ```
 */
export interface ConnectTimeline {
  /** It was asked for: subscribed to, or its target pulled from the source. */
  readonly queuedAt: number
  /** Its first step, after waiting for its turn. What follows may be a name to resolve, and other addresses. */
  readonly startedAt: number | undefined
  /** connect(2) was called, and so, with TCP, the SYN sent. */
  readonly sentAt: number | undefined
  /**
   * The handshake ended: not when the event loop got to it, where the backend has the capability `eventTimes`. For a
   * failure, when the poller found it, since no kernel keeps that moment. Undefined where nothing ended it but a
   * deadline or a cancellation.
   */
  readonly readyAt: number | undefined
  /** JavaScript had the result. */
  readonly finishedAt: number
  /** `startedAt - queuedAt`: the wait for its turn. */
  readonly queuedMs: number | undefined
  /** `readyAt - sentAt`: what the network, and the peer, took. */
  readonly handshakeMs: number | undefined
  /** `finishedAt - readyAt`: how long the result lay there before this thread looked at it. */
  readonly loopMs: number | undefined
}

/** What is known of a socket's moments; NaN for what is not. */
export interface SocketMoments {
  /** The reactor's own reading before it called connect(2). */
  readonly calledAt: number
  /** The backend's. */
  readonly sentAt: number
  readonly readyAt: number
}

/** A backend's reading may be off by the rounding of clocks; what is further off is another clock's. */
const TOLERANCE_MS = 1

/** A class for the sake of its getters: five numbers an outcome, and no more. */
export class Timeline implements ConnectTimeline {
  readonly queuedAt: number
  readonly startedAt: number | undefined
  readonly sentAt: number | undefined
  readonly readyAt: number | undefined
  readonly finishedAt: number

  constructor(
    queuedAt: number,
    startedAt: number | undefined,
    finishedAt: number,
    moments?: SocketMoments,
  ) {
    this.queuedAt = queuedAt
    this.startedAt = startedAt
    this.finishedAt = finishedAt
    const from = startedAt ?? queuedAt
    const sentAt = moments && (within(moments.sentAt, from, finishedAt) ?? known(moments.calledAt))
    this.sentAt = sentAt
    // Against the start of all, not of the handshake: a reading before that is clamped, not another clock's.
    const readyAt = moments && within(moments.readyAt, from, finishedAt)
    this.readyAt = readyAt === undefined ? undefined : Math.max(readyAt, sentAt ?? readyAt)
  }

  get queuedMs(): number | undefined {
    return this.startedAt === undefined ? undefined : this.startedAt - this.queuedAt
  }

  get handshakeMs(): number | undefined {
    if (this.sentAt === undefined || this.readyAt === undefined) return undefined
    return this.readyAt - this.sentAt
  }

  get loopMs(): number | undefined {
    return this.readyAt === undefined ? undefined : this.finishedAt - this.readyAt
  }
}

/** `time`, no earlier and no later than these; undefined where it is not known, or not of this clock. */
function within(time: number, low: number, high: number): number | undefined {
  const isPlausible = time >= low - TOLERANCE_MS && time <= high + TOLERANCE_MS
  return isPlausible ? Math.min(Math.max(time, low), high) : undefined
}

function known(time: number): number | undefined {
  return Number.isNaN(time) ? undefined : time
}
