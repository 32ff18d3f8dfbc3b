/** What `pollout load` says at its end, for people. */
import { visibleText } from '@pollout/core'
import type { JudgedThreshold, LoadResult, TimesSummary } from '@pollout/load'
import Table from 'cli-table3'
import { milliseconds, whole } from '../../outcomes/figures.js'

/** In the order in which a request goes through them. */
const CLOCKS: readonly (readonly [keyof LoadResult['times'], string])[] = [
  ['response', 'response, from when it was due'],
  ['queue', 'no connection free'],
  ['lateness', 'sent late by this side'],
  ['service', 'server and network'],
  ['firstByte', 'to the first byte'],
  ['handOver', 'unread on this side'],
  ['connect', 'connecting'],
]

export function loadSummary(result: LoadResult, judged: readonly JudgedThreshold[]): string {
  const lines = [rates(result)]
  if (result.times.response.count > 0) lines.push(times(result))
  const trouble = failures(result)
  if (trouble !== undefined) lines.push(trouble)
  lines.push(circumstances(result))
  for (const one of judged) lines.push(threshold(one))
  for (const { message } of result.problems) lines.push(`INVALID: ${message}`)
  return lines.join('\n')
}

function rates({
  requests,
  connections,
  connectionsAsked,
  measuredMs,
  wasAborted,
}: LoadResult): string {
  const { perSecond, askedPerSecond, total, answered, unfinished } = requests
  const asked = askedPerSecond === null ? '' : ` of ${whole(askedPerSecond)} asked for`
  const parts = [
    `${whole(total)} requests in ${(measuredMs / 1_000).toFixed(2)} s`,
    `${whole(perSecond)}/s${asked}`,
    `${whole(answered)} answered`,
    `${whole(total - answered)} failed`,
    ...(unfinished > 0 ? [`${whole(unfinished)} under way at the end`] : []),
    `${whole(connections.made)} connections made, ${whole(connectionsAsked)} at once`,
  ]
  return `${wasAborted ? 'stopped early: ' : ''}${parts.join(', ')}`
}

function times({ times: measured }: LoadResult): string {
  const shown = CLOCKS.filter(([name]) => measured[name].count > 0)
  const names = [...new Set(shown.flatMap(([name]) => Object.keys(measured[name].percentiles)))]
  const table = new Table({
    head: ['', 'mean', ...names, 'max'],
    colAligns: ['left', ...Array.from({ length: names.length + 2 }, () => 'right' as const)],
    style: { head: [], border: [] },
    chars: { mid: '', 'left-mid': '', 'mid-mid': '', 'right-mid': '' },
  })
  for (const [name, title] of shown) {
    const { mean, percentiles, max }: TimesSummary = measured[name]
    const cells = names.map((percentile) => shownMs(percentiles[percentile]))
    table.push([title, shownMs(mean), ...cells, shownMs(max)])
  }
  return table.toString()
}

function shownMs(ms: number | null | undefined): string {
  return ms === null || ms === undefined ? '–' : milliseconds(ms)
}

function failures({ requests, connections }: LoadResult): string | undefined {
  const rows = [
    ...requests.failures.map(({ kind, count, localFault }) => [kind, count, localFault] as const),
    ...connections.failures.map(
      ({ kind, count, localFault }) =>
        [`connections: ${kind.replace(/^not connected: /, '')}`, count, localFault] as const,
    ),
    ...Object.entries(connections.gone)
      .filter(([why]) => why !== 'closed here')
      .map(([why, count]) => [`connections: ${why}`, count, false] as const),
  ]
  if (rows.length === 0) return undefined
  return rows
    .map(([kind, count, isOurs]) => {
      return `${visibleText(kind)}: ${whole(count)}${isOurs ? ' (trouble on this side)' : ''}`
    })
    .join('\n')
}

function circumstances({ lane, threads, backend, loop, seed, busiestThread }: LoadResult): string {
  const parts = [
    `${loop} loop`,
    `backend ${backend}`,
    lane === 'native' ? `${threads} ${threads === 1 ? 'thread' : 'threads'}` : 'on the event loop',
    ...(busiestThread === null ? [] : [`busy for ${Math.round(busiestThread * 100)} %`]),
    `seed ${seed}`,
  ]
  return parts.join(', ')
}

function threshold({ text, measured, isMet, metric }: JudgedThreshold): string {
  const value =
    measured === undefined
      ? 'the samples do not tell'
      : metric === 'errors'
        ? `${(measured * 100).toFixed(3)} %`
        : metric === 'rate'
          ? `${whole(measured)}/s`
          : milliseconds(measured)
  return `${isMet ? 'met' : 'MISSED'}: ${text} (${value})`
}
