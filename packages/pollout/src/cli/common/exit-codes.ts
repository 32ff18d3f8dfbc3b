/** How the command ends, as a number and as an error. */

export const ExitCode = {
  ALL_CONNECTED: 0,
  SOME_FAILED: 1,
  WRONG_USAGE: 2,
  /** The output, or the checkpoint: a full disk, say. */
  CANT_WRITE: 3,
  /** A measurement that is not to be believed. */
  INVALID: 4,
  /** 128 + the signal's number, as shells have it. */
  INTERRUPTED: 130,
  BROKEN_PIPE: 141,
  TERMINATED: 143,
} as const

export type ExitCode = (typeof ExitCode)[keyof typeof ExitCode]

/** The user can mend it: one line that says how, and exit code 2. */
export class UsageError extends Error {
  override readonly name = 'UsageError'
}

/** A full disk, say, before anything was tried: one line too, and exit code 3. */
export class CantWriteError extends Error {
  override readonly name = 'CantWriteError'
}

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
