/** Checks of what users pass in: a mistake is thrown at once, and says what to write instead. */
import { asText, quote } from './quote.js'

/** How long a connect may take where the user doesn't say, in milliseconds. The kernel's own limit is about 134 s. */
const DEFAULT_TIMEOUT_MS = 30_000

/** Text in quotes: what looks like a number may be the mistake. */
export function shown(value: unknown): string {
  return typeof value === 'string' ? quote(value) : asText(value)
}

/** A duration in milliseconds, more than 0; Infinity leaves it to the kernel. */
export function checkTimeout(name: string, value: number | undefined): number {
  if (value === undefined) return DEFAULT_TIMEOUT_MS
  if (typeof value !== 'number' || !(value > 0)) {
    throw new RangeError(
      `${name} must be more than 0 milliseconds (Infinity for no limit), not ${shown(value)}`,
    )
  }
  return value
}

/** A whole number, 1 or more; Infinity for no limit. */
export function checkCount(name: string, value: number): number {
  if (value !== Number.POSITIVE_INFINITY && (!Number.isInteger(value) || value < 1)) {
    throw new RangeError(`${name} must be a whole number from 1, not ${shown(value)}`)
  }
  return value
}

/** Events a second, more than 0; Infinity for no limit. */
export function checkRate(name: string, value: number): number {
  if (typeof value !== 'number' || !(value > 0)) {
    throw new RangeError(
      `${name} must be more than 0 a second (Infinity for no limit), not ${shown(value)}`,
    )
  }
  return value
}

/** Of a file that is open, as far as its number goes: an `int` of the kernel's. */
export function checkDescriptor(descriptor: number): void {
  if (Number.isInteger(descriptor) && descriptor >= 0 && descriptor < 2 ** 31) return
  throw new RangeError(
    `a descriptor is a whole number from 0 to 2147483647, not ${shown(descriptor)}`,
  )
}

export function checkFlag(name: string, value: boolean): boolean {
  if (typeof value === 'boolean') return value
  throw new TypeError(`${name} must be true or false, not ${shown(value)}`)
}

/** A function, where there is one. */
export function checkCallback<T>(name: string, callback: T): T {
  if (callback === undefined || typeof callback === 'function') return callback
  throw new TypeError(`${name} must be a function`)
}

/** By what it can do, not by its class: one from another realm (a vm context, a test's DOM) is as good. */
export function checkSignal(signal: AbortSignal | undefined): AbortSignal | undefined {
  if (signal === undefined) return undefined
  if (typeof signal?.aborted !== 'boolean' || typeof signal.addEventListener !== 'function') {
    throw new TypeError('signal must be an AbortSignal')
  }
  return signal
}

/** One of a set of words. */
export function checkWord<T extends string>(name: string, value: T, words: readonly T[]): T {
  if (!words.includes(value)) {
    throw new TypeError(`${name} must be one of ${words.join(', ')}, not ${JSON.stringify(value)}`)
  }
  return value
}

/** No other names than these: what is misspelt is never left out in silence. */
export function checkNames(options: object, names: readonly string[]): void {
  for (const [name, value] of Object.entries(options)) {
    if (value !== undefined && !names.includes(name)) throw unknownOption(name, names)
  }
}

/** The error for an option that there is not, with the one that may have been meant. */
export function unknownOption(name: string, names: readonly string[]): TypeError {
  const wanted = name.toLowerCase().slice(0, 6)
  const meant = names.find((known) => known.toLowerCase().startsWith(wanted))
  const hint = meant === undefined ? '' : `; did you mean ${meant}?`
  return new TypeError(`there is no option ${JSON.stringify(name)}${hint}`)
}
