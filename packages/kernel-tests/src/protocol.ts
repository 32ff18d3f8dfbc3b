/** What a test and an agent say to each other: one JSON value a line, on the agent's standard input and output. */

/** The agent's first line. */
export interface Greeting {
  readonly pid: number
}

/** Asks for a call of a function that a program file exports. */
export interface Call {
  readonly id: number
  /** Absolute path of the program, an ES module. */
  readonly file: string
  readonly name: string
  /** Plain data. */
  readonly args: readonly unknown[]
}

/** What came of the call with that `id`: the function's value, plain data too, or the text of what it threw. */
export type Answer =
  | { readonly id: number; readonly value?: unknown }
  | { readonly id: number; readonly error: string }
