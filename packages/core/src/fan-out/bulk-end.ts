/** How an attempt of the bulk lane ended: read and forgotten within one call, as one object serves all of them. */
import type { Handle } from '../backend/backend.js'
import type { Failure } from '../errors/failure.js'
import type { SocketMoments } from '../errors/timeline.js'

export class BulkEnd implements SocketMoments {
  /** Undefined where it connected. */
  failure: Failure | undefined
  /** Of a connected one: the negated errno by which it was lost before it was looked at, or 0. */
  lostBy = 0
  /** Its first system call; NaN where there was none. */
  startedAt = Number.NaN
  /** Of the time since, that which it waited for this side between its attempts. */
  heldMs = 0
  sentAt = Number.NaN
  readyAt = Number.NaN
  /** The lane was done with it. */
  endedAt = Number.NaN
  /** JavaScript had the result. */
  finishedAt = Number.NaN
  /** Connected, with `onConnected: 'keep'`: whoever is told closes it. */
  handle: Handle | undefined
  /** Attempts of the lane that were in flight when this one ended, where it had run out of something. */
  inFlight = 0

  get calledAt(): number {
    return this.sentAt
  }

  get elapsedMs(): number {
    return Number.isNaN(this.startedAt) ? 0 : this.endedAt - this.startedAt - this.heldMs
  }

  /** Decided here, without an attempt: `startedAt` NaN where not even that was begun. */
  decide(failure: Failure, startedAt: number, now: number): void {
    this.failure = failure
    this.lostBy = 0
    this.startedAt = startedAt
    this.heldMs = 0
    this.sentAt = this.readyAt = Number.NaN
    this.endedAt = this.finishedAt = now
    this.handle = undefined
  }
}
