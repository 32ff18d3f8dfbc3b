/** When a connect started and ended, as `performance.now()` counts. */
import type { ConnectTimes } from '@pollout/core'

export class ConnectClock {
  #startedAt = 0
  #endedAt = 0

  start(): void {
    this.#startedAt = performance.now()
  }

  /** It has ended now; `startedAt` where somebody knows better. */
  end(startedAt = this.#startedAt): void {
    this.#startedAt = startedAt
    this.#endedAt = performance.now()
  }

  writeTo(times: ConnectTimes | undefined): void {
    if (times === undefined) return
    times[0] = this.#startedAt
    times[1] = this.#endedAt
  }
}
