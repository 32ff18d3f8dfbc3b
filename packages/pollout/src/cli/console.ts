/** What the command says on stderr: lines for people, each with the command's name in front. */
import { visibleText } from '@pollout/core'

/** Whatever the message quotes (file names, a peer's text), it stays one line and moves no cursor. */
export function say(message: string): void {
  process.stderr.write(`${clearedLine(process.stderr)}pollout: ${visibleText(message)}\n`)
}

/** What makes room on a terminal where a line of progress may stand; nothing elsewhere. */
export function clearedLine(stream: { readonly isTTY?: boolean }): string {
  return stream.isTTY ? '\r\x1b[K' : ''
}
