/** What stands below the tables: the machine, who was on it, and how to read the figures. */
import type { RuntimeId } from './job.js'
import type { Machine } from './machine.js'
import { PACING_SCENARIOS } from './pacing.js'
import { PACING_NOTES, STORM_NOTES } from './report-fan-out.js'
import type { Rows } from './results.js'
import type { Runtime } from './runtimes.js'
import type { Settings } from './settings.js'
import { summarize } from './statistics.js'

/** Above this, others have used the machine in the minute before. */
const BUSY_LOAD = 0.7
/** The kernel's own work takes some. */
const WHOLE_CORE = 0.93

export function reportMachine(
  machine: Machine,
  server: 'C' | 'Node',
  settings: Settings,
  rows: Rows,
  runtimes: ReadonlyMap<RuntimeId, Runtime>,
): string {
  const { pinned } = machine
  const { rounds, burstRounds, stormRounds, cancelRounds, idleRounds, handshakeRounds } = settings
  const { pacingRounds, longListRounds } = settings
  const versions = [...runtimes].flatMap(([id, runtime]) =>
    'version' in runtime ? `, ${id} ${runtime.version}` : '',
  )
  const lines = [
    `${machine.cpu}, ${machine.cores} cores, ${machine.kernel}, Node ${machine.node}${versions.join('')}`,
    pinned
      ? `client on core ${pinned.client}, server on core ${pinned.server}`
      : 'client and server not held to cores of their own (no taskset, or one core)',
    `medians of ${rounds} rounds (burst: ${burstRounds}, storm: ${stormRounds}, cancel: ${cancelRounds}, idle: ${idleRounds},`,
    `handshake: ${handshakeRounds}, pacing: ${pacingRounds}, the long list: ${longListRounds}), with the least and the greatest`,
    'ratios are taken within a round; CPU is that of the whole process where connects are counted, and that of the',
    'JavaScript thread where transfers are',
  ]
  if (rows.handshake.length + rows['handshake-veth'].length > 0) {
    lines.push(
      "handshakes: by hand is from the call to the event, by the program's clock; elapsedMs is as reported;",
      "the last is the timeline's handshakeMs, and for C the kernel's tcpi_rtt",
    )
  }
  if (rows.storm.length > 0) lines.push(...STORM_NOTES)
  if (PACING_SCENARIOS.some((scenario) => rows[scenario].length > 0)) lines.push(...PACING_NOTES)
  if (server === 'Node') lines.push('the server runs on Node, and may be what limits the rates')
  const share = shareOfCore(rows)
  if (machine.load > BUSY_LOAD || (share !== undefined && share < WHOLE_CORE)) {
    const had = share === undefined ? '' : `, and C had ${(share * 100).toFixed()} % of its core`
    lines.push(
      `others used the machine: its load was ${machine.load.toFixed(1)} before the run${had}`,
    )
  }
  return `${lines.join('\n')}\n`
}

/** C never waits while it counts connects: what it did not get of its core, others had. */
function shareOfCore(rows: Rows): number | undefined {
  const samples = [...rows.accepted, ...rows.refused, ...rows.scattered].flatMap((row) =>
    row.id === 'c' ? row.samples : [],
  )
  return summarize(samples.map(({ processCpuMs, elapsedMs }) => processCpuMs / elapsedMs))?.median
}
