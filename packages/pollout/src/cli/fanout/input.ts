/** Opens a list of targets: a file, or standard input. */
import { createReadStream, fstatSync, openSync } from 'node:fs'
import type { Readable } from 'node:stream'
import { messageOf, UsageError } from '../exit-codes.js'

export interface Input {
  /** For messages. */
  readonly name: string
  readonly stream: Readable
  /** Where it can be read again at any place: the descriptor of a regular file, which stays open. */
  readonly fd: number | undefined
  /** A read that waits for a writer can't be called off, and keeps the process from ending: named pipes. */
  readonly mayHang: boolean
}

/** `-` is standard input. Throws UsageError for what can't be opened. */
export function openInput(file: string): Input {
  if (file === '-') {
    const name = 'standard input'
    if (fstatSync(0).isDirectory()) throw isFolder(name)
    return { name, stream: process.stdin, fd: undefined, mayHang: false }
  }
  const fd = open(file)
  const stat = fstatSync(fd)
  if (stat.isDirectory()) throw isFolder(file)
  const isRegular = stat.isFile()
  const stream = createReadStream(file, {
    fd,
    start: isRegular ? 0 : undefined,
    autoClose: !isRegular,
  })
  // What /proc shows is made when it is read, and has no length.
  return {
    name: file,
    stream,
    fd: isRegular && stat.size > 0 ? fd : undefined,
    mayHang: !isRegular,
  }
}

function open(file: string): number {
  try {
    return openSync(file, 'r')
  } catch (error) {
    throw unreadable(file, error)
  }
}

function isFolder(name: string): UsageError {
  return new UsageError(`${name} is a directory; name a file with one target a line`)
}

export function unreadable(name: string, error: unknown): UsageError {
  return new UsageError(
    `can't read ${name}: ${messageOf(error)}; name a readable file with one target a line`,
  )
}
