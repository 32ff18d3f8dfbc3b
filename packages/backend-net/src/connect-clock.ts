/** When a connect started and ended, as `performance.now()` counts. */
import type { ConnectTimes } from '@pollout/core'

export class ConnectClock {
  #startedAt = 0
  #endedAt = 0

  /** The last call counts: the nearest to connect(2). */
  start(): void {
    this.#startedAt = performance.now()
  }

  end(): void {
    this.#endedAt = performance.now()
  }

  writeTo(times: ConnectTimes | undefined): void {
    if (times === undefined) return
    times[0] = this.#startedAt
    times[1] = this.#endedAt
  }
}
