/** How busy the threads were that make the load: proc(5), schedstat. */
import { readdirSync, readFileSync } from 'node:fs'
import { performance } from 'node:perf_hooks'

/** As the addon calls them. */
const LANE_THREAD = 'pollout-load\n'
const TASKS = '/proc/self/task'

/** The share of a core that the busiest of the threads that make the load has had since `from()`; undefined where nobody says. */
export class ThreadCpu {
  readonly #isNative: boolean
  #startedAt = 0
  #before = new Map<string, number>()
  #loop = performance.eventLoopUtilization()

  constructor(isNative: boolean) {
    this.#isNative = isNative
  }

  from(): void {
    this.#startedAt = performance.now()
    this.#loop = performance.eventLoopUtilization()
    this.#before = this.#isNative ? laneThreads() : new Map()
  }

  busiest(): number | undefined {
    if (!this.#isNative) return performance.eventLoopUtilization(this.#loop).utilization
    const elapsedMs = performance.now() - this.#startedAt
    const shares = [...laneThreads()].map(
      ([id, ms]) => (ms - (this.#before.get(id) ?? 0)) / elapsedMs,
    )
    return shares.length === 0 ? undefined : Math.max(...shares)
  }
}

/** Milliseconds on a core, by thread. */
function laneThreads(): Map<string, number> {
  const threads = new Map<string, number>()
  try {
    for (const id of readdirSync(TASKS)) {
      if (readFileSync(`${TASKS}/${id}/comm`, 'utf8') !== LANE_THREAD) continue
      const [ns = ''] = readFileSync(`${TASKS}/${id}/schedstat`, 'utf8').split(' ')
      threads.set(id, Number(ns) / 1e6)
    }
  } catch {
    // No proc(5), or a thread that has just gone.
  }
  return threads
}
