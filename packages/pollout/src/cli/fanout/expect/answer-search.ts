/** What every search for an expectation does with an answer that comes in parts. */

/**
 * Looks through an answer part by part, each byte once, so that no peer can make more work than its bytes are worth.
 */
export interface AnswerSearch {
  /** To be asked when a part is searched to its end. */
  readonly found: boolean
  /** Goes on with `bytes` from `from`, for a millisecond or so at most; tells how far it has come. */
  search(bytes: Uint8Array, from: number): number
}
