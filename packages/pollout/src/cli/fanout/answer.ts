/** Reads what a peer sends until it is what was waited for, enough, or over. */
import type { Connection } from '@pollout/core'

export interface AnswerOptions {
  readonly mostBytes: number
  /** Ends the reading when it is there. */
  readonly expect: RegExp | undefined
  /** For all of it, in milliseconds. */
  readonly timeoutMs: number
}

export type AnswerEnd = 'matched' | 'full' | 'ended' | 'quiet' | 'timed-out'

/** Where nothing in particular is expected: an answer is whole when it is followed by a silence this long. */
const QUIET_MS = 250

/** Rejects with a ConnectError when the connection breaks before anything has come; later that is the answer's end. */
export async function readAnswer(
  connection: Connection,
  { mostBytes, expect, timeoutMs }: AnswerOptions,
): Promise<{ readonly bytes: Buffer; readonly end: AnswerEnd }> {
  const chunks = connection.chunks()
  let bytes = Buffer.alloc(0)
  let end: AnswerEnd = 'ended'
  const leave = (why: AnswerEnd): void => {
    end = why
    void chunks.return()
  }
  const late = setTimeout(() => leave('timed-out'), timeoutMs)
  let quiet: NodeJS.Timeout | undefined
  try {
    for await (const chunk of chunks) {
      clearTimeout(quiet)
      bytes = Buffer.concat([bytes, chunk.subarray(0, mostBytes - bytes.length)])
      // A pattern with the flag g or y would go on from where it last was.
      if (expect && bytes.toString('utf8').search(expect) !== -1) leave('matched')
      else if (bytes.length >= mostBytes) leave('full')
      else if (!expect) quiet = setTimeout(() => leave('quiet'), QUIET_MS)
    }
  } catch (error) {
    if (bytes.length === 0) throw error
  } finally {
    clearTimeout(late)
    clearTimeout(quiet)
  }
  return { bytes, end }
}
