/** The CPU time of the JavaScript thread, without the collector's and compiler's threads. */
import { readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'

interface ThreadCpuUsage {
  threadCpuUsage?: () => { readonly user: number; readonly system: number }
}

/** More than a timer's resolution: the thread is off the CPU for it. */
const SETTLING_MS = 2

/** Undefined where neither Node (23.9 and later) nor Linux tells. */
export function threadCpuMs(): number | undefined {
  const usage = (process as ThreadCpuUsage).threadCpuUsage?.()
  if (usage) return (usage.user + usage.system) / 1_000
  try {
    // Time on a CPU in ns, as of the last tick. The main thread's id is the process's.
    const [onCpuNs] = readFileSync(`/proc/self/task/${process.pid}/schedstat`, 'utf8').split(' ')
    return Number(onCpuNs) / 1e6
  } catch {
    return undefined
  }
}

/**
 * The same, exact to some microseconds: Linux also counts when the thread leaves the CPU. The last tick may be 4 ms ago,
 * which is much for a thread that has had next to nothing to do.
 */
export async function settledThreadCpuMs(): Promise<number | undefined> {
  await sleep(SETTLING_MS)
  return threadCpuMs()
}
