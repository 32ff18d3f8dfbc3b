/** From samples to rows, as they are printed and written: medians, and ratios within each round. */
import type { ContestantId, HandshakeSample, RateSample, TransferSample } from './job.js'
import { type Measured, type Samples, titleOf } from './measure.js'
import type { Scenario } from './options.js'
import { type Summary, summarize } from './statistics.js'
import { type JudgedTarget, judge } from './targets.js'
import type { TransferScenario } from './transfers.js'

export interface Row<Sample = unknown> {
  readonly id: ContestantId
  readonly title: string
  /** The figure that is compared: connects, messages or MB a second, bytes a connection, a handshake's ms; the burst has none. */
  readonly figure: Summary | undefined
  /** Ratios of this contestant's figure to the other's of the same round, as the machine drifts. */
  readonly ofC: Summary | undefined
  readonly ofNodeNet: Summary | undefined
  /** Of a connect, a message, a megabyte. */
  readonly cpuUsEach: Summary | undefined
  /** The same comparison by CPU time: steadier than the rate where others use the machine too. */
  readonly cpuOfC: Summary | undefined
  readonly cpuOfNodeNet: Summary | undefined
  readonly samples: readonly Sample[]
}

export type Rows = { readonly [S in Scenario]: readonly Row<SampleOf<Measured[S]>>[] }
type SampleOf<S> = S extends Samples<infer Sample> ? Sample : never

export function evaluate(measured: Measured): { rows: Rows; targets: readonly JudgedTarget[] } {
  const transfer = (scenario: TransferScenario) =>
    toRows(measured[scenario], workPerSecond, cpuUsOfWork)
  const rows: Rows = {
    accepted: toRows(measured.accepted, perSecond, cpuUsEach),
    refused: toRows(measured.refused, perSecond, cpuUsEach),
    scattered: toRows(measured.scattered, perSecond, cpuUsEach),
    burst: toRows(measured.burst),
    idle: toRows(measured.idle, (sample) => sample.rssBytesEach),
    handshake: toRows(measured.handshake, handshakeMs),
    'handshake-veth': toRows(measured['handshake-veth'], handshakeMs),
    'pingpong-1000': transfer('pingpong-1000'),
    'pingpong-1': transfer('pingpong-1'),
    'stream-in-100': transfer('stream-in-100'),
    'stream-in-1': transfer('stream-in-1'),
    'stream-out-100': transfer('stream-out-100'),
    'stream-out-1': transfer('stream-out-1'),
  }
  const targets = judge(({ scenario, contestant, of }) => {
    const row = rows[scenario].find(({ id }) => id === contestant)
    return of === 'c' ? row?.ofC : row?.ofNodeNet
  })
  return { rows, targets }
}

function toRows<Sample>(
  samples: Samples<Sample>,
  figureOf?: (sample: Sample) => number,
  cpuOf?: (sample: Sample) => number | undefined,
): Row<Sample>[] {
  const ratios = (list: readonly Sample[], other: ContestantId, of: typeof cpuOf) =>
    summarize(
      list.flatMap((sample, round) => {
        const base = samples.get(other)?.[round]
        const [figure, baseFigure] = [of?.(sample), base && of?.(base)]
        return figure !== undefined && baseFigure ? [figure / baseFigure] : []
      }),
    )
  return [...samples].map(([id, list]) => ({
    id,
    title: titleOf(id),
    figure: summarize(list.flatMap((sample) => figureOf?.(sample) ?? [])),
    ofC: ratios(list, 'c', figureOf),
    ofNodeNet: ratios(list, 'node-net', figureOf),
    cpuUsEach: summarize(list.flatMap((sample) => cpuOf?.(sample) ?? [])),
    cpuOfC: ratios(list, 'c', cpuOf),
    cpuOfNodeNet: ratios(list, 'node-net', cpuOf),
    samples: list,
  }))
}

/** What its user would take for the handshake's time: the timeline's where there is one. */
function handshakeMs({ timelineMs, byHandMs }: HandshakeSample): number {
  return (timelineMs ?? byHandMs).p50
}

function total({ connected, refused, other }: RateSample): number {
  return connected + refused + other
}

function perSecond(sample: RateSample): number {
  return (total(sample) / sample.elapsedMs) * 1_000
}

function cpuUsEach(sample: RateSample): number | undefined {
  return sample.cpuMs === undefined ? undefined : (sample.cpuMs * 1_000) / total(sample)
}

function workPerSecond({ work, elapsedMs }: TransferSample): number {
  return (work / elapsedMs) * 1_000
}

function cpuUsOfWork({ work, cpuMs }: TransferSample): number | undefined {
  return cpuMs === undefined ? undefined : (cpuMs * 1_000) / work
}
