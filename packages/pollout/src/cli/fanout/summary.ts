/** A fan-out's summary, for people: a table of the outcomes, and two lines of figures. */
import { visibleText } from '@pollout/core'
import Table from 'cli-table3'
import { milliseconds, targets, whole } from '../../outcomes/figures.js'
import type { Tally } from '../../outcomes/tally.js'

export interface SummaryContext {
  readonly backend: string
  /** It was stopped before its end. */
  readonly stopped: boolean
  /** Left out of the list; not in the tally. */
  readonly excluded: number
  /** That the pace was not kept, where it was not. */
  readonly paceLost?: string | undefined
}

export function summary(tally: Tally, context: SummaryContext): string {
  const { backend, stopped, excluded, paceLost } = context
  const table = new Table({
    head: ['outcome', 'code', 'count', 'share'],
    colAligns: ['left', 'left', 'right', 'right'],
    // No colours: this goes to files and pipes as well.
    style: { head: [], border: [] },
    // No rules between the rows.
    chars: { mid: '', 'left-mid': '', 'mid-mid': '', 'right-mid': '' },
  })
  for (const { kind, code, count } of tally.rows) {
    table.push([
      kind,
      visibleText(code),
      whole(count),
      `${((count / tally.total) * 100).toFixed(1)} %`,
    ])
  }
  const { total, earlier, elapsedMs } = tally
  const seconds = elapsedMs / 1_000
  const now = total - earlier
  const facts = [
    `${stopped ? 'stopped after ' : ''}${targets(total)}`,
    ...(excluded > 0 ? [`${whole(excluded)} excluded`] : []),
    ...(earlier > 0 ? [`${whole(earlier)} of them in earlier runs`] : []),
    `${seconds.toFixed(2)} s`,
    `${whole(now / seconds)}/s`,
    `backend ${backend}`,
  ]
  const latencies = tally.latenciesMs.map(([name, ms]) => `${name} ${milliseconds(ms)}`)
  const lines = total > 0 ? [table.toString(), facts.join(', ')] : [facts.join(', ')]
  if (paceLost) lines.push(paceLost)
  if (latencies.length > 0) lines.push(`latency of the connected: ${latencies.join(', ')}`)
  return lines.join('\n')
}
