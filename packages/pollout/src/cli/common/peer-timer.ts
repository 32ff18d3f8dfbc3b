/**
 * How long a peer may be silent. What is in the kernel beats the timer: a process that was stopped (SIGSTOP), or was long busy
 * with others, runs its timers before it reads. So two turns of the loop are let by first, since what one reads may go through TLS.
 */
import { systemClock, type Timer } from '@pollout/core'

/** What fires no later than this was not held up: timers are coarse. */
const COARSENESS_MS = 10

/**
 * Calls back once, `limitMs` from now. Where something has come since the time was up, by the same clock, it is given the time
 * again that the loop was late; `lastAt` says when.
 */
export function peerTimer(limitMs: number, over: () => void, lastAt = () => 0): Timer {
  let isStopped = false
  let timer: Timer | undefined
  const arm = (delayMs: number): void => {
    const dueAt = systemClock.now() + delayMs
    const look = (): void => {
      if (isStopped) return
      const lateMs = systemClock.now() - dueAt
      if (lateMs > COARSENESS_MS && lastAt() > dueAt) arm(lateMs)
      else over()
    }
    const defer = (then: () => void): void => systemClock.defer(then, true)
    timer = systemClock.setTimer(delayMs, () => defer(() => defer(look)))
  }
  arm(limitMs)
  return {
    cancel() {
      isStopped = true
      timer?.cancel()
    },
  }
}
