/** A burst: the loop's delay while all connects start at once, and the latency that is reported of them. */
import { setImmediate } from 'node:timers'
import { setTimeout as sleep, setImmediate as turn } from 'node:timers/promises'
import type { Api } from './api.js'
import type { BurstJob, BurstSample } from './job.js'
import { startMonitor, TIMER_TURN_MS } from './loop-monitor.js'
import { percentiles, waits } from './statistics.js'

export async function measureBurst(api: Api, job: BurstJob): Promise<BurstSample> {
  const { addresses, warmUp, count } = job
  await api.run({ addresses, inFlight: 256, count: warmUp })
  const latencies: number[] = []
  const monitor = startMonitor()
  await sleep(TIMER_TURN_MS)
  const sampler = sampleTurns()
  await turn()
  const startedAt = performance.now()
  const tally = await api.run({ addresses, inFlight: count, count, latencies })
  const elapsedMs = performance.now() - startedAt
  await turn()
  const turns = sampler.stop()
  await sleep(TIMER_TURN_MS)
  return {
    ...tally,
    elapsedMs,
    delayMs: waits(turns),
    monitorMs: monitor.stop(),
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
