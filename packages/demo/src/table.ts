/** What stands at the end: a row for each figure, a column for each backend; and a remark where one is due. */
import Table from 'cli-table3'
import type { OutcomeKind } from 'pollout'
import type { Figures, Percentiles } from './run.js'

const KINDS: readonly (readonly [OutcomeKind, string])[] = [
  ['connected', 'connected'],
  ['refused', 'refused'],
  ['timed-out', 'timed out'],
  ['unreachable', 'unreachable'],
  ['denied', 'denied by the policy'],
  ['invalid', 'invalid (malformed text)'],
  ['local', 'local trouble'],
  ['other', 'other'],
]

export function table(runs: readonly Figures[]): string {
  const result = new Table({
    head: ['', ...runs.map((run) => run.backend)],
    colAligns: ['left', ...runs.map(() => 'right' as const)],
    style: { head: [], border: [] },
  })
  for (const [kind, label] of KINDS) {
    if (runs.some((run) => run.outcomes.has(kind))) {
      result.push([label, ...runs.map((run) => whole(run.outcomes.get(kind) ?? 0))])
    }
  }
  result.push(
    ['answers a second', ...runs.map((run) => whole(run.perSecond))],
    ['connect latency, p50 / p99 / max', ...runs.map((run) => milliseconds(run.latency))],
    ['event loop delay, p50 / p99 / max', ...runs.map((run) => milliseconds(run.loopDelay))],
    ['peak memory (RSS)', ...runs.map((run) => `${whole(run.peakRssMb)} MB`)],
    ['whole run', ...runs.map((run) => `${(run.elapsedMs / 1_000).toFixed(1)} s`)],
  )
  return result.toString()
}

/** On timeouts that nobody meant, lest they are taken for a backend's. */
export function lateRemark(
  { backend, outcomes }: Figures,
  meant: number,
  timeoutMs: number,
): string | undefined {
  const late = (outcomes.get('timed-out') ?? 0) - meant
  if (late <= 0) return undefined
  return (
    `${backend}: ${whole(late)} timed out besides the ${whole(meant)} silent ones: most likely this machine was too ` +
    `busy, and ${whole(timeoutMs)} ms are too short for it; see --timeout-ms`
  )
}

function whole(value: number): string {
  return Math.round(value).toLocaleString('en-US')
}

function milliseconds({ p50, p99, max }: Percentiles): string {
  const text = (value: number): string =>
    Number.isNaN(value) ? '-' : value.toFixed(value < 1 ? 2 : 1)
  return `${text(p50)} / ${text(p99)} / ${text(max)} ms`
}
