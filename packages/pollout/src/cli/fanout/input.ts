/** Opens a list of targets: a file, or standard input. */
import { createReadStream, fstatSync, openSync } from 'node:fs'
import type { Readable } from 'node:stream'
import { messageOf, UsageError } from '../common/exit-codes.js'
import { identitiesOf } from '../common/file-place.js'

export interface Input {
  /** For messages. */
  readonly name: string
  readonly stream: Readable
  /** Where it can be read again at any place: the descriptor of a regular file, which stays open. */
  readonly fd: number | undefined
  /** Of one file the same, whatever it is called: {@link Place.identities}. */
  readonly identities: readonly string[]
  /** A read that waits for a writer can't be called off, and keeps the process from ending: named pipes. */
  readonly mayHang: boolean
}

/** `-` is standard input. Throws UsageError for what can't be opened. */
export function openInput(file: string): Input {
  if (file === '-') {
    const name = 'standard input'
    const stat = fstatSync(0, { bigint: true })
    if (stat.isDirectory()) throw isFolder(name)
    const identities = identitiesOf(stat)
    return { name, stream: process.stdin, fd: undefined, identities, mayHang: false }
  }
  const fd = open(file)
  const stat = fstatSync(fd, { bigint: true })
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
    fd: isRegular && stat.size > 0n ? fd : undefined,
    identities: identitiesOf(stat),
    mayHang: !isRegular,
  }
}

/** Throws UsageError where what can be read once only is named twice: the second would find it empty. */
export function refuseReadingTwice(inputs: readonly Input[]): void {
  for (const [i, { name, stream, fd, identities }] of inputs.entries()) {
    const again = inputs.slice(0, i).some((before) => {
      if (before.stream === stream) return true
      return fd === undefined && identities.some((identity) => before.identities.includes(identity))
    })
    if (again)
      throw new UsageError(`${name} is named twice, and can be read once; keep it in a file`)
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
