/**
 * A pattern's automaton with one state at a time, made as it is needed and kept for all answers: a byte costs one look-up
 * where it was seen before, and at most the length of the program where not.
 */
import { type Assertion, type PatternProgram, patternProgram } from './pattern-program.js'

/** What a character is to the pattern. */
interface CharacterKind {
  readonly id: number
  /** By the program's classes. */
  readonly isOf: readonly boolean[]
  readonly isWord: boolean
  readonly endsLine: boolean
}

export interface State {
  /** Where the program stands, before what goes without a character. */
  readonly places: readonly number[]
  /** Undefined at the start of the text. */
  readonly before: CharacterKind | undefined
  /** By the next character's kind; made when it is needed. */
  readonly next: (State | undefined)[]
  /** Whether the pattern has matched, if the text ended here. */
  readonly matches: boolean
}

/** Hostile text may lead to exponentially many: then all are forgotten, and made again. */
const MOST_STATES = 1_000
const MOST_KINDS_KEPT = 10_000

export class PatternStates {
  /** Read as UTF-8: by code point, by UTF-16 unit; or byte by byte. */
  readonly reads: 'code-points' | 'units' | 'bytes'
  readonly #program: PatternProgram
  readonly #isMultiline: boolean
  readonly #word: RegExp
  #states = new Map<string, State>()
  readonly #kinds = new Map<string, CharacterKind>()
  #kindOf = new Map<number, CharacterKind>()
  /** Steps that have been looked at in the current round, by the round's number. */
  readonly #seen: Uint32Array
  #round = 0
  /** Steps looked at, all in all: what the search has cost. */
  work = 0

  constructor(program: PatternProgram, flags: string, reads: PatternStates['reads']) {
    this.#program = program
    this.reads = reads
    this.#isMultiline = flags.includes('m')
    this.#word = new RegExp('\\w', flags.replace(/[^iu]/g, ''))
    this.#seen = new Uint32Array(program.steps.length)
  }

  get first(): State {
    return this.#state([this.#program.start], undefined)
  }

  /** {@link MATCHED} where the pattern has matched before `character`. */
  after(state: State, character: number): State {
    const kind = this.#kindOf.get(character) ?? this.#newKind(character)
    const known = state.next[kind.id]
    if (known) return known
    const next = this.#step(state, kind)
    state.next[kind.id] = next
    return next
  }

  #step(state: State, kind: CharacterKind): State {
    const { start, steps } = this.#program
    const places = new Set<number>([start])
    for (const place of this.#reached(state.places, state.before, kind)) {
      const step = steps[place]
      if (step?.kind === 'match') return MATCHED
      if (step?.kind === 'take' && kind.isOf[step.of]) places.add(step.next)
    }
    return this.#state(
      [...places].sort((a, b) => a - b),
      kind,
    )
  }

  #state(places: readonly number[], before: CharacterKind | undefined): State {
    const key = `${before && [before.isWord, before.endsLine]} ${places}`
    const known = this.#states.get(key)
    if (known) return known
    if (this.#states.size >= MOST_STATES) this.#states = new Map()
    const { steps } = this.#program
    const ended = this.#reached(places, before, undefined)
    const matches = ended.some((place) => steps[place]?.kind === 'match')
    const state = { places, before, next: [], matches }
    this.#states.set(key, state)
    return state
  }

  /** All steps that take a character, or are the end, and can be reached from `places` without one. */
  #reached(
    places: readonly number[],
    before: CharacterKind | undefined,
    after: CharacterKind | undefined,
  ): number[] {
    const round = ++this.#round
    const open = [...places]
    const reached: number[] = []
    for (let place = open.pop(); place !== undefined; place = open.pop()) {
      if (this.#seen[place] === round) continue
      this.#seen[place] = round
      this.work++
      const step = this.#program.steps[place]
      if (step?.kind === 'fork') open.push(...step.to)
      else if (step?.kind !== 'assert') reached.push(place)
      else if (this.#holds(step.what, before, after)) open.push(step.next)
    }
    return reached
  }

  #holds(
    what: Assertion,
    before: CharacterKind | undefined,
    after: CharacterKind | undefined,
  ): boolean {
    if (what === 'start') return !before || (this.#isMultiline && before.endsLine)
    if (what === 'end') return !after || (this.#isMultiline && after.endsLine)
    const isBoundary = (before?.isWord ?? false) !== (after?.isWord ?? false)
    return isBoundary === (what === 'word')
  }

  #newKind(character: number): CharacterKind {
    const text = String.fromCodePoint(character)
    const isOf = this.#program.classes.map((one) => one.test(text))
    const facts = { isOf, isWord: this.#word.test(text), endsLine: /[\n\r\u2028\u2029]/.test(text) }
    const key = JSON.stringify(facts)
    const kind = this.#kinds.get(key) ?? { id: this.#kinds.size, ...facts }
    this.#kinds.set(key, kind)
    if (this.#kindOf.size >= MOST_KINDS_KEPT) this.#kindOf = new Map()
    this.#kindOf.set(character, kind)
    this.work += isOf.length
    return kind
  }
}

/** What comes after a match is of no interest. */
export const MATCHED: State = { places: [], before: undefined, next: [], matches: true }

/** Throws an Error that says what is wrong with the pattern. */
export function patternStates(source: string, flags: string): PatternStates {
  const [unknown] = /[^imsu]/.exec(flags) ?? []
  if (unknown !== undefined) {
    throw new Error(`There is no flag ${unknown}; there are i, m, s, u (a text with slashes: \\/)`)
  }
  const [, twice] = /(.).*\1/.exec(flags) ?? []
  if (twice !== undefined) throw new Error(`The flag ${twice} stands there twice`)
  new RegExp(source, flags)
  return new PatternStates(patternProgram(source, flags), flags, readsOf(source, flags))
}

/** Beyond ASCII a pattern is about characters; else about bytes, of which `\xff` is one. */
function readsOf(source: string, flags: string): PatternStates['reads'] {
  if (flags.includes('u')) return 'code-points'
  return /[^\0-\x7f]|\\u/.test(source.replaceAll('\\\\', '')) ? 'units' : 'bytes'
}
