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

/** Makes of a peer's bytes what a terminal may be given: lines and tabs stay, nothing moves the cursor otherwise. */
export function terminalText(): (chunk: Uint8Array) => string {
  const decoder = new TextDecoder('utf-8', { ignoreBOM: true })
  return (chunk) =>
    decoder
      .decode(chunk, { stream: true })
      .replace(/\r\n/g, '\n')
      .split(/([\n\t])/)
      .map((part) => (part === '\n' || part === '\t' ? part : visibleText(part)))
      .join('')
}
