/** How long something took, and how much of that this thread had no processor: the machine's doing, and nobody else's. */
import { readFileSync } from 'node:fs'

export interface Elapsed {
  /** Since the start, in milliseconds. */
  readonly elapsedMs: number
  /** Of it, in which this thread could have run and had to wait for a processor; 0 where the kernel does not count. */
  readonly starvedMs: number
}

/** Starts; each call of what it returns tells the times since. */
export function stopwatch(): () => Elapsed {
  const startedAt = performance.now()
  const starvedBefore = starvedMs()
  return () => ({
    elapsedMs: Math.round(performance.now() - startedAt),
    starvedMs: Math.round(starvedMs() - starvedBefore),
  })
}

/** The second number of /proc/<pid>/schedstat, nanoseconds on a run queue: Documentation/scheduler/sched-stats.rst. */
function starvedMs(): number {
  try {
    const [, waited = '0'] = readFileSync('/proc/thread-self/schedstat', 'utf8').split(' ')
    return Number(waited) / 1e6
  } catch {
    return 0
  }
}
