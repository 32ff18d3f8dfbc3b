/** The rules of a destination policy other than address blocks: ports, unix paths and vsock, read and applied. */
import { posix } from 'node:path'
import { unixPathProblem } from '../backend/unix-path.js'
import { asText } from '../base/quote.js'

/**
 * One port, or a range with both ends in it: `443`, `'8000-8999'`.
 *
 * @example
 * ```ts
 * import { destinationPolicy, type PortRule } from 'pollout'
 *
 * const web: readonly PortRule[] = [80, 443, '8000-8999']
 * const policy = destinationPolicy({ ports: web })
 * ```
 */
export type PortRule = number | string

/**
 * A context identifier, with the ports that may be reached there: all where there are none given. vsock(7).
 *
 * @example
 * ```ts
 * import { destinationPolicy, type VsockRule } from 'pollout'
 *
 * const hostAgent: VsockRule = { cid: 2, ports: [1024] }
 * const policy = destinationPolicy({ vsock: [hostAgent] })
 * ```
 */
export interface VsockRule {
  readonly cid: number
  readonly ports?: readonly PortRule[] | undefined
}

export const LAST_PORT = 65_535
export const LAST_U32 = 0xffff_ffff

export function isWhole(value: unknown, last: number): value is number {
  return Number.isInteger(value) && (value as number) >= 0 && (value as number) <= last
}

/** Reads port rules once; the answer says whether a port is in one of them. Throws TypeError for what is none. */
export function portMatcher(
  name: string,
  rules: readonly PortRule[],
  last: number,
): (port: number) => boolean {
  const ranges = checkList(name, rules).map((rule): readonly [number, number] => {
    const [, from, to = from] = /^(\d{1,10})(?:-(\d{1,10}))?$/.exec(String(rule)) ?? []
    const [low, high] = [Number(from), Number(to)]
    if (!isWhole(low, last) || !isWhole(high, last) || low > high) {
      throw new TypeError(
        `${name}: ${text(rule)} is neither a port nor a range; write 443 or '8000-8999'`,
      )
    }
    return [low, high]
  })
  return (port) => ranges.some(([low, high]) => port >= low && port <= high)
}

/** Reads unix rules once; the answer names the one that a path falls under. Throws TypeError for what is none. */
export function unixMatcher(rules: readonly string[]): (path: string) => string | undefined {
  const read = checkList('unixPaths', rules).map((rule) => {
    const raw = typeof rule === 'string' && rule.startsWith('@') ? `\0${rule.slice(1)}` : rule
    const below = typeof raw === 'string' && raw.endsWith('/')
    // A directory is tried with a file in it.
    if (typeof raw !== 'string' || !isPlainUnixPath(below ? `${raw}x` : raw)) {
      throw new TypeError(
        `unixPaths: ${text(rule)} is neither /an/absolute/path, /a/directory/ nor @abstract`,
      )
    }
    return { rule, matches: (path: string) => (below ? path.startsWith(raw) : path === raw) }
  })
  return (path) => read.find(({ matches }) => matches(path))?.rule
}

/** Absolute and in its shortest form, so that equal text means an equal path; or an abstract name. */
export function isPlainUnixPath(path: unknown): path is string {
  if (typeof path !== 'string' || unixPathProblem(path) !== undefined) return false
  // No rule could be read, and none be told, of a name with a NUL in it.
  if (path.includes('\0', 1)) return false
  if (path.startsWith('\0')) return path.length > 1
  if (!path.startsWith('/') || path.endsWith('/')) return false
  return posix.normalize(path) === path
}

/** Reads vsock rules once. Throws TypeError for what is none. */
export function vsockMatcher(rules: readonly VsockRule[]): (cid: number, port: number) => boolean {
  const read = checkList('vsock', rules).map((rule) => {
    if (!isWhole(rule?.cid, LAST_U32)) {
      throw new TypeError(`vsock: ${text(rule?.cid)} is no context identifier`)
    }
    const { cid, ports } = rule
    return { cid, matches: ports ? portMatcher('vsock', ports, LAST_U32) : () => true }
  })
  return (cid, port) => read.some((rule) => rule.cid === cid && rule.matches(port))
}

export function checkList<T>(name: string, rules: readonly T[]): readonly T[] {
  if (!Array.isArray(rules)) throw new TypeError(`${name} must be a list`)
  return rules
}

/** A rule for a message, cut at 80 characters. */
export function text(value: unknown): string {
  return JSON.stringify(asText(value)).slice(0, 80)
}
