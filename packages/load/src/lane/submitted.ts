/** An exchange as a portable lane has it in its queue. */
export interface Submitted {
  readonly id: number
  readonly request: number
  /** 0: at once. */
  readonly startAt: number
  /** Its time had come, and the lane had looked; NaN until then. */
  seenAt: number
}
