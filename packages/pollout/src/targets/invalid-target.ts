/** What can't be a target, told in one line that says how it is written. */
export class InvalidTargetError extends Error {
  override readonly name = 'InvalidTargetError'
}

/** What a user wrote, for a message: never long. */
export function quoted(text: string): string {
  return JSON.stringify(text.length > 80 ? `${text.slice(0, 80)}...` : text)
}
