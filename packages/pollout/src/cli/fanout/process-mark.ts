/** Names a process so that it can be told later whether it is still there, and not another one under its number. */
import { readFileSync } from 'node:fs'

export function ownMark(): string {
  return markOf(process.pid) ?? ''
}

/** The number of the process of a mark, where it still runs. On systems without /proc: undefined. */
export function runningProcess(mark: string): number | undefined {
  const pid = Number.parseInt(mark, 10)
  return pid > 0 && pid !== process.pid && markOf(pid) === mark ? pid : undefined
}

/** Its number and the moment of its start, in clock ticks since the boot: proc(5), /proc/pid/stat, the 22nd field. */
function markOf(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    // The second field is the name, in parentheses, and may have anything in it.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    const [state, startedAt] = [fields[0], fields[19]]
    return state === 'Z' ? undefined : `${pid} ${startedAt}`
  } catch {
    return undefined
  }
}
