/** What is certain of a run: which positions are done, and how they ended. What a checkpoint is made of. */

import { Counts, type TallyRow } from '../../outcomes/tally.js'
import type { RunState, Settings } from './checkpoint.js'
import { DoneWindow } from './done-window.js'
import type { OutputFile } from './output-file.js'

export class Ledger {
  readonly done: DoneWindow
  readonly #settings: Settings
  readonly #seed: string | undefined
  readonly #counts = new Counts()

  /** Goes on from what an earlier run had. */
  constructor(settings: Settings, seed: string | undefined, earlier: RunState | undefined) {
    this.#settings = settings
    this.#seed = seed
    this.done = earlier?.done ?? DoneWindow.empty()
    this.#counts.addAll(earlier?.counts ?? [])
  }

  confirm(positions: readonly number[], counts: Iterable<TallyRow>): void {
    for (const position of positions) this.done.add(position)
    this.#counts.addAll(counts)
  }

  /** With the output that holds all of it. */
  state({ bytes, tail }: Pick<OutputFile, 'bytes' | 'tail'>, complete: boolean): RunState {
    const counts = [...this.#counts.rows]
    const shared = { settings: this.#settings, seed: this.#seed, done: this.done }
    return { ...shared, counts, outputBytes: bytes, tail, complete }
  }
}
