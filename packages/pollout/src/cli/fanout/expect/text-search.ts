/** Looks for a text in bytes that come in parts: Knuth, Morris and Pratt 1977. */
import type { AnswerSearch } from './answer-search.js'

export class TextSearch implements AnswerSearch {
  readonly #text: Uint8Array
  /** For each length of what has matched: the longest beginning of the text that also ends it. */
  readonly #borders: Uint32Array
  #matched = 0

  constructor(text: Uint8Array) {
    this.#text = text
    this.#borders = bordersOf(text)
  }

  get found(): boolean {
    return this.#matched === this.#text.length
  }

  search(bytes: Uint8Array, from: number): number {
    for (let at = from; at < bytes.length && !this.found; at++) {
      this.#matched = extended(this.#text, this.#borders, this.#matched, bytes[at])
    }
    // Each byte is one look-up: what comes in one piece is no long go.
    return bytes.length
  }
}

function bordersOf(text: Uint8Array): Uint32Array {
  const borders = new Uint32Array(text.length + 1)
  for (let length = 1; length < text.length; length++) {
    borders[length + 1] = extended(text, borders, borders[length] ?? 0, text[length])
  }
  return borders
}

function extended(
  text: Uint8Array,
  borders: Uint32Array,
  matched: number,
  byte: number | undefined,
): number {
  let length = matched
  while (length > 0 && text[length] !== byte) length = borders[length] ?? 0
  return text[length] === byte ? length + 1 : length
}
