/** One outcome of `pollout connect` as data for `--json` and for people; its fields are the command's interface. */
import {
  type ConnectError,
  type ConnectPhase,
  type Endpoint,
  formatAddress,
  formatEndpoint,
  type KeptOutcome,
  visibleText,
} from '@pollout/core'

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
}

export interface ErrorReport extends ReportBase {
  readonly event: 'error'
  readonly code: string
  readonly errno: number | null
  readonly phase: ConnectPhase
  readonly localFault: boolean
  readonly message: string
}

export type Report = ConnectedReport | ErrorReport

type AnyOutcome = KeptOutcome<Endpoint>

/** Asks a connected outcome's socket for its address, so the connection must still be open. */
export function reportOf(outcome: AnyOutcome, backend: string): Report {
  const endpoint = formatEndpoint(outcome.target)
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

/** `received`: what the peer has answered. */
export function jsonLine(report: Report, received: string | undefined): string {
  const { event, endpoint, backend, elapsedMs, local, peer, ...rest } = report
  const fields = { event, endpoint, backend, elapsedMs, local, peer, ...rest, received }
  return visibleText(JSON.stringify(fields))
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
