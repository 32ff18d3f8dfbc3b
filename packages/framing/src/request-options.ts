/** What can be said of a channel for requests, and of one request. */
import type { Observable } from 'rxjs'

/**
 * Options of one request.
 *
 * @example
 * ```ts
 * import type { RequestChannel, RequestOptions } from '@pollout/framing'
 *
 * const patient: RequestOptions = { timeoutMs: 60_000, signal: AbortSignal.timeout(90_000) }
 * function save(redis: RequestChannel<string, string>) {
 *   return redis.request('SAVE', patient)
 * }
 * ```
 */
export interface RequestOptions {
  /** For this request instead of the channel's. Milliseconds, Infinity for no limit. */
  readonly timeoutMs?: number | undefined
  /** Gives the request up, with a {@link RequestError} of code `ABORT_ERR`. */
  readonly signal?: AbortSignal | undefined
}

/**
 * What the channel stands on, and its limits. What can't be meant throws RangeError when the channel is made.
 *
 * @example
 * ```ts
 * import type { RequestChannelOptions } from '@pollout/framing'
 *
 * interface Message {
 *   readonly id: number
 * }
 * const byId: Pick<RequestChannelOptions<Message, Message>, 'match' | 'maxOutstanding'> = {
 *   match: { requestId: ({ id }) => id, responseId: ({ id }) => id },
 *   maxOutstanding: 64,
 * }
 * ```
 */
export interface RequestChannelOptions<Q, R> {
  /** Whole responses, one each: `connection.received` through one of the framing operators. Subscribed to at once. */
  readonly responses: Observable<R>
  /**
   * Sends one request; called once for each, in their order. A throw fails that request alone, as nothing of it was
   * sent; a promise that rejects ends the channel, as nobody knows how much was.
   */
  readonly send: (request: Q) => unknown
  /**
   * Pairs by these ids, for peers that answer in any order. Without it the first response belongs to the first request, as
   * with Redis, SMTP and memcached. Ids are compared as a Map does it; undefined marks a response to nobody (a push).
   */
  readonly match?:
    | { readonly requestId: (request: Q) => unknown; readonly responseId: (response: R) => unknown }
    | undefined
  /**
   * Tells what the peer sends of its own accord; that goes to {@link RequestChannel.pushes}. In Redis's RESP3 it is what
   * begins with `>`, between two responses. How it confirms SUBSCRIBE and the like are such pushes too, one for each
   * name, and there is no other response: send these commands on the connection itself, not as requests.
   */
  readonly isPush?: ((response: R) => boolean) | undefined
  /** From subscribing to the response, milliseconds; waiting to be sent is included. Default 30,000; Infinity for no limit. */
  readonly timeoutMs?: number | undefined
  /** Requests that are sent before the response to the first is there. Default 1,024; 1 for peers that can't pipeline. */
  readonly maxOutstanding?: number | undefined
  /** Requests that wait to be sent; one more fails at once. Default 16,384; Infinity for no limit. */
  readonly maxQueued?: number | undefined
}
