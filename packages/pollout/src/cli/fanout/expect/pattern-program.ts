/**
 * A regular expression as the program of an automaton (Thompson 1968): what can be matched in one pass over the text, however
 * hostile that is. Whether a character is in a class is asked of JavaScript's own RegExp.
 */
import { type AST, RegExpParser } from '@eslint-community/regexpp'

export type Assertion = 'start' | 'end' | 'word' | 'no-word'

/** What stands at a place of the program. */
export type Step =
  /** One character of this class: an index into {@link PatternProgram.classes}. */
  | { readonly kind: 'take'; readonly of: number; readonly next: number }
  | { readonly kind: 'fork'; readonly to: readonly number[] }
  | { readonly kind: 'assert'; readonly what: Assertion; readonly next: number }
  | { readonly kind: 'match' }

export interface PatternProgram {
  readonly steps: readonly Step[]
  readonly start: number
  readonly classes: readonly RegExp[]
}

/** A step may cost so much for each byte of an answer; `a{1000}{1000}` would be a million. */
const MOST_STEPS = 1_000

/** Throws an Error that says what the pattern may not hold. `flags` are of RegExp's. */
export function patternProgram(source: string, flags: string): PatternProgram {
  const parser = new RegExpParser()
  const pattern = parser.parsePattern(source, 0, source.length, { unicode: flags.includes('u') })
  return new Compiler(flags.replace(/[^isu]/g, '')).program(pattern)
}

class Compiler {
  readonly #flags: string
  readonly #steps: Step[] = []
  readonly #classes = new Map<string, number>()

  constructor(flags: string) {
    this.#flags = flags
  }

  program(pattern: AST.Pattern): PatternProgram {
    const start = this.#alternatives(pattern.alternatives, this.#add({ kind: 'match' }))
    const classes = [...this.#classes.keys()].map((raw) => new RegExp(`^(?:${raw})$`, this.#flags))
    return { steps: this.#steps, start, classes }
  }

  #add(step: Step): number {
    if (this.#steps.length === MOST_STEPS) {
      throw new Error(`The pattern is too long: ${MOST_STEPS} steps, repetitions counted`)
    }
    return this.#steps.push(step) - 1
  }

  /** Built from its end: each part is told where it goes on, and tells where it begins. */
  #alternatives(alternatives: readonly AST.Alternative[], next: number): number {
    const starts = alternatives.map(({ elements }) =>
      elements.reduceRight((after, element) => this.#element(element, after), next),
    )
    const [only] = starts
    return starts.length === 1 && only !== undefined
      ? only
      : this.#add({ kind: 'fork', to: starts })
  }

  #element(element: AST.Element, next: number): number {
    switch (element.type) {
      case 'Character':
      case 'CharacterSet':
      case 'CharacterClass':
        refuseHalfEscapes(element)
        return this.#add({ kind: 'take', of: this.#classOf(element.raw), next })
      case 'Group':
        if (element.modifiers) break
        return this.#alternatives(element.alternatives, next)
      case 'CapturingGroup':
        return this.#alternatives(element.alternatives, next)
      case 'Quantifier':
        return this.#repeated(element, next)
      case 'Assertion':
        if (element.kind === 'lookahead' || element.kind === 'lookbehind') break
        return this.#add({ kind: 'assert', what: assertionOf(element), next })
    }
    throw new Error(
      `--expect takes no look-around, back reference or modifier, which can't be searched for in one pass: ${element.raw}`,
    )
  }

  /** Greedy or not is the same: what is asked is whether there is a match, not where it ends. */
  #repeated({ element, min, max }: AST.Quantifier, next: number): number {
    let start = next
    if (max === Number.POSITIVE_INFINITY) {
      const to = [next]
      start = this.#add({ kind: 'fork', to })
      to.push(this.#element(element, start))
    } else {
      for (let times = min; times < max; times++) {
        start = this.#add({ kind: 'fork', to: [this.#element(element, start), next] })
      }
    }
    for (let times = 0; times < min; times++) start = this.#element(element, start)
    return start
  }

  #classOf(raw: string): number {
    const known = this.#classes.get(raw)
    if (known !== undefined) return known
    this.#classes.set(raw, this.#classes.size)
    return this.#classes.size - 1
  }
}

/**
 * What begins as an escape and is none is a letter to JavaScript without the flag u: `\x4` is `x4`, `\p{L}` is `p{L}`, `\1` without
 * a group a control character, `\c` a backslash. Nobody means that.
 */
function refuseHalfEscapes(
  element: AST.CharacterSet | AST.CharacterClass | AST.CharacterClassElement,
): void {
  if (element.type === 'CharacterClass') return element.elements.forEach(refuseHalfEscapes)
  if (element.type === 'CharacterClassRange') {
    return [element.min, element.max].forEach(refuseHalfEscapes)
  }
  if (element.type !== 'Character' || !HALF_ESCAPE.test(element.raw)) return
  const name = element.raw === '\\' ? '\\c' : element.raw
  throw new Error(
    `There is no escape ${name} here; there are \\xHH, \\uHHHH, \\cA, \\n and their kin, with the flag u also \\p{...} and \\u{...}, and \\\\ for a backslash`,
  )
}

/** A letter that stands for itself, octal numbers but for \0, and the backslash of a `\c` without a letter. */
const HALF_ESCAPE = /^\\(?![0bfnrtv]$)(?:[A-Za-z]|\d+|)$/

function assertionOf(assertion: AST.EdgeAssertion | AST.WordBoundaryAssertion): Assertion {
  if (assertion.kind !== 'word') return assertion.kind
  return assertion.negate ? 'no-word' : 'word'
}
