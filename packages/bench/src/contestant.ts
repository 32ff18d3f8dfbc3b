/** A contestant's process: does the job given as JSON in its argument, prints a sample as JSON. */
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { setImmediate } from 'node:timers'
import { setTimeout as sleep, setImmediate as turn } from 'node:timers/promises'
import { type Api, type Kept, openApi, resetAll } from './apis.js'
import type {
  BurstJob,
  BurstSample,
  HandshakeJob,
  HandshakeSample,
  IdleJob,
  IdleSample,
  Job,
  Tally,
} from './job.js'
import { measureCancel } from './measure-cancel.js'
import { measureLongList } from './measure-long-list.js'
import { measurePacing } from './measure-pacing.js'
import { measureRate } from './measure-rate.js'
import { measureStorm } from './measure-storm.js'
import { measureTransfer } from './measure-transfer.js'
import { percentiles, waits } from './statistics.js'

/** Garbage collections before memory is read: finalizers and weak references take more than one. */
const COLLECTIONS = 6
/** The monitor's timer has to have fired before a burst to see it, and after it to tell. */
const MONITOR_TURN_MS = 10
/** By then the warm-up's resets have left the path; as in yardstick/handshake.c. */
const PAUSE_MS = 250

const job = JSON.parse(process.argv[2] ?? '') as Job
const api = openApi(job.api)
process.stdout.write(`${JSON.stringify(await perform(api, job))}\n`)
// Destroys what is still open; the process then ends by itself.
await api.end()
if (job.kind === 'idle') process.exit()

function perform(api: Api, job: Job): Promise<Tally> {
  switch (job.kind) {
    case 'rate':
      return measureRate(api.run, job)
    case 'burst':
      return measureBurst(api, job)
    case 'idle':
      return measureIdle(api, job)
    case 'handshake':
      return measureHandshake(api, job)
    case 'transfer':
      return measureTransfer(api, job)
    case 'storm':
      return measureStorm(api, job)
    case 'cancel':
      return measureCancel(api, job)
    case 'pacing':
      return measurePacing(api, job)
    case 'long-list':
      return measureLongList(api, job)
  }
}

async function measureBurst(api: Api, job: BurstJob): Promise<BurstSample> {
  const { addresses, warmUp, count } = job
  await api.run({ addresses, inFlight: 256, count: warmUp })
  const latencies: number[] = []
  const monitor = monitorEventLoopDelay({ resolution: 1 })
  monitor.enable()
  await sleep(MONITOR_TURN_MS)
  const sampler = sampleTurns()
  await turn()
  const startedAt = performance.now()
  const tally = await api.run({ addresses, inFlight: count, count, latencies })
  const elapsedMs = performance.now() - startedAt
  await turn()
  const turns = sampler.stop()
  await sleep(MONITOR_TURN_MS)
  monitor.disable()
  return {
    ...tally,
    elapsedMs,
    delayMs: waits(turns),
    monitorMs: {
      p50: monitor.percentile(50) / 1e6,
      p99: monitor.percentile(99) / 1e6,
      max: monitor.max / 1e6,
    },
    latencyMs: percentiles(latencies),
  }
}

/** How long each turn of the loop takes; keeps it turning. */
function sampleTurns() {
  const turns: number[] = []
  let last = performance.now()
  let stopped = false
  const sample = () => {
    const now = performance.now()
    turns.push(now - last)
    last = now
    if (!stopped) setImmediate(sample)
  }
  setImmediate(sample)
  return {
    stop() {
      stopped = true
      return turns
    },
  }
}

async function measureIdle(api: Api, job: IdleJob): Promise<IdleSample> {
  const { addresses, inFlight, warmUp, count } = job
  await api.run({ addresses, inFlight, count: warmUp })
  const before = await settledMemory()
  const kept: Kept[] = []
  const tally = await api.run({ addresses, inFlight, count, kept })
  const after = await settledMemory()
  if (kept.length !== tally.connected) throw new Error('a connection got lost')
  return {
    ...tally,
    rssBytesEach: (after.rss - before.rss) / count,
    heapBytesEach: (after.heapUsed - before.heapUsed) / count,
  }
}

/** As in yardstick/handshake.c, all stay open until the last has ended: resets are in nobody's way. */
async function measureHandshake(api: Api, job: HandshakeJob): Promise<HandshakeSample> {
  const { addresses, warmUp, count } = job
  await api.run({ addresses, inFlight: warmUp, count: warmUp })
  await sleep(PAUSE_MS)
  const kept: Kept[] = []
  const [latencies, byHand, handshakes]: [number[], number[], number[]] = [[], [], []]
  const startedAt = performance.now()
  const run = { addresses, inFlight: count, count, kept, latencies, byHand, handshakes }
  const tally = await api.run(run)
  const elapsedMs = performance.now() - startedAt
  resetAll(kept)
  if (handshakes.some(Number.isNaN)) throw new Error('a timeline without a handshake')
  const known = (times: readonly number[]) => (times.length > 0 ? percentiles(times) : undefined)
  return {
    ...tally,
    elapsedMs,
    byHandMs: percentiles(byHand),
    latencyMs: known(latencies),
    timelineMs: known(handshakes),
  }
}

async function settledMemory(): Promise<NodeJS.MemoryUsage> {
  for (let i = 0; i < COLLECTIONS; i++) {
    globalThis.gc?.()
    await turn()
  }
  return process.memoryUsage()
}
