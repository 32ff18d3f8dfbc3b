/** Attempts as the bulk lane takes them, gathered into one buffer: the records of `backend/bulk.ts`. */
import { ATTEMPT_BYTES, AttemptField, type BulkLane } from '../backend/bulk.js'
import type { Task } from './task.js'

/** Attempts that one call hands over. */
const MOST = 1_024

const WORDS = ATTEMPT_BYTES / 4
const HALVES = ATTEMPT_BYTES / 2
const DOUBLES = ATTEMPT_BYTES / 8

export class BulkSubmission {
  readonly #lane: BulkLane
  readonly #bytes = new Uint8Array(MOST * ATTEMPT_BYTES)
  readonly #words = new Int32Array(this.#bytes.buffer)
  readonly #halves = new Uint16Array(this.#bytes.buffer)
  readonly #doubles = new Float64Array(this.#bytes.buffer)
  #count = 0

  constructor(lane: BulkLane) {
    this.#lane = lane
  }

  add<T>(task: Task<T>, timeoutMs: number, startAt: number, source: number, port: number): void {
    if (this.#count === MOST) this.flush()
    const index = this.#count++
    const word = index * WORDS
    const half = index * HALVES
    const double = index * DOUBLES
    const words = this.#words
    words[word + AttemptField.ID / 4] = task.id
    words[word + AttemptField.SCOPE / 4] = 0
    words[word + AttemptField.ADDRESS / 4] = task.word0
    words[word + AttemptField.ADDRESS / 4 + 1] = task.word1
    words[word + AttemptField.ADDRESS / 4 + 2] = task.word2
    words[word + AttemptField.ADDRESS / 4 + 3] = task.word3
    const halves = this.#halves
    halves[half + AttemptField.IP_VERSION / 2] = task.version
    halves[half + AttemptField.PORT / 2] = task.port
    halves[half + AttemptField.SOURCE / 2] = source
    halves[half + AttemptField.SOURCE_PORT / 2] = port
    this.#doubles[double + AttemptField.TIMEOUT_MS / 8] = timeoutMs
    this.#doubles[double + AttemptField.START_AT / 8] = startAt
  }

  /** Hands over what has been gathered. */
  flush(): void {
    const count = this.#count
    if (count === 0) return
    this.#count = 0
    this.#lane.submit(this.#bytes, count)
  }
}
