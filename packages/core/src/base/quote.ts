/** Text that somebody else wrote, for messages. */
import { visibleText } from './visible-text.js'

/** Untrusted text for one line of a message: quoted, made visible, cut at 80 characters. */
export function quote(value: unknown): string {
  const text = asText(value)
  const quoted = visibleText(JSON.stringify(text.slice(0, 80)))
  return text.length <= 80 && quoted.length <= 80 ? quoted : `${quoted.slice(0, 76)}..."`
}

/** What somebody else's code has thrown, as an error: it may be anything, also what has no text. */
export function asError(thrown: unknown): Error {
  return thrown instanceof Error ? thrown : new Error(asText(thrown), { cause: thrown })
}

/** Text for anything, also for what has none. */
export function asText(value: unknown): string {
  try {
    return String(value)
  } catch {
    return typeof value
  }
}
