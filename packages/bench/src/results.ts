/** From samples to rows, as they are printed and written: medians, and ratios within each round. */
import { FIGURES, type Figure, type Figures } from './figures.js'
import type { ContestantId, Tally } from './job.js'
import type { Measured, SampleOf, Samples } from './measure.js'
import { SCENARIOS, type Scenario, titleOf } from './scenarios.js'
import { type Summary, summarize } from './statistics.js'
import { type JudgedTarget, judge, type Target } from './targets.js'

export interface Row<Sample = unknown> {
  readonly id: ContestantId
  readonly title: string
  /** Whatever is drawn from its samples, by name; see figures.ts. */
  readonly figures: Readonly<Record<string, Summary>>
  /** The first of them, which is compared; the burst has none. */
  readonly figure: Summary | undefined
  /** Ratios of this contestant's figure to the other's of the same round, as the machine drifts. */
  readonly ofC: Summary | undefined
  readonly ofNodeNet: Summary | undefined
  /** The same comparison by CPU time: steadier than the rate where others use the machine too. */
  readonly cpuOfC: Summary | undefined
  readonly cpuOfNodeNet: Summary | undefined
  readonly samples: readonly Sample[]
}

export type Rows = { readonly [S in Scenario]: readonly Row<SampleOf[S]>[] }

export function evaluate(measured: Measured): { rows: Rows; targets: readonly JudgedTarget[] } {
  const rows = SCENARIOS.map((scenario) => {
    const { samples, figures } = erase(measured, scenario)
    return [scenario, toRows(samples, figures)]
  })
  return {
    rows: Object.fromEntries(rows) as unknown as Rows,
    targets: judge((target) => measureOf(measured, target)),
  }
}

/** A scenario's samples and what is drawn from them belong together; which type they share is of no interest here. */
function erase(measured: Measured, scenario: Scenario) {
  return {
    samples: measured[scenario] as Samples<Tally>,
    figures: FIGURES[scenario] as unknown as Figures<Tally>,
  }
}

function toRows(samples: Samples<Tally>, figures: Figures<Tally>): Row[] {
  const [main, cpu] = [Object.values(figures)[0], figures['processCpuUs'] ?? figures['cpuUs']]
  const ratios = (id: ContestantId, other: ContestantId, of: Figure<Tally> | undefined) =>
    summarize(compare(samples, id, other, of, (one, another) => one / another))
  return [...samples].map(([id, list]) => ({
    id,
    title: titleOf(id),
    figures: Object.fromEntries(
      Object.entries(figures).flatMap(([name, of]) => {
        const summary = summaryOf(list, of)
        return summary ? [[name, summary]] : []
      }),
    ),
    figure: summaryOf(list, main),
    ofC: ratios(id, 'c', main),
    ofNodeNet: ratios(id, 'node-net', main),
    cpuOfC: ratios(id, 'c', cpu),
    cpuOfNodeNet: ratios(id, 'node-net', cpu),
    samples: list,
  }))
}

function measureOf(measured: Measured, target: Target): Summary | undefined {
  const { scenario, contestant } = target
  const { samples, figures } = erase(measured, scenario)
  const of = target.figure === undefined ? Object.values(figures)[0] : figures[target.figure]
  if (target.of !== undefined)
    return summarize(compare(samples, contestant, target.of, of, (one, other) => one / other))
  if (target.beyond !== undefined)
    return summarize(compare(samples, contestant, target.beyond, of, (one, other) => one - other))
  return summaryOf(samples.get(contestant) ?? [], of)
}

function summaryOf(list: readonly Tally[], of: Figure<Tally> | undefined): Summary | undefined {
  return summarize(list.flatMap((sample) => of?.(sample) ?? []))
}

/** Two contestants' figures, round by round. */
function compare(
  samples: Samples<Tally>,
  id: ContestantId,
  other: ContestantId,
  of: Figure<Tally> | undefined,
  by: (one: number, other: number) => number,
): number[] {
  return (samples.get(id) ?? []).flatMap((sample, round) => {
    const base = samples.get(other)?.[round]
    const [figure, baseFigure] = [of?.(sample), base && of?.(base)]
    return figure !== undefined && baseFigure ? [by(figure, baseFigure)] : []
  })
}
