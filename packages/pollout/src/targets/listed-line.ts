/** One line of a list, read: its targets, or why it is none. */
import type { Endpoint } from '@pollout/core'
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
  /** 0 for blank lines and comments, 1 for an invalid one. */
  readonly count: number
  at(index: number): Listed
}

const NOTHING: ListedLine = {
  count: 0,
  at: () => {
    throw new RangeError('a blank line has no targets')
  },
}

export function readLine(line: Line, ports: PortList | undefined): ListedLine {
  const text = (line.number === 1 ? line.text.replace(/^\uFEFF/, '') : line.text).trim()
  if (line.overlong) return invalid(line, text, `longer than ${LONGEST_LINE} bytes`)
  if (text === '' || text.startsWith('#')) return NOTHING
  try {
    return listed(parseItem(text, ports))
  } catch (error) {
    return invalid(line, text, (error as Error).message)
  }
}

function listed({ count, at, fields }: TargetItem): ListedLine {
  return { count, at: (index) => ({ endpoint: at(index), fields }) }
}

function invalid({ number: line }: Line, raw: string, message: string): ListedLine {
  return { count: 1, at: () => ({ raw, line, message: `line ${line}: ${message}` }) }
}
