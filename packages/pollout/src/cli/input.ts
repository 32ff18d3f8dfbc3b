/** Opens the list of targets: a file, or standard input. */
import { createReadStream, fstatSync, openSync } from 'node:fs'
import type { Readable } from 'node:stream'
import { messageOf, UsageError } from './exit-codes.js'

export interface Input {
  /** For messages. */
  readonly name: string
  readonly stream: Readable
  /** Undefined where it is not known before the end: pipes, terminals. */
  readonly sizeBytes: number | undefined
  /** A read that waits for a writer can't be called off, and keeps the process from ending: named pipes. */
  readonly mayHang: boolean
}

/** Throws UsageError for what can't be opened, and where nobody has named or piped in anything. */
export function openInput(file: string | undefined): Input {
  if (file === undefined && process.stdin.isTTY) {
    throw new UsageError(
      "no targets: name a file with one endpoint a line, pipe the list in, or write '-' to type it",
    )
  }
  if (file === undefined || file === '-') {
    const name = 'standard input'
    return { name, stream: process.stdin, sizeBytes: sizeOf(0, name), mayHang: false }
  }
  const fd = open(file)
  const sizeBytes = sizeOf(fd, file)
  const mayHang = !fstatSync(fd).isFile()
  return { name: file, stream: createReadStream(file, { fd }), sizeBytes, mayHang }
}

function open(file: string): number {
  try {
    return openSync(file, 'r')
  } catch (error) {
    throw unreadable(file, error)
  }
}

function sizeOf(fd: number, name: string): number | undefined {
  const stat = fstatSync(fd)
  if (stat.isDirectory()) {
    throw new UsageError(`${name} is a directory; name a file with one endpoint a line`)
  }
  return stat.isFile() && stat.size > 0 ? stat.size : undefined
}

export function unreadable(name: string, error: unknown): UsageError {
  return new UsageError(
    `can't read ${name}: ${messageOf(error)}; name a readable file with one endpoint a line`,
  )
}
