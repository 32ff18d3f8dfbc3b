/** What is done on a connection once it is there: TLS, something sent, an answer looked at. Each step has its own time. */
import { ConnectError, type Connection, visibleText } from '@pollout/core'
import type { AnswerEnd, ProbeFailure, ProbeResult } from '../../outcomes/probe-result.js'
import { tlsSummary } from '../../outcomes/tls-summary.js'
import { peerText } from '../common/peer-text.js'
import type { Stop } from '../common/stop.js'
import { readAnswer } from './answer.js'
import type { Expectation } from './expect/expectation.js'

export interface ProbeOptions {
  readonly tls: boolean
  /** The name asked for by SNI; undefined: the target's own, none for an address. */
  readonly sni: string | undefined
  readonly send: Uint8Array | undefined
  /** What has to stand in the answer, or the probe has failed. */
  readonly expect: Expectation | undefined
  /** Bytes of the answer to keep; undefined: none is waited for, unless something is sent or expected. */
  readonly bannerBytes: number | undefined
  readonly tlsTimeoutMs: number
  readonly answerTimeoutMs: number
}

/** While it goes on. */
type Found = { -readonly [K in keyof Omit<ProbeResult, 'probeMs'>]: ProbeResult[K] }

export interface ProbeOutcome {
  readonly result: ProbeResult
  readonly failure: ProbeFailure | undefined
}

const DEFAULT_BANNER_BYTES = 1_024
/** Where something is expected, it may come after so much else. */
const LONGEST_ANSWER = 64 * 1_024

/** Resets the connection when it is done, also by `stop`. Never rejects for what the peer or the network does. */
export async function probe(
  connection: Connection,
  options: ProbeOptions,
  stop: Stop,
): Promise<ProbeOutcome> {
  const startedAt = performance.now()
  const found: Found = {}
  let current = connection
  const leave = (): void => current.reset()
  const unwatch = stop.watch(leave)
  let failure: ProbeFailure | undefined
  try {
    if (options.tls) {
      const { sni: servername, tlsTimeoutMs: timeoutMs } = options
      const { signal } = stop
      const settings = { rejectUnauthorized: false, sessions: false, timeoutMs, signal } as const
      const inside = await connection.upgradeToTls({ ...settings, servername })
      current = inside
      found.tls = tlsSummary(inside.tls)
    }
    failure = await talk(current, options, found)
  } catch (error) {
    if (!(error instanceof ConnectError)) throw error
    const { code, errno, phase, localFault, message } = error
    failure = { code, errno, phase, localFault, message }
  } finally {
    unwatch()
    // Not closed: thousands of them would leave as many local ports in TIME_WAIT.
    current.reset()
  }
  const probeMs = Math.round((performance.now() - startedAt) * 1_000) / 1_000
  return { result: { ...found, probeMs }, failure }
}

/** Writes what it finds into `found`, so that it is told also where the connection breaks later. */
async function talk(
  connection: Connection,
  { send, expect, bannerBytes, answerTimeoutMs }: ProbeOptions,
  found: Found,
): Promise<ProbeFailure | undefined> {
  if (send === undefined && expect === undefined && bannerBytes === undefined) return undefined
  const keep = bannerBytes ?? DEFAULT_BANNER_BYTES
  const answer = readAnswer(connection, {
    keptBytes: keep,
    mostBytes: expect ? Math.max(keep, LONGEST_ANSWER) : keep,
    expect,
    timeoutMs: answerTimeoutMs,
  })
  // Both at once: a peer that answers before it has read everything would otherwise block both sides.
  if (send !== undefined) connection.send(send).catch(() => {})
  const { bytes, end } = await answer
  const { text, base64 } = peerText(bytes)
  found.banner = text
  if (base64 !== undefined) found.bannerBase64 = base64
  found.bannerEnd = end
  if (expect === undefined) return undefined
  found.matched = end === 'matched'
  return found.matched ? undefined : unmatched(end, expect, answerTimeoutMs)
}

function unmatched(end: AnswerEnd, expect: Expectation, timeoutMs: number): ProbeFailure {
  const isLate = end === 'timed-out'
  const when = isLate ? `within ${timeoutMs} ms` : 'before the answer ended'
  const message = `nothing in the answer matched ${visibleText(expect.text)} ${when}`
  const code = isLate ? 'ERR_ANSWER_TIMEOUT' : 'ERR_NO_MATCH'
  return { code, errno: undefined, phase: 'receive', localFault: false, message }
}
