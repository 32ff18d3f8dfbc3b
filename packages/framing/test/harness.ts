/** Streams cut at random, and what comes of them by each of the faces. */
import { type FrameParser, frames, readFrames } from '@pollout/framing'
import fc from 'fast-check'
import { from, type OperatorFunction } from 'rxjs'

/** What a stream of frames came to: its frames as text, and how it ended. */
export interface Outcome {
  readonly frames: string[]
  readonly end: string
}

/** Bytes as text, one character each, so that outcomes can be compared and read. */
export function show(frame: string | Uint8Array): string {
  return typeof frame === 'string' ? frame : Buffer.from(frame).toString('latin1')
}

export function bytes(text: string): Buffer {
  return Buffer.from(text, 'latin1')
}

/** Cuts at the places given, in any order; the same place twice makes an empty chunk. */
export function cut(whole: Buffer, places: readonly number[]): Buffer[] {
  const sorted = places.map((place) => place % (whole.length + 1)).sort((a, b) => a - b)
  const edges = [0, ...sorted, whole.length]
  return edges.slice(1).map((end, i) => Buffer.from(whole.subarray(edges[i], end)))
}

export const places = fc.oneof(
  fc.array(fc.nat(), { maxLength: 12 }),
  // A cut at every place.
  fc.constant(Array.from({ length: 400 }, (_, i) => i)),
)

function codeOf(error: unknown): string {
  return String((error as { code?: unknown }).code ?? error)
}

export function byParser<F extends string | Buffer>(
  parser: FrameParser<F>,
  chunks: Iterable<Buffer>,
): Outcome {
  const seen: string[] = []
  try {
    for (const chunk of chunks) for (const frame of parser.push(chunk)) seen.push(show(frame))
    for (const frame of parser.end()) seen.push(show(frame))
    return { frames: seen, end: 'complete' }
  } catch (error) {
    return { frames: seen, end: codeOf(error) }
  }
}

function byOperator<F extends string | Buffer>(
  operator: OperatorFunction<Uint8Array, F>,
  chunks: Iterable<Buffer>,
): Outcome {
  const seen: string[] = []
  let end = 'nothing'
  from(chunks)
    .pipe(operator)
    .subscribe({
      next: (frame) => seen.push(show(frame)),
      error: (error) => {
        end = codeOf(error)
      },
      complete: () => {
        end = 'complete'
      },
    })
  return { frames: seen, end }
}

async function byIteration<F extends string | Buffer>(
  parser: FrameParser<F>,
  chunks: Iterable<Buffer>,
): Promise<Outcome> {
  const seen: string[] = []
  try {
    for await (const frame of readFrames(chunks, parser)) seen.push(show(frame))
    return { frames: seen, end: 'complete' }
  } catch (error) {
    return { frames: seen, end: codeOf(error) }
  }
}

/** By all three, which have to agree. */
export async function outcome<F extends string | Buffer>(
  makeParser: () => FrameParser<F>,
  chunks: readonly Buffer[],
): Promise<Outcome> {
  const outcomes = [
    byParser(makeParser(), chunks),
    byOperator(frames(makeParser), chunks),
    await byIteration(makeParser(), chunks),
  ]
  const [first] = outcomes
  if (first === undefined || new Set(outcomes.map((one) => JSON.stringify(one))).size > 1) {
    throw new Error(`the faces disagree: ${JSON.stringify(outcomes)}`)
  }
  return first
}
