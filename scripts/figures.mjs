/**
 * Puts what the benchmark has measured into README.md and docs/: tables between two comments, `figures:NAME` and `/figures`.
 *
 * They come from docs/figures/bench.json. `node scripts/figures.mjs --take FILE` makes that of a file which `bench` wrote,
 * without its single samples, and then the tables; without arguments only the tables are made; `--check` writes nothing, and
 * fails where one is not what it would be.
 */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { format, resolveConfig } from 'prettier'
import { generated } from './generated.mjs'
import { root } from './packages.mjs'

const PLACE = join(root, 'docs/figures/bench.json')
const NONE = '–'

/** The sums of what a burst's samples say: the bench draws that table from the samples themselves. */
const BURST = {
  delayP50Ms: ({ delayMs }) => delayMs.p50,
  delayP99Ms: ({ delayMs }) => delayMs.p99,
  delayMaxMs: ({ delayMs }) => delayMs.max,
  elapsedMs: ({ elapsedMs }) => elapsedMs,
}

const taken = process.argv.indexOf('--take')
if (taken >= 0) {
  const { targets, ...results } = JSON.parse(readFileSync(process.argv[taken + 1], 'utf8'))
  for (const rows of Object.values(results).filter(Array.isArray)) {
    for (const row of rows) {
      if (rows === results.burst) row.figures = summaries(row.samples)
      delete row.samples
    }
  }
  writeFileSync(PLACE, `${JSON.stringify(results, rounded, 1)}\n`)
}

const results = JSON.parse(readFileSync(PLACE, 'utf8'))
const { machine } = results

/** What a page can ask for, by name. */
const TABLES = {
  origin,
  summary: () =>
    rowsOf(
      ['accepted', 'refused', 'burst', 'idle'],
      [
        ['connects/s, accepted', of('accepted', 'perSecond', 0)],
        ['connects/s, refused', of('refused', 'perSecond', 0)],
        ['JS thread, µs/connect', of('accepted', 'cpuUs', 1, NOT_JS)],
        ['a burst: loop held up, p99', of('burst', 'delayP99Ms', 1, NOT_JS, ' ms')],
      ],
      // To be read in half a minute.
      ['c-reused', 'bun', 'deno', 'go', 'native-many-0', 'native-batches'],
    ),
  accepted: () => rates('accepted'),
  refused: () => rates('refused'),
  scattered: () => rates('scattered'),
  sizes: () =>
    `A burst is ${whole('burstCount')} connects, begun in one turn of the loop; a storm ${whole('stormCount')}, ${whole('stormInFlight')} in flight; a cancel ${whole('cancelCount')}; idle connections ${whole('idleCount')}; handshakes ${whole('handshakeCount')}, begun at once. All else has ${whole('inFlight')} in flight. ${peers()}`,
  burst: () =>
    rowsOf(
      ['burst'],
      [
        ["loop's delay, p50", of('burst', 'delayP50Ms', 1, NOT_JS, ' ms')],
        ['p99', of('burst', 'delayP99Ms', 1, NOT_JS, ' ms')],
        ['longest', of('burst', 'delayMaxMs', 1, NOT_JS, ' ms')],
        ['all ended after', of('burst', 'elapsedMs', 0, [], ' ms')],
      ],
    ),
  storm: () =>
    rowsOf(
      ['storm'],
      [
        ['connects/s', of('storm', 'perSecond', 0)],
        ["loop's delay, p99.9", of('storm', 'monitorP999Ms', 1, [], ' ms')],
        ['longest', of('storm', 'monitorMaxMs', 1, [], ' ms')],
        ["a process's first: p99.9", of('storm', 'firstP999Ms', 1, [], ' ms')],
      ],
    ),
  handshake: () =>
    rowsOf(
      ['handshake'],
      [
        ['told, p50: answers after 40 ms', of('handshake', 'ms', 1, [], ' ms')],
        ['answers at once', of('handshake-veth', 'ms', 3, [], ' ms')],
      ],
    ),
  idle: () => rowsOf(['idle'], [['bytes each', of('idle', 'rssBytesEach', 0)]]),
  cancel: () =>
    rowsOf(
      ['cancel'],
      [
        ['the call', of('cancel', 'callMs', 1, [], ' ms')],
        ['until all descriptors are free', of('cancel', 'freeMs', 1, [], ' ms')],
      ],
    ),
  pacing: () =>
    rowsOf(
      ['pacing-1000'],
      [10, 1_000, 20_000].flatMap((rate) => [
        [
          `${rate.toLocaleString('en')} a second: off by, p50`,
          of(`pacing-${rate}`, 'offsetP50Ms', 2, [], ' ms'),
        ],
        ['p99', of(`pacing-${rate}`, 'offsetP99Ms', 2, [], ' ms')],
        ['largest burst', of(`pacing-${rate}`, 'largestBurst', 0)],
      ]),
    ),
  transfers: () =>
    rowsOf(
      ['pingpong-1000', 'stream-in-100'],
      [
        ['messages/s, 1,000 connections', of('pingpong-1000', 'perSecond', 0)],
        ['on one', of('pingpong-1', 'perSecond', 0)],
        ['MB/s in, 100 connections', of('stream-in-100', 'perSecond', 0)],
        ['on one', of('stream-in-1', 'perSecond', 0)],
        ['MB/s out, 100 connections', of('stream-out-100', 'perSecond', 0)],
        ['on one', of('stream-out-1', 'perSecond', 0)],
      ],
    ),
}

/** Their loop is none of JavaScript's. */
const NOT_JS = ['c', 'c-reused', 'go']

const style = await resolveConfig(join(root, 'README.md'))
const pages = readdirSync(join(root, 'docs')).filter((name) => name.endsWith('.md'))
for (const file of ['README.md', ...pages.map((name) => `docs/${name}`)]) {
  generated(file, await filled(readFileSync(join(root, file), 'utf8'), file))
}

async function filled(text, file) {
  const pairs = [...text.matchAll(/<!-- figures:\S+ -->\n.*?<!-- \/figures -->/gs)].length
  // However they are written: what is not found is not filled, nor looked at.
  if ([...text.matchAll(/<!--\s*\/?figures/g)].length !== 2 * pairs) {
    throw new Error(
      `${file} has a figures comment that is not paired, or not written as the others`,
    )
  }
  let result = ''
  let from = 0
  for (const found of text.matchAll(/(<!-- figures:(\S+) -->\n).*?(?=<!-- \/figures -->)/gs)) {
    const { 0: whole, 1: head, 2: name, index } = found
    if (!Object.hasOwn(TABLES, name)) throw new Error(`${file}: there are no figures "${name}"`)
    const made = await format(TABLES[name](), { ...style, parser: 'markdown' })
    result += `${text.slice(from, index)}${head}\n${made}\n`
    from = index + whole.length
  }
  return result + text.slice(from)
}

function whole(setting) {
  return results.settings[setting].toLocaleString('en')
}

/** The other runtimes, with their versions. */
function peers() {
  const known = Object.entries(results.runtimes ?? {}).filter(([, version]) => version)
  return known.length === 0
    ? ''
    : `Beside it: ${known.map(([name, version]) => `${name} ${version}`).join(', ')}.`
}

/** When, where and how: what a figure is worth without is nothing. */
function origin() {
  const { startedAt, quick, settings } = results
  const on = `on ${machine.cores} cores of ${machine.cpu}, ${machine.kernel}, Node ${machine.node}`
  const how = `Measured by \`npx -y pnpm@12 bench\` on ${startedAt.slice(0, 10)}, ${on}.`
  if (!quick) {
    const { rounds, burstRounds, stormRounds, pacingRounds } = settings
    const fewer = `of bursts, cancelling and handshakes ${burstRounds}, of storms and idle memory ${stormRounds}, of paces ${pacingRounds}`
    return `${how} Over loopback; medians of ${rounds} rounds, ${fewer}.`
  }
  return `${how} **A run with \`--quick\`: it shows that all works, and says nothing about speed.**`
}

function rates(scenario) {
  return rowsOf(
    [scenario],
    [
      ['connects/s', of(scenario, 'perSecond', 0)],
      ['of C', ({ id }) => ratio(row(scenario, id)?.ofC)],
      ['of node:net', ({ id }) => ratio(row(scenario, id)?.ofNodeNet)],
      ['CPU, µs/connect', of(scenario, 'processCpuUs', 1)],
      ['JS thread, µs/connect', of(scenario, 'cpuUs', 1, NOT_JS)],
    ],
  )
}

/** A row for each who takes part in one of the scenarios, in their order, but for some. */
function rowsOf(scenarios, columns, without = []) {
  const all = scenarios
    .flatMap((scenario) => results[scenario])
    .filter(({ id }) => !without.includes(id))
  const contestants = [...new Map(all.map((row) => [row.id, row])).values()]
  const line = (cells) => `| ${cells.join(' | ')} |`
  return [
    line(['', ...columns.map(([title]) => title)]),
    line(['---', ...columns.map(() => '--:')]),
    ...contestants.map((each) =>
      line([
        each.title.replace(/^(native|net) /, '$1: '),
        ...columns.map(([, cell]) => cell(each)),
      ]),
    ),
  ].join('\n')
}

function row(scenario, id) {
  return results[scenario].find((row) => row.id === id)
}

function of(scenario, figure, digits, without = [], unit = '') {
  return ({ id }) => {
    const median = row(scenario, id)?.figures[figure]?.median
    if (median === undefined || without.includes(id)) return NONE
    const fixed = { minimumFractionDigits: digits, maximumFractionDigits: digits }
    return median.toLocaleString('en', fixed) + unit
  }
}

function ratio(summary) {
  return summary === undefined ? NONE : summary.median.toFixed(2)
}

function summaries(samples) {
  return Object.fromEntries(
    Object.entries(BURST).map(([name, of]) => {
      const sorted = samples.map(of).sort((a, b) => a - b)
      const middle = sorted.slice((sorted.length - 1) >> 1, (sorted.length >> 1) + 1)
      const median = middle.reduce((sum, value) => sum + value, 0) / middle.length
      return [name, { median, min: sorted[0], max: sorted.at(-1) }]
    }),
  )
}

/** For a reader of the file, and of its diff. */
function rounded(_, value) {
  return typeof value === 'number' ? Number(value.toPrecision(6)) : value
}
