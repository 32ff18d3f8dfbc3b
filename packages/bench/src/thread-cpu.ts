/** The CPU time of the JavaScript thread, without the collector's and compiler's threads. */
import { readFileSync } from 'node:fs'

interface ThreadCpuUsage {
  threadCpuUsage?: () => { readonly user: number; readonly system: number }
}

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
