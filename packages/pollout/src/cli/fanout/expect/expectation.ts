/** `--expect`: what has to stand in an answer, and how it is looked for while the answer comes. */
import type { AnswerSearch } from './answer-search.js'
import { PatternSearch } from './pattern-search.js'
import { patternStates } from './pattern-states.js'
import { TextSearch } from './text-search.js'

export interface Expectation {
  /** As the user wrote it. */
  readonly text: string
  /** For one answer. */
  begin(): AnswerSearch
  readonly turns: Turns
}

/** Searches that take long take turns: the loop goes round between any two goes, however many there are. */
export class Turns {
  #last: Promise<void> = Promise.resolve()

  next(): Promise<void> {
    this.#last = this.#last.then(() => new Promise((resolve) => setImmediate(resolve)))
    return this.#last
  }
}

/** Text is text; `/pattern/flags` is a regular expression. Throws an Error that says what is wrong with it. */
export function expectation(text: string): Expectation {
  const [, source, flags = ''] = /^\/(.+)\/([a-z]*)$/is.exec(text) ?? []
  if (source === undefined) {
    if (text === '') throw new Error('Write what is to stand in the answer')
    const bytes = Buffer.from(text)
    return { text, turns: new Turns(), begin: () => new TextSearch(bytes) }
  }
  const states = patternStates(source, flags)
  return { text, turns: new Turns(), begin: () => new PatternSearch(states) }
}
