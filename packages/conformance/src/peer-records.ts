/** What peers have recorded, in order, for a test that awaits it. */
import type { PeerRecord } from './world.js'

export class PeerRecords {
  readonly #records: PeerRecord[] = []
  readonly #waiting: ((record: PeerRecord) => void)[] = []

  add(record: PeerRecord): void {
    const waiting = this.#waiting.shift()
    if (waiting) waiting(record)
    else this.#records.push(record)
  }

  /** The oldest that nobody has taken; waits for it where there is none. */
  next(): Promise<PeerRecord> {
    const record = this.#records.shift()
    if (record) return Promise.resolve(record)
    return new Promise((resolve) => this.#waiting.push(resolve))
  }

  forget(): void {
    this.#records.length = 0
    this.#waiting.length = 0
  }
}
