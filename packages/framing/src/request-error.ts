/** Why a request has no response. */
import { knowAcrossCopies } from './across-copies.js'

/**
 * - `ERR_REQUEST_TIMEOUT`: no response in time;
 * - `ERR_REQUEST_QUEUE_FULL`: `maxQueued` others wait to be sent;
 * - `ERR_REQUEST_ID_IN_USE`: a request of the same id is waited for, or was given up and may still be answered;
 * - `ERR_RESPONSE_UNEXPECTED`: a response came that nobody asked for, so that order proves nothing any more;
 * - `ERR_CHANNEL_ENDED`: the responses ended or failed, sending failed, or the channel was closed; `cause` has the error;
 * - `ABORT_ERR`: by its signal; `cause` has the reason.
 *
 * @example
 * ```ts
 * import { RequestError, type RequestErrorCode } from '@pollout/framing'
 *
 * const channelIsOver: readonly RequestErrorCode[] = ['ERR_RESPONSE_UNEXPECTED', 'ERR_CHANNEL_ENDED']
 * function mustReconnect(error: unknown): boolean {
 *   return error instanceof RequestError && channelIsOver.includes(error.code)
 * }
 * ```
 */
export type RequestErrorCode =
  | 'ERR_REQUEST_TIMEOUT'
  | 'ERR_REQUEST_QUEUE_FULL'
  | 'ERR_REQUEST_ID_IN_USE'
  | 'ERR_RESPONSE_UNEXPECTED'
  | 'ERR_CHANNEL_ENDED'
  | 'ABORT_ERR'

/**
 * A request that got no response.
 *
 * @example
 * ```ts
 * import { RequestError } from '@pollout/framing'
 *
 * function mayTryAgain(error: unknown): boolean {
 *   return error instanceof RequestError && !error.sent
 * }
 * ```
 */
export class RequestError extends Error {
  override readonly name = 'RequestError'
  readonly code: RequestErrorCode
  /** The peer may have it, and may have acted on it. False: it was never sent. */
  readonly sent: boolean

  constructor(code: RequestErrorCode, message: string, sent: boolean, cause?: unknown) {
    super(message, cause === undefined ? {} : { cause })
    this.code = code
    this.sent = sent
  }
}
knowAcrossCopies(RequestError, 'RequestError')
