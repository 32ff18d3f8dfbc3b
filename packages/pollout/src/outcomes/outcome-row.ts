/** One target's outcome as data: what is counted, written and reported. */
import {
  type Endpoint,
  formatAddress,
  formatEndpoint,
  isInet,
  type KeptOutcome,
  type Outcome,
  type OutcomeKind,
} from '@pollout/core'
import type { InvalidLine } from '../targets/listed-line.js'
import type { UserFields } from '../targets/target-item.js'
import type { ProbeFailure, ProbeResult } from './probe-result.js'

/** Those of `connectMany()`, and: connected but what came after went wrong; not tried for its host's errors. */
export type FanoutKind = OutcomeKind | 'probe-failed' | 'skipped'

export const FANOUT_KINDS: readonly FanoutKind[] = [
  'connected',
  'refused',
  'timed-out',
  'unreachable',
  'denied',
  'local',
  'invalid',
  'other',
  'probe-failed',
  'skipped',
]

export function isFanoutKind(value: unknown): value is FanoutKind {
  return FANOUT_KINDS.includes(value as FanoutKind)
}

/** A target on its way: what `connectMany()` is given, and hands back with the outcome. */
export type Job = Endpoint & {
  /** In the order of this run; -1 where there is none, in a stream. */
  readonly position: number
  readonly fields: UserFields | undefined
  tries: number
}

/** Why it has not connected. */
export interface RowFailure {
  readonly errno: number | undefined
  readonly phase: string
  readonly localFault: boolean
  /** One line for people. */
  readonly message: string
}

export interface OutcomeRow {
  /** The URI as normalised, or the raw text where it is none. */
  readonly endpoint: string
  readonly kind: FanoutKind
  /** Empty for connected ones. */
  readonly code: string
  /** The code as sums tell it: of a name's failure it says so, as name servers refuse (ECONNREFUSED) like peers. */
  readonly summedCode: string
  /** Of the last try's connect; 0 where none was made. */
  readonly elapsedMs: number
  /** When it ended, in milliseconds since 1970. */
  readonly endedAt: number
  /** The address that answered or was tried last, as text. */
  readonly peer: string | null
  /** What it is one of many at: the address that answered, else the target's host or path. */
  readonly place: string
  readonly tries: number
  /** Connected, and lost before it was looked at: by what, e.g. `ECONNRESET`. */
  readonly followedBy: string | undefined
  /** Made when asked for: it costs more than all the rest. Undefined for connected ones. */
  readonly failure: RowFailure | undefined
  readonly probe: ProbeResult | undefined
  readonly fields: UserFields | undefined
  /** For `invalid`: the number of the line. */
  readonly line: number | undefined
}

/**
 * Hears of each outcome of this run as it comes; those of an earlier run that is resumed are not told again. To be put into
 * the list of sinks in fanout-command.ts.
 */
export interface OutcomeSink {
  outcome(row: OutcomeRow): void
}

const PLAIN = {
  followedBy: undefined,
  failure: undefined,
  probe: undefined,
  fields: undefined,
  line: undefined,
} as const

export function connectRow(job: Job, outcome: Outcome<Job> | KeptOutcome<Job>): OutcomeRow {
  return new ConnectRow(job, outcome)
}

/** A connected one with what the probe has found, or has failed with. */
export function probeRow(
  connected: OutcomeRow,
  probe: ProbeResult,
  failure: ProbeFailure | undefined,
): OutcomeRow {
  const { endpoint, elapsedMs, peer, place, tries, followedBy, fields } = connected
  const [kind, code] = failure
    ? (['probe-failed', failure.code] as const)
    : (['connected', ''] as const)
  return {
    ...PLAIN,
    endpoint,
    kind,
    code,
    summedCode: code,
    elapsedMs,
    endedAt: Date.now(),
    peer,
    place,
    tries,
    followedBy,
    fields,
    probe,
    failure,
  }
}

export function invalidRow({ raw, line, message }: InvalidLine): OutcomeRow {
  const failure = { errno: undefined, phase: 'parse', localFault: true, message }
  return { ...untried(raw, raw, 'ERR_INVALID_ENDPOINT'), kind: 'invalid', line, failure }
}

export function skippedRow(job: Job, errors: number): OutcomeRow {
  const message = `not tried: ${errors} others of this host have failed (--max-host-errors)`
  const failure = { errno: undefined, phase: 'policy', localFault: true, message }
  const { fields } = job
  return {
    ...untried(formatEndpoint(job), placeOf(job), 'ERR_HOST_ERRORS'),
    kind: 'skipped',
    fields,
    failure,
  }
}

function untried(endpoint: string, place: string, code: string) {
  return {
    ...PLAIN,
    endpoint,
    code,
    summedCode: code,
    elapsedMs: 0,
    endedAt: Date.now(),
    peer: null,
    place,
    tries: 0,
  }
}

function placeOf(job: Job): string {
  if ('host' in job) return job.host
  return 'path' in job ? job.path : formatEndpoint(job)
}

class ConnectRow implements OutcomeRow {
  readonly kind: FanoutKind
  readonly code: string
  readonly elapsedMs: number
  readonly endedAt = Date.now()
  readonly tries: number
  readonly followedBy: string | undefined
  readonly fields: UserFields | undefined
  readonly probe = undefined
  readonly line = undefined
  readonly #job: Job
  readonly #outcome: Outcome<Job>

  constructor(job: Job, outcome: Outcome<Job>) {
    this.#job = job
    this.#outcome = outcome
    this.kind = outcome.kind
    this.code = outcome.kind === 'connected' ? '' : outcome.code
    // What is beyond microseconds is noise.
    this.elapsedMs = Math.round(outcome.elapsedMs * 1_000) / 1_000
    this.tries = job.tries
    this.followedBy = outcome.kind === 'connected' ? outcome.followedBy : undefined
    this.fields = job.fields
  }

  get endpoint(): string {
    return formatEndpoint(this.#job)
  }

  get peer(): string | null {
    const outcome = this.#outcome
    const address =
      outcome.kind === 'connected' ? outcome.address : outcome.error.attempts.at(-1)?.address
    return (address && formatAddress(address)) || null
  }

  get summedCode(): string {
    const outcome = this.#outcome
    const isOfName = outcome.kind !== 'connected' && outcome.phase === 'resolve'
    return isOfName ? `${this.code} (name)` : this.code
  }

  get place(): string {
    const { kind } = this.#outcome
    const address = kind === 'connected' ? this.#outcome.address : undefined
    return address && isInet(address) ? address.address : placeOf(this.#job)
  }

  get failure(): RowFailure | undefined {
    const outcome = this.#outcome
    if (outcome.kind === 'connected') return undefined
    const { errno, phase, localFault, error } = outcome
    return { errno, phase, localFault, message: error.message }
  }
}
