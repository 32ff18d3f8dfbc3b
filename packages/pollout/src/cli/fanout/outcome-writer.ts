/**
 * Writes outcomes, and makes sure of them: a batch's lines go to the output, then its positions to the checkpoint, and
 * only then are its targets done. One batch at a time; what comes meanwhile is the next one.
 */

import type { FanoutKind } from '../../outcomes/outcome-row.js'
import { Counts, type TallyRow } from '../../outcomes/tally.js'
import { stopForOutput } from '../common/standard-output.js'
import type { Stop } from '../common/stop.js'
import type { Checkpoint } from './checkpoint.js'
import type { Destination } from './destination.js'
import type { Ledger } from './ledger.js'
import { NO_TAIL, type OutputFile } from './output-file.js'

/** Text that waits to be written; beyond that the run has to wait. */
const MOST_PENDING = 1_024 * 1_024

/** What a checkpoint is written from and to, and the output that it speaks of. */
export interface Journal {
  readonly file: Checkpoint
  readonly output: OutputFile
  readonly ledger: Ledger
}

class Pending {
  text = ''
  readonly positions: number[] = []
  readonly counts = new Counts()
}

export class OutcomeWriter {
  readonly #destination: Destination
  readonly #journal: Journal | undefined
  readonly #stop: Stop
  readonly #onRoom: () => void
  #pending = new Pending()
  /** Resolves when nothing is being written. */
  #writing: Promise<void> | undefined
  #broken = false
  /** Outcomes that the output has for good. */
  written = 0
  /** Outcomes that are not yet made sure of. */
  unconfirmed = 0

  /** `onRoom` is told of each batch that is done for good. */
  constructor(
    destination: Destination,
    journal: Journal | undefined,
    stop: Stop,
    onRoom: () => void,
  ) {
    this.#destination = destination
    this.#journal = journal
    this.#stop = stop
    this.#onRoom = onRoom
  }

  /** The disk or the reader keeps up. */
  get hasRoom(): boolean {
    return this.#broken || this.#pending.text.length < MOST_PENDING
  }

  /** The first line of an output that has none yet. */
  header(text: string): void {
    this.#pending.text = text
    this.#writeSoon()
  }

  /** `text` is the outcome's line with its end, or empty where it is not to be shown. */
  outcome(position: number, text: string, kind: FanoutKind, code: string): void {
    const pending = this.#pending
    pending.text += text
    pending.positions.push(position)
    this.unconfirmed++
    if (this.#journal) pending.counts.add(kind, code)
    this.#writeSoon()
  }

  /** Resolves when all is written, and the last snapshot made; at once where that can't be. */
  async end(complete: boolean): Promise<void> {
    while (this.#writing) await this.#writing
    const journal = this.#journal
    if (journal && !this.#broken) await this.#snapshot(journal, complete)
    await journal?.file.close()
    this.#destination.close()
  }

  #writeSoon(): void {
    this.#writing ??= this.#writeAll()
  }

  async #writeAll(): Promise<void> {
    // What one turn brings goes out together.
    await new Promise<void>((resolve) => setImmediate(resolve))
    while (this.#pending.positions.length > 0 || this.#pending.text !== '') {
      const pending = this.#pending
      this.#pending = new Pending()
      // Those of a batch that could not be written are not done; but nobody has to wait for them.
      if (!this.#broken) await this.#write(pending)
    }
    // In the same step as the look at what is pending: what comes next begins anew.
    this.#writing = undefined
  }

  async #write({ text, positions, counts }: Pending): Promise<void> {
    const { name } = this.#destination
    if (text !== '' && !(await this.#guard(name, () => this.#destination.write(text)))) return
    this.written += positions.length
    const journal = this.#journal
    if (journal && !(await this.#confirm(journal, positions, [...counts.rows], text !== ''))) return
    this.unconfirmed -= positions.length
    this.#onRoom()
    if (journal?.file.isDue) await this.#snapshot(journal, false)
  }

  async #confirm(
    { file, output, ledger }: Journal,
    positions: readonly number[],
    counts: readonly TallyRow[],
    wrote: boolean,
  ): Promise<boolean> {
    const outputBytes = output.bytes
    const tail = wrote ? output.tail : NO_TAIL
    const batch = { done: positions, counts, outputBytes, tail }
    if (!(await this.#guard(`the checkpoint ${file.name}`, () => file.append(batch)))) return false
    ledger.confirm(positions, counts)
    return true
  }

  #snapshot({ file, output, ledger }: Journal, complete: boolean): Promise<boolean> {
    return this.#guard(`the checkpoint ${file.name}`, async () => {
      await output.sync()
      await file.snapshot(ledger.state(output, complete))
    })
  }

  /** False where it failed: then that is told, and the run stops. */
  async #guard(name: string, action: () => Promise<void>): Promise<boolean> {
    try {
      await action()
      return true
    } catch (error) {
      this.#broken = true
      stopForOutput(this.#stop, name, error)
      return false
    }
  }
}
