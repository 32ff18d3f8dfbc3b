/** The list of targets as it is read: one a line, pulled, with what is no endpoint told apart. */
import { type Endpoint, parseEndpoint } from '@pollout/core'
import { messageOf } from './exit-codes.js'
import { type Line, LineSplitter, LONGEST_LINE } from './line-splitter.js'

export interface TargetListener {
  /** A line that is no endpoint. `message` names the line. */
  malformed(raw: string, line: number, message: string): void
  /** So many bytes of the input are used up. */
  position(bytes: number): void
  /** A promise holds the reading up until it resolves. */
  room(): Promise<void> | undefined
}

/** Throws what the input throws. Leaving the iteration closes the input. */
export async function* readTargets(
  input: AsyncIterable<Buffer>,
  listener: TargetListener,
): AsyncGenerator<Endpoint, void, undefined> {
  const splitter = new LineSplitter()
  for await (const chunk of input) yield* targetsOf(splitter.lines(chunk), listener)
  yield* targetsOf(splitter.rest(), listener)
}

async function* targetsOf(
  lines: Iterable<Line>,
  listener: TargetListener,
): AsyncGenerator<Endpoint, void, undefined> {
  for (const line of lines) {
    const room = listener.room()
    if (room) await room
    listener.position(line.endOffset)
    const text = (line.number === 1 ? line.text.replace(/^\uFEFF/, '') : line.text).trim()
    if ((text === '' || text.startsWith('#')) && !line.overlong) continue
    const endpoint = parse(line, text, listener)
    if (endpoint) yield endpoint
  }
}

function parse(line: Line, text: string, listener: TargetListener): Endpoint | undefined {
  try {
    if (!line.overlong) return parseEndpoint(text)
    listener.malformed(text, line.number, `line ${line.number}: longer than ${LONGEST_LINE} bytes`)
  } catch (error) {
    listener.malformed(text, line.number, `line ${line.number}: ${messageOf(error)}`)
  }
  return undefined
}
