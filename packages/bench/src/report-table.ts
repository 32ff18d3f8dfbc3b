/** What all tables are made of. */
import Table from 'cli-table3'
import type { ContestantId } from './job.js'
import type { Row } from './results.js'
import { type Scenario, titleOf } from './scenarios.js'
import type { Summary } from './statistics.js'
import type { JudgedTarget, Limit } from './targets.js'

export const NONE = '–'
const SHORT_NAMES: Partial<Record<ContestantId, string>> = {
  c: 'C',
  bun: 'Bun',
  deno: 'Deno',
  go: 'Go',
}

/** A contestant that can't take part here, and why. */
export type Skipped = readonly [id: ContestantId, reason: string]

export function table(
  head: readonly string[],
  rows: readonly string[][],
  skipped: readonly Skipped[],
): string {
  const result = new Table({
    head: [...head],
    colAligns: head.map((name, column) => (column === 0 || name === 'target' ? 'left' : 'right')),
    style: { head: [], border: [], compact: true },
  })
  result.push(...rows)
  for (const [id, reason] of skipped) {
    result.push([
      titleOf(id),
      { content: `skipped: ${reason}`, colSpan: head.length - 1, hAlign: 'left' },
    ])
  }
  return result.toString()
}

export function verdicts(
  targets: readonly JudgedTarget[],
  scenario: Scenario,
  contestant: ContestantId,
): string {
  return targets
    .filter((target) => target.scenario === scenario && target.contestant === contestant)
    .map((target) => {
      const verdict = target.met === undefined ? 'not measured' : target.met ? 'met' : 'MISSED'
      return `${describe(target)}: ${verdict}`
    })
    .join('\n')
}

function describe({ limit, unit, of, beyond }: JudgedTarget): string {
  const name = (id: ContestantId) => SHORT_NAMES[id] ?? titleOf(id)
  const words = [bound(limit), unit, of && `of ${name(of)}`, beyond && `more than ${name(beyond)}`]
  return words.filter((word) => word !== undefined).join(' ')
}

function bound(limit: Limit): string {
  if ('least' in limit) return `≥ ${limit.least}`
  if ('most' in limit) return `≤ ${limit.most}`
  return 'above' in limit ? `> ${limit.above}` : `within ${limit.within * 100} %`
}

/** The median of one of a row's figures. */
export function figure({ figures }: Row, name: string, digits: number): string {
  return number(figures[name]?.median, digits)
}

export function ratio(summary: Summary | undefined): string {
  if (summary === undefined) return NONE
  const { median, min, max } = summary
  return `${median.toFixed(2)} (${min.toFixed(2)}–${max.toFixed(2)})`
}

export function number(value: number | undefined, digits: number): string {
  return value === undefined ? NONE : value.toFixed(digits)
}

export function count(value: number | undefined): string {
  return value === undefined ? NONE : Math.round(value).toLocaleString('en')
}
