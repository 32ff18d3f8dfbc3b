/** The tables. */
import Table from 'cli-table3'
import type { BurstSample, ContestantId, HandshakeSample, Percentiles } from './job.js'
import type { Machine } from './machine.js'
import { titleOf } from './measure.js'
import { DELAY_MS } from './namespaced-peer.js'
import { type Scenario, takesPart } from './options.js'
import type { Row, Rows } from './results.js'
import type { Settings } from './settings.js'
import { type Summary, summarize } from './statistics.js'
import type { JudgedTarget } from './targets.js'
import { TRANSFER_SCENARIOS, TRANSFERS, type TransferScenario } from './transfers.js'

const NONE = '–'
const BASELINE_NAMES = { c: 'C', 'node-net': 'node:net' }
/** Above this, others have used the machine in the minute before. */
const BUSY_LOAD = 0.7

export function reportTables(
  rows: Rows,
  targets: readonly JudgedTarget[],
  skipped: ReadonlyMap<ContestantId, string>,
  settings: Settings,
): string {
  const skippedIn = (scenario: Scenario) => [...skipped].filter(([id]) => takesPart(scenario, id))
  const rates = (scenario: Compared, what: string, each: string) =>
    table(
      ['', `${what}/s`, 'of C', 'of node:net', `CPU µs/${each} (of node:net)`, 'target'],
      rows[scenario].map((row) => [
        row.title,
        count(row.figure?.median),
        ratio(row.ofC),
        ratio(row.ofNodeNet),
        `${number(row.cpuUsEach?.median, 1)} (${number(row.cpuOfNodeNet?.median, 2)})`,
        verdicts(targets, scenario, row.id),
      ]),
      skippedIn(scenario),
    )
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
  ]
  return sections
    .filter(([measured]) => measured.length > 0)
    .map(([, title, text]) => `${title}\n${text}\n`)
    .join('\n')
}

type Compared = 'accepted' | 'refused' | 'scattered' | TransferScenario

function transferTitle(scenario: TransferScenario, settings: Settings): string {
  const { mode, connections, bytes } = TRANSFERS[scenario]
  const many = Math.min(connections, settings.mostTransferring)
  const over = many === 1 ? 'one connection' : `${many.toLocaleString('en')} connections`
  if (mode === 'pingpong') return `Messages of ${bytes} bytes to and fro, on ${over}`
  return `A stream ${mode === 'in' ? 'received' : 'sent'}, on ${over}`
}

export function reportMachine(
  machine: Machine,
  server: 'C' | 'Node',
  { rounds, burstRounds, idleRounds, handshakeRounds }: Settings,
  handshake: boolean,
): string {
  const { pinned } = machine
  const lines = [
    `${machine.cpu}, ${machine.cores} cores, ${machine.kernel}, Node ${machine.node}`,
    pinned
      ? `client on core ${pinned.client}, server on core ${pinned.server}`
      : 'client and server not held to cores of their own (no taskset, or one core)',
    `medians of ${rounds} rounds (burst: ${burstRounds}, idle: ${idleRounds}, handshake: ${handshakeRounds}), with the least and the greatest`,
    'ratios are taken within a round; CPU is that of the thread that connects, sends and receives',
  ]
  if (handshake) {
    lines.push(
      "handshakes: by hand is from the call to the event, by the program's clock; elapsedMs is as reported;",
      "the last is the timeline's handshakeMs, and for C the kernel's tcpi_rtt",
    )
  }
  if (server === 'Node') lines.push('the server runs on Node, and may be what limits the rates')
  if (machine.load > BUSY_LOAD) {
    lines.push(`others used the machine: its load was ${machine.load.toFixed(1)} before the run`)
  }
  return `${lines.join('\n')}\n`
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
  skipped: readonly [ContestantId, string][],
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

function table(
  head: string[],
  rows: string[][],
  skipped: readonly [ContestantId, string][],
): string {
  const result = new Table({
    head,
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

function verdicts(
  targets: readonly JudgedTarget[],
  scenario: Scenario,
  contestant: ContestantId,
): string {
  return targets
    .filter((target) => target.scenario === scenario && target.contestant === contestant)
    .map(({ of, limit, met }) => {
      const bound =
        'least' in limit
          ? `≥ ${limit.least}`
          : 'most' in limit
            ? `≤ ${limit.most}`
            : `within ${limit.within * 100} %`
      const verdict = met === undefined ? 'not measured' : met ? 'met' : 'MISSED'
      return `${bound} of ${scenario === 'idle' ? 'net.Socket' : BASELINE_NAMES[of]}: ${verdict}`
    })
    .join('\n')
}

function ratio(summary: Summary | undefined): string {
  if (summary === undefined) return NONE
  const { median, min, max } = summary
  return `${median.toFixed(2)} (${min.toFixed(2)}–${max.toFixed(2)})`
}

function number(value: number | undefined, digits: number): string {
  return value === undefined ? NONE : value.toFixed(digits)
}

function count(value: number | undefined): string {
  return value === undefined ? NONE : Math.round(value).toLocaleString('en')
}
