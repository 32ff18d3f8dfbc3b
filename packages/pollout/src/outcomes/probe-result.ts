/** What a probe of a connection has found, or why it has failed. */
import type { TlsSummary } from './tls-summary.js'

/**
 * Why no more was read: it matched, it is as much as is read at most, the peer has ended its stream or reset the connection,
 * it is silent, or it still sends when the time is over.
 */
export type AnswerEnd = 'matched' | 'full' | 'ended' | 'reset' | 'silent' | 'timed-out'

export interface ProbeResult {
  readonly tls?: TlsSummary
  /** The beginning of what the peer has sent, as UTF-8; what is none is replaced. */
  readonly banner?: string
  /** Its bytes, where they are no UTF-8. */
  readonly bannerBase64?: string
  /** Why no more was read. */
  readonly bannerEnd?: AnswerEnd
  /** With `--expect`. */
  readonly matched?: boolean
  readonly probeMs: number
}

export interface ProbeFailure {
  readonly code: string
  readonly errno: number | undefined
  readonly phase: string
  readonly localFault: boolean
  readonly message: string
}
