/** An outcome as a line of output: JSON, CSV, or columns for people. Whatever a peer has sent, it stays one line. */
import { visibleText } from '@pollout/core'
import { stringify } from 'csv-stringify/sync'
import type { OutcomeRow } from '../../outcomes/outcome-row.js'
import type { ProbeResult } from '../../outcomes/probe-result.js'

export const FORMATS = ['table', 'json', 'csv'] as const
export type FormatName = (typeof FORMATS)[number]

export interface Format {
  /** With its end; empty where there is none. */
  readonly header: string
  /** With its end. */
  line(row: OutcomeRow): string
}

const json: Format = {
  header: '',
  line(row) {
    const { failure, followedBy, probe, fields, line, tries } = row
    return `${visibleText(
      JSON.stringify({
        ...common(row),
        ...(failure && { ...failure, errno: failure.errno ?? null }),
        tries,
        // JSON leaves out what is undefined.
        followedBy,
        probe,
        input: fields,
        line,
      }),
    )}\n`
  },
}

const CSV_COLUMNS = [
  ...['event', 'kind', 'endpoint', 'peer', 'elapsedMs', 'endedAt', 'code', 'errno', 'phase'],
  ...[
    'localFault',
    'message',
    'tries',
    'followedBy',
    'line',
    'banner',
    'bannerBase64',
    'bannerEnd',
    'matched',
    'tlsProtocol',
    'tlsAuthorized',
  ],
  ...['certificateSubject', 'certificateIssuer', 'certificateValidTo', 'input'],
]

const csv: Format = {
  header: `${CSV_COLUMNS.join(',')}\n`,
  line(row) {
    const { failure, followedBy, probe, fields, tries, line } = row
    const tls = probe?.tls
    const values: Record<string, unknown> = {
      ...common(row),
      ...failure,
      tries,
      followedBy,
      line,
      ...probe,
      bannerBase64: probe && bannerBase64(probe),
      tlsProtocol: tls?.protocol,
      tlsAuthorized: tls?.authorized,
      certificateSubject: tls?.certificate?.subject,
      certificateIssuer: tls?.certificate?.issuer,
      certificateValidTo: tls?.certificate?.validTo,
      input: fields && JSON.stringify(fields),
    }
    return stringify([CSV_COLUMNS.map((column) => cell(values[column]))], {
      cast: { boolean: String },
      // A spreadsheet would run what a peer sends as a formula: OWASP, "CSV injection".
      escape_formulas: true,
    })
  },
}

/** Also where the text that is shown is not the one that came. */
function bannerBase64({ banner, bannerBase64 }: ProbeResult): string | undefined {
  if (bannerBase64 !== undefined || banner === undefined) return bannerBase64
  return visibleText(banner) === banner ? undefined : Buffer.from(banner).toString('base64')
}

/** Line feeds are allowed in quotes, and yet half of what reads CSV takes them for the end of the row. */
function cell(value: unknown): unknown {
  return typeof value === 'string' ? visibleText(value) : value
}

const table: Format = {
  header: '',
  line({ kind, endpoint, elapsedMs, followedBy, failure, probe }) {
    const facts = [
      kind.padEnd(12),
      visibleText(endpoint).padEnd(28),
      `${elapsedMs.toFixed(2)} ms`.padStart(11),
    ]
    if (probe?.tls) {
      const { protocol, certificate, authorizationError } = probe.tls
      facts.push(
        ` ${[protocol, certificate?.subject, authorizationError].filter(Boolean).join(' ')}`,
      )
    }
    // A probe that failed has met the same.
    if (followedBy && !failure) facts.push(` then ${followedBy}`)
    if (failure) facts.push(` ${visibleText(failure.message)}`)
    if (probe?.banner) facts.push(` ${JSON.stringify(shortened(probe.banner))}`)
    return `${visibleText(facts.join(' ')).trimEnd()}\n`
  },
}

const LONGEST_BANNER = 80

function shortened(banner: string): string {
  return banner.length > LONGEST_BANNER ? `${banner.slice(0, LONGEST_BANNER)}...` : banner
}

function common({ kind, endpoint, peer, elapsedMs, endedAt, code }: OutcomeRow) {
  const event = kind === 'connected' ? 'connected' : 'error'
  const what = { event, kind, endpoint, peer, elapsedMs, endedAt: new Date(endedAt).toISOString() }
  return code === '' ? what : { ...what, code }
}

export const formats: Readonly<Record<FormatName, Format>> = { table, json, csv }
