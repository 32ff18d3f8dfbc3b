/** The record of an attempt on the bulk lane. */
import type { SocketAddress } from '../backend/address.js'
import type { AttemptRecord, Failure } from '../errors/failure.js'
import { Timeline } from '../errors/timeline.js'

/** NaN or undefined for what is not known. */
export interface AttemptMoments {
  readonly startedAt: number | undefined
  readonly sentAt: number | undefined
  readonly readyAt: number | undefined
  readonly finishedAt: number
}

export function attemptRecord(
  address: SocketAddress,
  elapsedMs: number,
  failure: Failure | undefined,
  { startedAt, sentAt = Number.NaN, readyAt = Number.NaN, finishedAt }: AttemptMoments,
): AttemptRecord {
  const from = startedAt ?? finishedAt
  const moments = { calledAt: sentAt, sentAt, readyAt }
  return {
    address,
    elapsedMs,
    result: failure?.code ?? 'connected',
    timeline: new Timeline(from, from, finishedAt, moments),
  }
}
