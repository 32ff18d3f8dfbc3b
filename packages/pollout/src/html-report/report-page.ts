/**
 * The page of a report: self-contained, nothing is loaded from anywhere. All figures stand in tables, so that it can be
 * read where scripts do not run; the charts are drawn by report-page/main.ts, which is built into one file and inlined.
 */
import { readFileSync } from 'node:fs'
import { visibleText } from '@pollout/core'
import { milliseconds, targets, whole } from '../outcomes/figures.js'
import type { TallyRow } from '../outcomes/tally.js'
import type { PrefixRow } from './prefix-table.js'
import type { ReportData } from './report-data.js'

export interface Page {
  readonly facts: readonly (readonly [name: string, value: string])[]
  readonly stopped: boolean
  readonly seconds: number
  /** The most frequent first. */
  readonly outcomes: readonly TallyRow[]
  /** Of the connected, `p50` and so on; empty where none connected. */
  readonly latenciesMs: readonly (readonly [name: string, ms: number])[]
  readonly slowest: readonly PrefixRow[]
  readonly failing: readonly PrefixRow[]
  readonly data: ReportData
}

export function renderPage(page: Page): string {
  const { outcomes, seconds, stopped } = page
  const total = outcomes.reduce((sum, { count }) => sum + count, 0)
  const heading = `${stopped ? 'Stopped after ' : ''}${targets(total)} in ${seconds.toFixed(2)} s`
  // No script may run but the one that is in the file, and nothing be loaded at all.
  const policy = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'"
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<title>pollout fanout: ${escaped(heading)}</title>
<style>${asset('report-style.css')}</style>
<main>
<header>
<h1>${escaped(heading)}</h1>
<p>${whole(seconds > 0 ? total / seconds : 0)} outcomes a second</p>
</header>
<section>
<h2>Outcomes</h2>
${outcomeTable(outcomes, total)}
</section>
<section>
<h2>Latency of the connected</h2>
${latencyPart(page)}
</section>
<section>
<h2>Outcomes over time</h2>
<div class="chart" id="rate"></div>
</section>
<section>
<h2>Slowest prefixes</h2>
${prefixTable(page.slowest, 'Nothing connected.')}
</section>
<section>
<h2>Failing prefixes</h2>
${prefixTable(page.failing, 'Everything connected.')}
</section>
<section>
<h2>The run</h2>
<dl>${page.facts.map(([name, value]) => `<dt>${escaped(name)}</dt><dd>${escaped(value)}</dd>`).join('')}</dl>
</section>
</main>
<script type="application/json" id="data">${inScript(JSON.stringify(page.data))}</script>
<script>${inScript(asset('report-page.js'))}</script>
</html>
`
}

function outcomeTable(outcomes: Page['outcomes'], total: number): string {
  if (total === 0) return '<p>There were none.</p>'
  const rows = outcomes.map(({ kind, code, count }) => {
    const percent = (count / total) * 100
    return `<tr><td>${escaped(kind)}</td><td><code>${escaped(code)}</code></td>
<td class="number">${whole(count)}</td><td class="number">${percent.toFixed(1)} %</td>
<td class="share"><div class="bar ${escaped(kind)}" style="width: ${percent.toFixed(2)}%"></div></td></tr>`
  })
  return table(['outcome', 'code', 'count', 'share', ''], rows)
}

function latencyPart({ latenciesMs }: Page): string {
  if (latenciesMs.length === 0) return '<p>Nothing connected.</p>'
  const names = latenciesMs.map(([name]) => name)
  const cells = latenciesMs.map(([, ms]) => `<td class="number">${milliseconds(ms)}</td>`)
  return `${table(names, [`<tr>${cells.join('')}</tr>`])}
<div class="charts">
<figure><figcaption>How many took how long</figcaption><div class="chart" id="histogram"></div></figure>
<figure><figcaption>So many percent took no longer</figcaption><div class="chart" id="curve"></div></figure>
</div>`
}

function prefixTable(prefixes: readonly PrefixRow[], none: string): string {
  if (prefixes.length === 0) return `<p>${none}</p>`
  const rows = prefixes.map(({ prefix, total, connected, meanMs, slowestMs }) => {
    const failed = total - connected
    const share = `${((failed / total) * 100).toFixed(1)} %`
    const times = connected > 0 ? [milliseconds(meanMs), milliseconds(slowestMs)] : ['', '']
    const cells = [whole(total), whole(connected), whole(failed), share, ...times]
    return `<tr><td><code>${escaped(prefix)}</code></td>${cells.map((cell) => `<td class="number">${cell}</td>`).join('')}</tr>`
  })
  return table(['prefix', 'targets', 'connected', 'failed', 'failed %', 'mean', 'slowest'], rows)
}

function table(head: readonly string[], rows: readonly string[]): string {
  const cells = head.map((name) => {
    const isText = ['outcome', 'code', 'prefix'].includes(name)
    return `<th scope="col"${isText ? '' : ' class="number"'}>${escaped(name)}</th>`
  })
  return `<div class="table"><table><thead><tr>${cells.join('')}</tr></thead>
<tbody>${rows.join('\n')}</tbody></table></div>`
}

/** Beside the program, where the build puts it. */
function asset(name: string): string {
  return readFileSync(new URL(name, import.meta.url), 'utf8')
}

function escaped(text: string): string {
  return visibleText(text).replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`)
}

/** Text that ends a script element is no text in one. In JSON and JavaScript strings `\x3c` would be; `<` is, in both. */
function inScript(text: string): string {
  return text.replace(/<(?=\/script|!--|script)/gi, '\\u003c')
}
