/** Reads the values of options; what can't be meant is refused with what can. */
import { InvalidArgumentError } from 'commander'

/** The longest timer Node has: 24.8 days. */
const LONGEST_TIMEOUT_MS = 2 ** 31 - 1
const MOST_CONCURRENCY = 1_000_000
const HIGHEST_RATE = 1_000_000

export function timeoutMs(text: string): number {
  return wholeNumber(text, LONGEST_TIMEOUT_MS, 'milliseconds')
}

export function concurrency(text: string): number {
  return wholeNumber(text, MOST_CONCURRENCY, 'connects in flight')
}

/** Less than one a second is a rate too. */
export function rate(text: string): number {
  const value = /^\d+(\.\d+)?$/.test(text) ? Number(text) : Number.NaN
  if (value > 0 && value <= HIGHEST_RATE) return value
  throw new InvalidArgumentError(
    `Write a number of connects per second, more than 0 and up to ${HIGHEST_RATE}.`,
  )
}

function wholeNumber(text: string, most: number, unit: string): number {
  const value = /^\d{1,10}$/.test(text) ? Number(text) : 0
  if (value >= 1 && value <= most) return value
  throw new InvalidArgumentError(`Write a whole number of ${unit}, from 1 to ${most}.`)
}

const ESCAPES: Readonly<Record<string, string>> = {
  '\\r': '\r',
  '\\n': '\n',
  '\\t': '\t',
  '\\0': '\0',
  '\\\\': '\\',
}

/** Text as UTF-8, with C's escapes, as shells can't all write a line end; `\xHH` is that byte. */
export function escapedText(text: string): Uint8Array {
  const parts = text.split(/(\\x[0-9a-f]{2}|\\.|\\$)/isu).map((part) => {
    if (!part.startsWith('\\')) return Buffer.from(part)
    const plain = ESCAPES[part]
    if (plain !== undefined) return Buffer.from(plain)
    if (part.length === 4) return Buffer.from(part.slice(2), 'hex')
    throw new InvalidArgumentError(
      `There is no escape ${part}; there are \\r \\n \\t \\0 \\xHH, and \\\\ for a backslash.`,
    )
  })
  return Buffer.concat(parts)
}
