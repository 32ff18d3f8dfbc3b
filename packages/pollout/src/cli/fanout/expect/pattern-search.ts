/** One answer on its way through a pattern's automaton. */
import { TextDecoder } from 'node:util'
import type { AnswerSearch } from './answer-search.js'
import { MATCHED, type PatternStates, type State } from './pattern-states.js'

/** Steps in one go: about a millisecond. */
const MOST_WORK = 10_000
/** The same where every byte is one look-up. */
const MOST_BYTES = 16_384
/** Decoded at once: as many characters may make more work than one go should. */
const PART_BYTES = 32

export class PatternSearch implements AnswerSearch {
  readonly #states: PatternStates
  readonly #decoder: TextDecoder | undefined
  #state: State

  constructor(states: PatternStates) {
    this.#states = states
    // A byte order mark is a character like others.
    if (states.reads !== 'bytes') this.#decoder = new TextDecoder('utf-8', { ignoreBOM: true })
    this.#state = states.first
  }

  /** With `$` and `\b` true where the answer has come to. */
  get found(): boolean {
    return this.#state.matches
  }

  search(bytes: Uint8Array, from: number): number {
    const end = Math.min(bytes.length, from + MOST_BYTES)
    const mostWork = this.#states.work + MOST_WORK
    let at = from
    while (at < end && this.#states.work < mostWork) {
      const part = this.#decoder ? bytes.subarray(at, at + PART_BYTES) : undefined
      if (part) this.#text(this.#decoder?.decode(part, { stream: true }) ?? '')
      else this.#character(bytes[at] ?? 0)
      at += part?.length ?? 1
      if (this.#state === MATCHED) return bytes.length
    }
    return at
  }

  #text(text: string): void {
    const isByUnits = this.#states.reads === 'units'
    for (let at = 0; at < text.length && this.#state !== MATCHED; at++) {
      const character = (isByUnits ? text.charCodeAt(at) : text.codePointAt(at)) ?? 0
      if (character > 0xffff) at++
      this.#character(character)
    }
  }

  #character(character: number): void {
    this.#state = this.#states.after(this.#state, character)
  }
}
