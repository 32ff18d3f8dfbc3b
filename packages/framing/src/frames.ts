/** The faces of a parser: an RxJS operator, and an async generator. */
import { concat, concatMap, defer, map, type OperatorFunction, of } from 'rxjs'
import type { FrameParser } from './frame-parser.js'

/**
 * An operator: the frames of a stream of chunks. Each subscription has a parser of its own. Errors with
 * {@link FrameError}, and then lets go of the source, as it does when the subscriber leaves.
 *
 * @example
 * ```ts
 * import { frames, lineParser } from '@pollout/framing'
 * import { of } from 'rxjs'
 *
 * const chunks = of(Buffer.from('a\nb'), Buffer.from('c\n'))
 * chunks.pipe(frames(() => lineParser())).subscribe((line) => console.log(line)) // a, bc
 * ```
 */
export function frames<F>(makeParser: () => FrameParser<F>): OperatorFunction<Uint8Array, F> {
  return (source) =>
    defer(() => {
      const parser = makeParser()
      return concat(
        source.pipe(map((chunk) => parser.push(chunk))),
        defer(() => of(parser.end())),
      ).pipe(concatMap((parsed) => parsed))
    })
}

/**
 * The frames of anything that can be iterated over chunk by chunk, a `Connection` or a Node stream; a slow loop
 * slows down the sender. Leaving the loop ends the iteration over `chunks`; what was read and not asked for is with
 * `parser`. Throws {@link FrameError}. To leave while nothing comes, abort the signal that `connection.chunks()` takes.
 *
 * @example
 * ```ts
 * import { lineParser, readFrames } from '@pollout/framing'
 *
 * declare const connection: AsyncIterable<Buffer>
 * for await (const line of readFrames(connection, lineParser())) {
 *   if (line === 'bye') break
 * }
 * ```
 */
export async function* readFrames<F>(
  chunks: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  parser: FrameParser<F>,
): AsyncGenerator<F, void, undefined> {
  for await (const chunk of chunks) yield* parser.push(chunk)
  yield* parser.end()
}
