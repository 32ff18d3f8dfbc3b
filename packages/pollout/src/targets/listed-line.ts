/** One line of a list, read: its targets, or why it is none. */
import type { Endpoint } from '@pollout/core'
import { type Exclusions, NOTHING_EXCLUDED } from './exclusions.js'
import { type Line, LONGEST_LINE } from './line-splitter.js'
import type { PortList } from './ports.js'
import { parseItem, type TargetItem, type UserFields } from './target-item.js'

/** A target with what its line says of it. */
export interface ListedTarget {
  readonly endpoint: Endpoint
  readonly fields?: UserFields | undefined
}

/** A line that is no target. It has its place in the list and its outcome, as if it were one. */
export interface InvalidLine {
  readonly raw: string
  readonly line: number
  /** One line that names the list's line. */
  readonly message: string
}

export type Listed = ListedTarget | InvalidLine

export interface ListedLine {
  /** 0 for blank lines and comments, 1 for an invalid one. Without those that are excluded. */
  readonly count: number
  readonly excluded: number
  at(index: number): Listed
}

const NOTHING: ListedLine = {
  count: 0,
  excluded: 0,
  at: () => {
    throw new RangeError('a blank line has no targets')
  },
}

/** A line of targets. */
export function readLine(
  line: Line,
  ports: PortList | undefined,
  exclusions: Exclusions = NOTHING_EXCLUDED,
): ListedLine {
  const { text, isCut } = contentOf(line)
  if (isCut) return invalid(line, text, `longer than ${LONGEST_LINE} bytes`)
  if (text === '') return NOTHING
  try {
    return listed(parseItem(text, ports, exclusions))
  } catch (error) {
    return invalid(line, text, (error as Error).message)
  }
}

/** What is not said in JSON begins a comment with any `#`; names of sockets and the values of JSON may have one. */
const COMMENTS: ReadonlyArray<readonly [lines: RegExp, comment: RegExp]> = [
  [/^\{/, /(?<=\})\s+#[^}]*$/s],
  [/^unix/i, /(?<=\s)#.*$/s],
  [/^/, /#.*$/s],
]

/**
 * What a line says, of whatever list: without blanks, a byte order mark, a comment. Empty where it says nothing. `isCut`:
 * it is too long, and its end is not known.
 */
export function contentOf({ text, overlong }: Line): {
  readonly text: string
  readonly isCut: boolean
} {
  const trimmed = text.trim()
  if (!trimmed.includes('#')) return { text: trimmed, isCut: overlong }
  const [, comment = /$/] = COMMENTS.find(([lines]) => lines.test(trimmed)) ?? []
  const content = trimmed.replace(comment, '')
  return { text: content.trimEnd(), isCut: overlong && content === trimmed }
}

function listed({ count, excluded, at, fields }: TargetItem): ListedLine {
  return { count, excluded, at: (index) => ({ endpoint: at(index), fields }) }
}

function invalid({ number: line }: Line, raw: string, message: string): ListedLine {
  return { count: 1, excluded: 0, at: () => ({ raw, line, message: `line ${line}: ${message}` }) }
}
