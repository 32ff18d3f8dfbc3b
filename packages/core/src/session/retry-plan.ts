/** The count of failures in a row, and what follows from it: how long to wait, or to give up. */
import { type Backoff, checkDelay } from './backoff.js'

export interface RetryRules {
  readonly backoff: Backoff
  readonly maxAttempts: number
  readonly giveUpAfterMs: number
  readonly giveUp: (error: unknown, attempt: number) => boolean
}

export class RetryPlan {
  readonly #rules: RetryRules
  #failures = 0
  /** When the row of failures began, or what may become one. */
  #since: number
  #connectedAt: number | undefined

  constructor(rules: RetryRules, now: number) {
    this.#rules = rules
    this.#since = now
  }

  /** The number of the try that is under way, or comes next: 1 for the first in a row. */
  get attempt(): number {
    return this.#failures + 1
  }

  connected(now: number): void {
    this.#connectedAt = now
  }

  /** The attempt failed, or its connection is lost: how long to wait, or undefined to give up. */
  failed(error: unknown, now: number): number | undefined {
    const { backoff, maxAttempts, giveUpAfterMs, giveUp } = this.#rules
    const connectedAt = this.#connectedAt
    if (connectedAt !== undefined && now - connectedAt >= backoff.stableMs) this.#restart(now)
    this.#connectedAt = undefined
    const attempt = ++this.#failures
    if (attempt >= maxAttempts || giveUp(error, attempt)) return undefined
    const delayMs = checkDelay(backoff.delayMs(attempt))
    return now - this.#since + delayMs > giveUpAfterMs ? undefined : delayMs
  }

  /** The session came to its own end, and is to be made again: how long to wait. */
  completed(now: number): number {
    this.#restart(now)
    this.#connectedAt = undefined
    return checkDelay(this.#rules.backoff.delayMs(1))
  }

  #restart(now: number): void {
    this.#failures = 0
    this.#since = now
  }
}
