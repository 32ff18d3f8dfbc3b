/** The tables of what a fan-out is: storms, cancelling them, their pace, lists without end. */
import { PACES, type PacingScenario } from './pacing.js'
import { count, figure, ratio, type Skipped, table } from './report-table.js'
import type { Row } from './results.js'

const STORM_FIGURES = [
  'monitorP999Ms',
  'monitorMaxMs',
  'firstP999Ms',
  'firstMaxMs',
  'delayP99Ms',
  'delayP999Ms',
]

type VerdictOf = (row: Row) => string

export function stormTable(
  rows: readonly Row[],
  verdictOf: VerdictOf,
  skipped: readonly Skipped[],
): string {
  return table(
    [
      '',
      'monitor p99.9',
      'max',
      'first: p99.9',
      'max',
      'moment p99',
      'p99.9',
      'connects/s',
      'target',
    ],
    rows.map((row) => [
      row.title,
      ...STORM_FIGURES.map((name) => `${figure(row, name, 1)} ms`),
      count(row.figure?.median),
      verdictOf(row),
    ]),
    skipped,
  )
}

export function cancelTable(
  rows: readonly Row[],
  verdictOf: VerdictOf,
  skipped: readonly Skipped[],
): string {
  return table(
    ['', 'all free after', 'of C', 'of it the call', 'target'],
    rows.map((row) => [
      row.title,
      `${figure(row, 'freeMs', 1)} ms`,
      ratio(row.ofC),
      `${figure(row, 'callMs', 1)} ms`,
      verdictOf(row),
    ]),
    skipped,
  )
}

export function pacingTable(
  rows: readonly Row[],
  verdictOf: VerdictOf,
  skipped: readonly Skipped[],
): string {
  return table(
    ['', 'count off by', 'start off p50', 'p99', 'max', 'largest burst', 'target'],
    rows.map((row) => [
      row.title,
      `${figure(row, 'rateErrorPercent', 2)} %`,
      ...['offsetP50Ms', 'offsetP99Ms', 'offsetMaxMs'].map((name) => `${figure(row, name, 2)} ms`),
      figure(row, 'largestBurst', 0),
      verdictOf(row),
    ]),
    skipped,
  )
}

export function pacingTitle(scenario: PacingScenario, durationMs: number): string {
  const rate = PACES[scenario].toLocaleString('en')
  return `A pace of ${rate} starts a second, for ${durationMs / 1_000} s`
}

export function longListTable(
  rows: readonly Row[],
  verdictOf: VerdictOf,
  skipped: readonly Skipped[],
): string {
  return table(
    ['', 'connects/s', 'of the short list', 'RSS growth', 'RSS peak', 'target'],
    rows.map((row) => [
      row.title,
      count(row.figure?.median),
      figure(row, 'ofShort', 3),
      `${figure(row, 'growthMB', 1)} MB`,
      `${figure(row, 'peakMB', 1)} MB`,
      verdictOf(row),
    ]),
    skipped,
  )
}

export const STORM_NOTES = [
  'storm: monitor is perf_hooks.monitorEventLoopDelay(), the time between the calls of a timer of 1 ms, so 1.0 ms is none;',
  'its percentiles count calls. moment is the wait of something that becomes due at a random moment: a stall weighs as',
  'much as it lasts. first is the first storm of the process, in which V8 still compiles the code; the other figures are',
  "those of its third. Client and V8's threads have one core",
]

export const PACING_NOTES = [
  'pacing: the k-th start is due k / rate after the first; the largest burst is of any stretch of time, the starts in it',
  'beyond what the rate gives that stretch, and 1 where all are on time. node:net has a timer of 1 ms written by hand',
]
