/** What the readers of responses have in common. */

/** A response that is whole. */
export interface WholeResponse {
  /** Of it. */
  readonly bytes: number
  /** HTTP's status; 1 for an error of RESP; else 0. */
  readonly code: number
  /** The bytes that were looked for stand in it. */
  readonly isFound: boolean
  /** Whether another may follow it. */
  readonly goesOn: boolean
}

/** Why the bytes are no response. */
export type ResponseFault = 'malformed' | 'too large'

export interface ResponseReader {
  /** Of a response that is not whole yet. */
  readonly pendingBytes: number
  /** Takes in what came; the responses that are whole now are given one by one, until `take` says false. */
  read(chunk: Uint8Array, take: (response: WholeResponse) => boolean): ResponseFault | undefined
  /** The stream has ended: the response whose end that was, if it was one's. */
  readEnd(): WholeResponse | undefined
}

/** What is looked for in each response; none: everything has it. */
export type Wanted = Buffer | undefined
