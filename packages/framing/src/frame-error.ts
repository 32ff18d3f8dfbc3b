/** What can be wrong with a stream of frames. */
import { knowAcrossCopies } from './across-copies.js'

/**
 * - `ERR_FRAME_TOO_LARGE`: a frame is longer than `maxBytes`, or than its length field can say;
 * - `ERR_FRAME_TRUNCATED`: the stream ended within a frame;
 * - `ERR_FRAME_INVALID`: a length that no frame can have, or data that can't be written as a frame.
 *
 * @example
 * ```ts
 * import type { FrameErrorCode } from '@pollout/framing'
 *
 * const peerIsToBlame: readonly FrameErrorCode[] = ['ERR_FRAME_TOO_LARGE', 'ERR_FRAME_INVALID']
 * ```
 */
export type FrameErrorCode = 'ERR_FRAME_TOO_LARGE' | 'ERR_FRAME_TRUNCATED' | 'ERR_FRAME_INVALID'

/**
 * The bytes are not what the protocol says. After one of these from a parser the place where the next frame begins is
 * not known: close the connection.
 *
 * @example
 * ```ts
 * import { FrameError, lineParser } from '@pollout/framing'
 *
 * try {
 *   for (const line of lineParser({ maxBytes: 3 }).push(Buffer.from('ok\nno way\n')))
 *     console.log(line)
 * } catch (error) {
 *   if (error instanceof FrameError) console.error(error.code) // ERR_FRAME_TOO_LARGE, after "ok"
 * }
 * ```
 */
export class FrameError extends Error {
  override readonly name = 'FrameError'
  readonly code: FrameErrorCode

  constructor(code: FrameErrorCode, message: string) {
    super(message)
    this.code = code
  }
}
knowAcrossCopies(FrameError, 'FrameError')

export function tooLarge(what: string, maxBytes: number): FrameError {
  return new FrameError('ERR_FRAME_TOO_LARGE', `${what} is longer than ${maxBytes} bytes`)
}
