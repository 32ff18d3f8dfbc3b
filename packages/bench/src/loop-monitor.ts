/** The loop's delay as `perf_hooks.monitorEventLoopDelay()` sees it, and percentiles of that. */
import { monitorEventLoopDelay } from 'node:perf_hooks'
import type { Delays } from './job.js'

/** A timer has to have fired before what is watched to see its beginning, and after it to tell of its end. */
export const TIMER_TURN_MS = 10

/** With a resolution of 1 ms, from now until it is stopped. */
export function startMonitor(): { stop(): Delays } {
  const monitor = monitorEventLoopDelay({ resolution: 1 })
  const at = (percentile: number) => monitor.percentile(percentile) / 1e6
  monitor.enable()
  return {
    stop() {
      monitor.disable()
      return { p50: at(50), p99: at(99), p999: at(99.9), max: monitor.max / 1e6 }
    },
  }
}
