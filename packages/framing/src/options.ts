/** Checks of what users pass in: a mistake is thrown at once. */

/** Where the protocol sets no limit of its own: enough for most messages, and nothing that hurts. */
const DEFAULT_MAX_BYTES = 1_048_576

/**
 * How much of a stream may have to be kept.
 *
 * @example
 * ```ts
 * import { delimited, type FrameLimits } from '@pollout/framing'
 *
 * const small: FrameLimits = { maxBytes: 1_024 }
 * const records = delimited('\x1e', small)
 * ```
 */
export interface FrameLimits {
  /** The longest frame that is taken, without its delimiter or header. Default 1,048,576 bytes. */
  readonly maxBytes?: number | undefined
}

/** Text in quotes: what looks like a number may be the mistake. */
export function shown(value: unknown): string {
  return typeof value === 'string' ? JSON.stringify(value) : String(value)
}

/** No other names than these: what is misspelt is never left out in silence. */
export function checkNames(options: object, names: readonly string[]): void {
  for (const [name, value] of Object.entries(options)) {
    if (value === undefined || names.includes(name)) continue
    throw new TypeError(`there is no option ${JSON.stringify(name)}, only ${names.join(', ')}`)
  }
}

export function checkMaxBytes(maxBytes: number = DEFAULT_MAX_BYTES): number {
  return checkWhole('maxBytes', maxBytes, 1)
}

export function checkLimits(options: FrameLimits): number {
  checkNames(options, ['maxBytes'])
  return checkMaxBytes(options.maxBytes)
}

export function checkWhole(name: string, value: number, least: number): number {
  if (!Number.isSafeInteger(value) || value < least) {
    throw new RangeError(`${name} must be a whole number from ${least}, not ${shown(value)}`)
  }
  return value
}

export function checkDelimiter(delimiter: unknown, encoding: BufferEncoding = 'utf8'): Buffer {
  const bytes =
    typeof delimiter === 'string'
      ? Buffer.from(delimiter, encoding)
      : delimiter instanceof Uint8Array
        ? Buffer.from(delimiter)
        : undefined
  if (bytes === undefined || bytes.length === 0) {
    throw new TypeError('delimiter must be text or a Uint8Array, and not empty')
  }
  return bytes
}

/** A whole number from 1, or Infinity for no limit. */
export function checkCount(name: string, value: number): number {
  return value === Number.POSITIVE_INFINITY ? value : checkWhole(name, value, 1)
}

/** Timers in Node take no more: 24.8 days. */
const LONGEST_TIMER_MS = 2 ** 31 - 1

/** Milliseconds, more than 0; as good as none beyond what a timer takes. */
export function checkDuration(name: string, value: number): number {
  if (typeof value !== 'number' || !(value > 0)) {
    throw new RangeError(
      `${name} must be more than 0 milliseconds (Infinity for no limit), not ${shown(value)}`,
    )
  }
  return value > LONGEST_TIMER_MS ? Number.POSITIVE_INFINITY : value
}

/** By what it can do, not by its class: one from another realm is as good. */
export function checkSignal(signal: AbortSignal | undefined): AbortSignal | undefined {
  if (signal === undefined) return undefined
  if (typeof signal?.aborted !== 'boolean' || typeof signal.addEventListener !== 'function') {
    throw new TypeError('signal must be an AbortSignal')
  }
  return signal
}
