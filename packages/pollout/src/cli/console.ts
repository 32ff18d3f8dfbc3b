/** What the command says on stderr: lines for people, each with the command's name in front. */
export function say(message: string): void {
  process.stderr.write(`pollout: ${oneLine(message)}\n`)
}

/** Whatever a message quotes (file names, a peer's text), it stays one line and moves no cursor. */
export function oneLine(text: string): string {
  return text.replace(/\p{Cc}+/gu, ' ')
}
