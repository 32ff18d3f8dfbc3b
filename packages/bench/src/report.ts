/** The tables. */
import type { BurstSample, ContestantId, HandshakeSample, Percentiles } from './job.js'
import { DELAY_MS } from './namespaced-peer.js'
import { PACING_SCENARIOS } from './pacing.js'
import {
  cancelTable,
  longListTable,
  pacingTable,
  pacingTitle,
  stormTable,
} from './report-fan-out.js'
import {
  count,
  figure,
  NONE,
  number,
  ratio,
  type Skipped,
  table,
  verdicts,
} from './report-table.js'
import type { Row, Rows } from './results.js'
import { isRateScenario, type Scenario, takesPart } from './scenarios.js'
import type { Settings } from './settings.js'
import { summarize } from './statistics.js'
import type { JudgedTarget } from './targets.js'
import { TRANSFER_SCENARIOS, TRANSFERS, type TransferScenario } from './transfers.js'

export function reportTables(
  rows: Rows,
  targets: readonly JudgedTarget[],
  skipped: ReadonlyMap<ContestantId, string>,
  settings: Settings,
): string {
  const skippedIn = (scenario: Scenario) => [...skipped].filter(([id]) => takesPart(scenario, id))
  const verdictIn = (scenario: Scenario) => (row: Row) => verdicts(targets, scenario, row.id)
  const rates = (scenario: Compared, what: string, each: string) => {
    // Where connects are counted, other threads may make them.
    const [cpu, js] = isRateScenario(scenario) ? ['processCpuUs', [`JS thread µs`]] : ['cpuUs', []]
    return table(
      ['', `${what}/s`, 'of C', 'of node:net', `CPU µs/${each} (of node:net)`, ...js, 'target'],
      rows[scenario].map((row) => [
        row.title,
        count(row.figure?.median),
        ratio(row.ofC),
        ratio(row.ofNodeNet),
        `${figure(row, cpu, 1)} (${number(row.cpuOfNodeNet?.median, 2)})`,
        ...js.map(() => (row.id in NOT_JS ? NONE : figure(row, 'cpuUs', 2))),
        verdicts(targets, scenario, row.id),
      ]),
      skippedIn(scenario),
    )
  }
  const burst = table(
    ['', 'delay p50', 'p99', 'max', 'latency p50', 'p99', 'all ended'],
    rows.burst.map((row) => [
      row.title,
      ...[
        (sample: BurstSample) => sample.delayMs.p50,
        (sample: BurstSample) => sample.delayMs.p99,
        (sample: BurstSample) => sample.delayMs.max,
        (sample: BurstSample) => sample.latencyMs.p50,
        (sample: BurstSample) => sample.latencyMs.p99,
        (sample: BurstSample) => sample.elapsedMs,
      ].map((of) => `${number(summarize(row.samples.map(of))?.median, 1)} ms`),
    ]),
    skippedIn('burst'),
  )
  const idle = table(
    ['', 'bytes RSS each', 'of net.Socket', 'target'],
    rows.idle.map((row) => [
      row.title,
      count(row.figure?.median),
      ratio(row.ofNodeNet),
      verdicts(targets, 'idle', row.id),
    ]),
    skippedIn('idle'),
  )
  const atOnce = settings.handshakeCount.toLocaleString('en')
  const sections: [readonly Row[], string, string][] = [
    [
      rows.accepted,
      'Connect and reset, to an accepting server',
      rates('accepted', 'connects', 'connect'),
    ],
    [rows.refused, 'Connect to a closed port', rates('refused', 'connects', 'connect')],
    [
      rows.scattered,
      'Connect to a closed port, at 2,000 addresses',
      rates('scattered', 'connects', 'connect'),
    ],
    [rows.burst, "A burst: the loop's delay, and the connect latency that is reported", burst],
    [
      rows.storm,
      `A storm: the loop's delay while ${settings.stormCount.toLocaleString('en')} connects run, ${settings.stormInFlight.toLocaleString('en')} in flight`,
      stormTable(rows.storm, verdictIn('storm'), skippedIn('storm')),
    ],
    [
      rows.cancel,
      `Cancelling ${settings.cancelCount.toLocaleString('en')} connects that nobody answers`,
      cancelTable(rows.cancel, verdictIn('cancel'), skippedIn('cancel')),
    ],
    ...PACING_SCENARIOS.map((scenario): [readonly Row[], string, string] => [
      rows[scenario],
      pacingTitle(scenario, settings.pacingDurationMs),
      pacingTable(rows[scenario], verdictIn(scenario), skippedIn(scenario)),
    ]),
    [rows.idle, 'An idle open connection', idle],
    [
      rows.handshake,
      `Handshakes of ${atOnce} begun at once, to a peer whose answers take ${DELAY_MS} ms`,
      handshakes(
        rows.handshake,
        (id) => verdicts(targets, 'handshake', id),
        skippedIn('handshake'),
      ),
    ],
    [
      rows['handshake-veth'],
      'The same without the delay: over before connect() returns, the rest is the loops',
      handshakes(rows['handshake-veth'], undefined, skippedIn('handshake-veth')),
    ],
    ...TRANSFER_SCENARIOS.map((scenario): [readonly Row[], string, string] => {
      const { mode } = TRANSFERS[scenario]
      const [what, each] = mode === 'pingpong' ? ['messages', 'message'] : ['MB', 'MB']
      return [rows[scenario], transferTitle(scenario, settings), rates(scenario, what, each)]
    }),
    [
      rows['long-list'],
      `A list of ${settings.longListCount.toLocaleString('en')} targets, beside one of ${settings.longListShort.toLocaleString('en')}`,
      longListTable(rows['long-list'], verdictIn('long-list'), skippedIn('long-list')),
    ],
  ]
  return sections
    .filter(([measured]) => measured.length > 0)
    .map(([, title, text]) => `${title}\n${text}\n`)
    .join('\n')
}

/** Their CPU time is not a JavaScript thread's. */
const NOT_JS = { c: true, 'c-reused': true, go: true }

type Compared = 'accepted' | 'refused' | 'scattered' | TransferScenario

function transferTitle(scenario: TransferScenario, settings: Settings): string {
  const { mode, connections, bytes } = TRANSFERS[scenario]
  const many = Math.min(connections, settings.mostTransferring)
  const over = many === 1 ? 'one connection' : `${many.toLocaleString('en')} connections`
  if (mode === 'pingpong') return `Messages of ${bytes} bytes to and fro, on ${over}`
  return `A stream ${mode === 'in' ? 'received' : 'sent'}, on ${over}`
}

/** All targets in a line. */
export function reportVerdict(targets: readonly JudgedTarget[]): string {
  const of = (met: boolean | undefined) => targets.filter((target) => target.met === met).length
  return `targets: ${of(true)} met, ${of(false)} missed, ${of(undefined)} not measured`
}

/** Without `verdictOf` there is nothing to compare: C by hand has its own loop in it too. */
function handshakes(
  rows: readonly Row<HandshakeSample>[],
  verdictOf: ((id: ContestantId) => string) | undefined,
  skipped: readonly Skipped[],
): string {
  const head = ['', 'by hand p50', 'p99', 'elapsedMs p50', 'p99', 'handshake p50', 'p99']
  return table(
    verdictOf ? [...head, 'of C by hand', 'target'] : head,
    rows.map((row) => [
      row.title,
      ...times(row, ({ byHandMs }) => byHandMs),
      ...times(row, ({ latencyMs }) => latencyMs),
      ...times(row, ({ timelineMs, kernelMs }) => timelineMs ?? kernelMs),
      ...(verdictOf ? [ratio(row.ofC), verdictOf(row.id)] : []),
    ]),
    skipped,
  )
}

/** Medians of the rounds. */
function times(
  row: Row<HandshakeSample>,
  of: (sample: HandshakeSample) => Percentiles | undefined,
): string[] {
  const known = row.samples.flatMap((sample) => of(sample) ?? [])
  const median = (which: 'p50' | 'p99') => summarize(known.map((times) => times[which]))?.median
  return [median('p50'), median('p99')].map((time) =>
    time === undefined ? NONE : `${time.toFixed(time < 1 ? 3 : 1)} ms`,
  )
}
