/** A storm: the loop's delay while very many connects run, with very many in flight. */
import { type IntervalHistogram, monitorEventLoopDelay } from 'node:perf_hooks'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Api } from './apis.js'
import type { Delays, StormJob, StormSample } from './job.js'
import { waits } from './statistics.js'

/** A timer has to have fired before the storm to see its beginning, and after it to tell of its end. */
const TIMER_TURN_MS = 10

export async function measureStorm(api: Api, job: StormJob): Promise<StormSample> {
  const { addresses, warmUp, inFlight, count } = job
  await api.run({ addresses, inFlight: 256, count: warmUp })
  await sleep(TIMER_TURN_MS)
  const monitor = monitorEventLoopDelay({ resolution: 1 })
  monitor.enable()
  const intervals = sampleIntervals()
  await sleep(TIMER_TURN_MS)
  const startedAt = performance.now()
  const tally = await api.run({ addresses, inFlight, count })
  const elapsedMs = performance.now() - startedAt
  await sleep(TIMER_TURN_MS)
  monitor.disable()
  return {
    ...tally,
    elapsedMs,
    monitorMs: delaysOf(monitor),
    delayMs: waits(intervals.stop()),
  }
}

function delaysOf(monitor: IntervalHistogram): Delays {
  const at = (percentile: number) => monitor.percentile(percentile) / 1e6
  return { p50: at(50), p99: at(99), p999: at(99.9), max: monitor.max / 1e6 }
}

/** Between the calls of a timer, which leaves the loop its idle time; `sampleTurns()` of a burst does not. */
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
