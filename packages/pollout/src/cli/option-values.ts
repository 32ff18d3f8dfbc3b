/** Reads the values of options; what can't be meant is refused with what can. */
import { InvalidArgumentError } from 'commander'
import { FANOUT_KINDS, type FanoutKind, isFanoutKind } from '../outcomes/outcome-row.js'
import type { Shard } from '../targets/order.js'
import { PortList } from '../targets/ports.js'
import { messageOf } from './common/exit-codes.js'
import { type Expectation, expectation } from './fanout/expect/expectation.js'

/** The longest timer Node has: 24.8 days. */
const LONGEST_TIMEOUT_MS = 2 ** 31 - 1
const MOST_CONCURRENCY = 1_000_000
const HIGHEST_RATE = 1_000_000
const MOST_RETRIES = 100
/** The native backend's own limit. */
const MOST_THREADS = 64
const LONGEST_BANNER = 64 * 1_024
const LONGEST_SEED = 100

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

export function count(text: string): number {
  return wholeNumber(text, Number.MAX_SAFE_INTEGER, 'requests')
}

export function bytes(text: string): number {
  return wholeNumber(text, Number.MAX_SAFE_INTEGER, 'bytes')
}

export function loadThreads(text: string): number {
  return wholeNumber(text, MOST_THREADS, 'threads')
}

export function seedNumber(text: string): number {
  return wholeNumber(text, 2 ** 32 - 1, 'its size', 0)
}

export function lengthPrefix(text: string): 1 | 2 | 4 {
  if (text === '1' || text === '2' || text === '4') return Number(text) as 1 | 2 | 4
  throw new InvalidArgumentError('Write 1, 2 or 4.')
}

export function method(text: string): string {
  if (/^[!#$%&'*+.^_`|~0-9A-Z-]+$/.test(text)) return text
  throw new InvalidArgumentError('Write a method of HTTP: GET, POST, HEAD.')
}

export function retries(text: string): number {
  return wholeNumber(text, MOST_RETRIES, 'retries', 0)
}

export function threads(text: string): number {
  return wholeNumber(text, MOST_THREADS, 'threads', 0)
}

export function hostErrors(text: string): number {
  return wholeNumber(text, Number.MAX_SAFE_INTEGER, 'errors')
}

export function bannerBytes(text: string): number {
  return wholeNumber(text, LONGEST_BANNER, 'bytes')
}

/** Gathers the values of an option that may be given several times, each with commas. */
export function list(text: string, before: readonly string[] = []): readonly string[] {
  const values = text
    .split(',')
    .map((value) => value.trim())
    .filter((value) => value !== '')
  // Of a variable that is not set, say: nothing would be excluded, or everything allowed.
  if (values.length === 0) throw new InvalidArgumentError('It is empty; leave the option out.')
  return [...before, ...values]
}

/** The same for what may have commas in it: names of files. */
export function files(text: string, before: readonly string[] = []): readonly string[] {
  return [...before, file(text)]
}

export function file(text: string): string {
  if (text !== '') return text
  throw new InvalidArgumentError('Write the name of a file.')
}

/** Gathers them too. */
export function ports(text: string, before?: PortList): PortList {
  try {
    return PortList.parse(before === undefined ? text : `${before},${text}`)
  } catch (error) {
    throw new InvalidArgumentError(messageOf(error))
  }
}

export function kinds(text: string): readonly FanoutKind[] {
  const words = text === 'all' ? FANOUT_KINDS : text.split(',').map((word) => word.trim())
  const unknown = words.find((word) => !isFanoutKind(word))
  if (unknown === undefined) return words.filter(isFanoutKind)
  throw new InvalidArgumentError(
    `There is no outcome ${JSON.stringify(unknown)}; there are ${FANOUT_KINDS.join(', ')}, or all.`,
  )
}

export function shard(text: string): Shard {
  const [, number, count] = /^(\d{1,6})\/(\d{1,6})$/.exec(text)?.map(Number) ?? []
  if (number && count && number <= count) return { number, count }
  throw new InvalidArgumentError('Write the part and the number of parts, as 1/3, 2/3, 3/3.')
}

export function seed(text: string): string {
  if (text !== '' && text.length <= LONGEST_SEED) return text
  throw new InvalidArgumentError(`Write any text of up to ${LONGEST_SEED} characters.`)
}

/** Text, or `/pattern/flags`. */
export function expected(text: string): Expectation {
  try {
    return expectation(text)
  } catch (error) {
    throw new InvalidArgumentError(`${messageOf(error)}.`)
  }
}

function wholeNumber(text: string, most: number, unit: string, least = 1): number {
  const value = /^\d{1,10}$/.test(text) ? Number(text) : Number.NaN
  if (value >= least && value <= most) return value
  throw new InvalidArgumentError(`Write a whole number of ${unit}, from ${least} to ${most}.`)
}

const ESCAPES: Readonly<Record<string, string>> = {
  '\\r': '\r',
  '\\n': '\n',
  '\\t': '\t',
  '\\0': '\0',
  '\\\\': '\\',
}

/** The same, or `-` for standard input. */
export function textOrInput(text: string): Uint8Array | '-' {
  return text === '-' ? text : escapedText(text)
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
