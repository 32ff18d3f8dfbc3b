/** Values of the options of `pollout load`: times with units, stages, thresholds. */
import type { RequestPart } from '@pollout/core'
import type { Stage } from '@pollout/load'
import { InvalidArgumentError } from 'commander'
import { escapedText } from '../option-values.js'

const MS: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000 }
const LONGEST_MS = 24 * 3_600_000

/** `10s`, `500ms`, `2m`; a number alone is seconds, as wrk, oha and k6 have it. */
export function duration(text: string): number {
  const [, number, unit = 's'] = /^(\d+(?:\.\d+)?)(ms|s|m|h)?$/.exec(text) ?? []
  const ms = number === undefined ? Number.NaN : Number(number) * (MS[unit] as number)
  if (ms > 0 && ms <= LONGEST_MS) return ms
  throw new InvalidArgumentError('Write a time up to a day: 10s, 500ms, 2m.')
}

/** The same, or nothing at all. */
export function durationOrNone(text: string): number {
  return text === '0' ? 0 : duration(text)
}

/** `1000:10s,5000:30s`: to that rate in that time, from where the one before ended; `=` holds it for all of the time. */
export function stages(text: string): readonly Stage[] {
  return text.split(',').map((part) => {
    const [, hold, rate = '', time = ''] = /^(=?)(\d+(?:\.\d+)?):(.+)$/.exec(part.trim()) ?? []
    if (rate === '') {
      throw new InvalidArgumentError('Write stages as 1000:10s,=1000:30s: to a rate, or = at it.')
    }
    const to = Number(rate)
    return { to, durationMs: duration(time), ...(hold === '=' ? { from: to } : {}) }
  })
}

/** Gathered; what they say is read by who makes load. */
export function thresholds(text: string, before: readonly string[] = []): readonly string[] {
  return [...before, text]
}

export function header(text: string, before: readonly string[] = []): readonly string[] {
  if (/^[!#$%&'*+.^_`|~0-9a-z-]+:[^\r\n]*$/i.test(text)) return [...before, text]
  throw new InvalidArgumentError("Write a header as 'Name: value'.")
}

const FIELD = /\{\{(counter|number|text)(?::(\d+)(?:-(\d+))?)?\}\}/

/**
 * Text with escapes, and with fields that are made anew for each request: `{{counter:6}}`, six digits; `{{number:1-1000}}`;
 * `{{text:8}}`, eight letters and digits.
 */
export function requestParts(text: string): readonly RequestPart[] {
  const parts: RequestPart[] = []
  for (let rest = text; rest !== ''; ) {
    const found = FIELD.exec(rest)
    const before = found ? rest.slice(0, found.index) : rest
    if (before !== '') parts.push({ bytes: escapedText(before) })
    if (found === null) break
    parts.push(fieldOf(found))
    rest = rest.slice(found.index + found[0].length)
  }
  return parts
}

function fieldOf([whole, kind, first, second]: readonly (string | undefined)[]): RequestPart {
  const number = Number(first)
  if (kind === 'counter' && number >= 1 && number <= 20) {
    return { counter: { first: 0, digits: number } }
  }
  if (kind === 'text' && number >= 1 && number <= 65_536) return { text: number }
  const most = Number(second)
  if (kind === 'number' && number <= most && most <= Number.MAX_SAFE_INTEGER) {
    return { number: { least: number, most } }
  }
  throw new InvalidArgumentError(
    `${whole} is no field: write {{counter:digits}}, {{number:least-most}} or {{text:length}}.`,
  )
}
