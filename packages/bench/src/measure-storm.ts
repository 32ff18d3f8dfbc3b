/** A storm: the loop's delay while very many connects run, with very many in flight. */
import { setTimeout as sleep } from 'node:timers/promises'
import type { Api } from './api.js'
import type { StormJob, StormSample } from './job.js'
import { startMonitor, TIMER_TURN_MS } from './loop-monitor.js'
import { waits } from './statistics.js'

export async function measureStorm(api: Api, job: StormJob): Promise<StormSample> {
  const { addresses, warmUp, inFlight, count } = job
  await api.run({ addresses, inFlight: 256, count: warmUp })
  const storm = () => api.run({ addresses, inFlight, count })
  const first = await watched(storm)
  // V8 compiles what a storm runs, and goes on doing so in the second one.
  await storm()
  const { monitorMs, delayMs, value: tally, elapsedMs } = await watched(storm)
  return { ...tally, elapsedMs, firstMonitorMs: first.monitorMs, monitorMs, delayMs }
}

async function watched<T>(storm: () => Promise<T>) {
  await sleep(TIMER_TURN_MS)
  const monitor = startMonitor()
  const intervals = sampleIntervals()
  await sleep(TIMER_TURN_MS)
  const startedAt = performance.now()
  const value = await storm()
  const elapsedMs = performance.now() - startedAt
  await sleep(TIMER_TURN_MS)
  return { value, elapsedMs, monitorMs: monitor.stop(), delayMs: waits(intervals.stop()) }
}

/** Between the calls of a timer, which leaves the loop its idle time; `sampleTurns()` of measure-burst.ts does not. */
function sampleIntervals() {
  const intervals: number[] = []
  let last = performance.now()
  const timer = setInterval(() => {
    const now = performance.now()
    intervals.push(now - last)
    last = now
  }, 1)
  return {
    stop() {
      clearInterval(timer)
      return intervals
    },
  }
}
