/** What others have written, for one line of text: nothing in it ends the line, moves a cursor or hides. */

/** Controls (Cc), marks that turn the direction or take no room (Cf, DI), halves of pairs (Cs), line separators. */
const NOT_SHOWN = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}\p{DI}]/gu
const PLAIN = /^[\x20-\x7e]*$/

const SHORT: Readonly<Record<string, string>> = { '\n': '\\n', '\r': '\\r', '\t': '\\t' }

/**
 * `text` with every character escaped that a terminal obeys, or a reader does not see: `\n`, `\u001b`, `\u202e`. For what
 * a peer has sent, as a banner or in a certificate, on its way to a log or a terminal. The escapes are those of JSON, so
 * the text of a JSON document may be given too, and stays the same document.
 *
 * @example
 * ```ts
 * import { visibleText } from '@pollout/core'
 *
 * console.log(visibleText('220 \u202egpj.exe\r\n')) // 220 \u202egpj.exe\r\n
 * ```
 */
export function visibleText(text: string): string {
  return PLAIN.test(text) ? text : text.replace(NOT_SHOWN, escaped)
}

/** By UTF-16 units, as JSON has it. */
function escaped(character: string): string {
  const short = SHORT[character]
  if (short !== undefined) return short
  return character
    .split('')
    .map((unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`)
    .join('')
}
