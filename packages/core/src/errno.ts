/** Errno numbers and names, from the operating system's own table. */
import { constants } from 'node:os'
import { getSystemErrorMap } from 'node:util'

/** Positive errno numbers of this platform by name: `errno.ECONNREFUSED === 111` on Linux. */
export const errno = constants.errno

const NAMES = new Map<number, string>(
  [...getSystemErrorMap()].map(([number, [name]]) => [number, name]),
)

/** `ECONNREFUSED` for -111; `Unknown system error -N` style text never: an unknown number gives `E<N>`. */
export function errnoName(negated: number): string {
  return NAMES.get(negated) ?? `E${-negated}`
}

/** `connection refused` for -111; falls back to the name. */
export function errnoDescription(negated: number): string {
  return getSystemErrorMap().get(negated)?.[1] ?? errnoName(negated)
}
