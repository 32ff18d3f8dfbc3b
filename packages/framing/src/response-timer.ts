/**
 * The time that a response may take. What is in the kernel beats the timer: a loop that was held up (SIGSTOP, a long task) runs
 * timers before it reads, and would tell its own slowness as the peer's. So where it is late, two turns are let by first: what
 * the first one reads may go through TLS, parsers and promises.
 */

/** So late a timer is by its own coarseness: what there was to read by then has been read. */
const ON_TIME_MS = 1
/** So late it is by chance: that gives nobody more time. */
const COARSENESS_MS = 10

/**
 * Calls back once, `timeoutMs` from now; never for Infinity. Where responses have come since its time was up, they may only stand
 * before the one that is waited for: then it gets the time again that the loop was late. Returns how to stop it.
 */
export function responseTimer(
  timeoutMs: number,
  over: () => void,
  lastResponseAt: () => number,
): () => void {
  let stopped = false
  let timer: NodeJS.Timeout | undefined
  const arm = (delayMs: number): void => {
    const dueAt = performance.now() + delayMs
    timer = setTimeout(() => {
      const lateMs = performance.now() - dueAt
      if (lateMs <= ON_TIME_MS) return over()
      const looked = (): void => {
        if (stopped) return
        if (lateMs > COARSENESS_MS && lastResponseAt() > dueAt) arm(lateMs)
        else over()
      }
      setImmediate(() => setImmediate(looked))
    }, delayMs)
  }
  if (Number.isFinite(timeoutMs)) arm(timeoutMs)
  return () => {
    stopped = true
    clearTimeout(timer)
  }
}
