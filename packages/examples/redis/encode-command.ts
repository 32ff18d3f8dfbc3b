/** A command as it is sent: an array of strings, each with its length in front, so that nothing in them can end it. */

export type Argument = string | number | Uint8Array

export function encodeCommand(words: readonly Argument[]): Buffer {
  if (words.length === 0) throw new TypeError('a command has a name at least')
  const parts: Uint8Array[] = [Buffer.from(`*${words.length}\r\n`)]
  for (const word of words) {
    const bytes = word instanceof Uint8Array ? word : Buffer.from(textOf(word))
    parts.push(Buffer.from(`$${bytes.length}\r\n`), bytes, CR_LF)
  }
  return Buffer.concat(parts)
}

const CR_LF = Buffer.from('\r\n')

/** Not just anything: `undefined` or an object as a key is a mistake, and would be taken. */
function textOf(word: Exclude<Argument, Uint8Array>): string {
  if (typeof word === 'string' || Number.isFinite(word)) return String(word)
  throw new TypeError(`a command is made of text, bytes and finite numbers, not ${typeof word}`)
}
