/** One outcome of `pollout connect` as data for `--json` and for people; its fields are the command's interface. */
import {
  ConnectError,
  type ConnectPhase,
  type Endpoint,
  formatAddress,
  type KeptOutcome,
  visibleText,
} from '@pollout/core'
import type { TlsSummary } from '../outcomes/tls-summary.js'
import { peerText } from './common/peer-text.js'

interface ReportBase {
  /** The URI as normalised. */
  readonly endpoint: string
  readonly backend: string
  readonly elapsedMs: number
  /** Addresses as text; null where there is none, as for the near side of a Unix socket. */
  readonly local: string | null
  readonly peer: string | null
}

export interface ConnectedReport extends ReportBase {
  readonly event: 'connected'
  /** Of `tls://`. */
  readonly tls?: TlsSummary
}

export interface ErrorReport extends ReportBase {
  readonly event: 'error'
  readonly tls?: TlsSummary
  readonly code: string
  readonly errno: number | null
  readonly phase: ConnectPhase
  readonly localFault: boolean
  readonly message: string
}

export type Report = ConnectedReport | ErrorReport

/** What a peer has answered to `--send`. */
export interface Answer {
  readonly bytes: Buffer
  /** Why no more was read. */
  readonly end: string
  /** It was longer. */
  readonly truncated: boolean
}

type AnyOutcome = KeptOutcome<Endpoint & { readonly uri: string }>

/** Asks a connected outcome's socket for its address, so the connection must still be open. */
export function reportOf(outcome: AnyOutcome, backend: string): Report {
  const endpoint = outcome.target.uri
  const elapsedMs = inMicroseconds(outcome.elapsedMs)
  if (outcome.kind !== 'connected') {
    const { error } = outcome
    const tried = error.attempts.at(-1)?.address
    const peer = tried === undefined ? null : textOf(tried)
    return { ...errorPart(error), endpoint, backend, elapsedMs, local: null, peer }
  }
  const local = textOf(outcome.connection.localAddress)
  const peer = textOf(outcome.address)
  return { event: 'connected', endpoint, backend, elapsedMs, local, peer }
}

/** For a connection that broke after it had been made. */
export function brokenReport(connected: Report, error: ConnectError): ErrorReport {
  return { ...connected, ...errorPart(error) }
}

/** For what had no outcome when the command was stopped. */
export function stoppedReport(
  target: AnyOutcome['target'],
  backend: string,
  elapsedMs: number,
): ErrorReport {
  const error = new ConnectError(
    {
      code: 'ABORT_ERR',
      errno: undefined,
      syscall: 'connect',
      phase: 'aborted',
      localFault: false,
      reason: 'stopped before there was an outcome',
    },
    { endpoint: target },
  )
  const base = { endpoint: target.uri, backend, elapsedMs: inMicroseconds(elapsedMs) }
  return { ...errorPart(error), ...base, local: null, peer: null }
}

export function jsonLine(report: Report, answer: Answer | undefined): string {
  const { event, endpoint, backend, elapsedMs, local, peer, ...rest } = report
  const fields = {
    event,
    endpoint,
    backend,
    elapsedMs,
    local,
    peer,
    ...rest,
    ...answerPart(answer),
  }
  return visibleText(JSON.stringify(fields))
}

function answerPart(answer: Answer | undefined) {
  if (answer === undefined) return {}
  const { text, base64 } = peerText(answer.bytes)
  // JSON leaves out what is undefined.
  const truncated = answer.truncated || undefined
  return { received: text, receivedBase64: base64, receivedEnd: answer.end, truncated }
}

function errorPart(
  error: ConnectError,
): Pick<ErrorReport, 'event' | 'code' | 'errno' | 'phase' | 'localFault' | 'message'> {
  const { code, errno = null, phase, localFault, message } = error
  return { event: 'error', code, errno, phase, localFault, message }
}

function textOf(address: Parameters<typeof formatAddress>[0] | undefined): string | null {
  return (address && formatAddress(address)) || null
}

function inMicroseconds(elapsedMs: number): number {
  return Math.round(elapsedMs * 1_000) / 1_000
}
