/** Errno numbers, names and descriptions of this platform, from Node's own tables. */
import { constants } from 'node:os'
import { getSystemErrorMap } from 'node:util'

/**
 * Positive errno numbers by name, of this platform.
 *
 * @example
 * ```ts
 * import type { ErrnoTable } from '@pollout/core'
 *
 * const retried: readonly (keyof ErrnoTable)[] = ['ECONNREFUSED', 'ETIMEDOUT']
 * ```
 */
export type ErrnoTable = Readonly<typeof constants.errno>

/** Names and descriptions by negated number. A call makes a new map each time, so it is made once. */
const KNOWN_TO_LIBUV = getSystemErrorMap()

/**
 * Positive errno numbers by name: `errno.ECONNREFUSED === 111` on Linux. Libuv's numbers come first, since they are
 * what Node's errors carry (on Windows they differ from the C library's); it does not know all: EINPROGRESS, say.
 *
 * @example
 * ```ts
 * import { errno } from '@pollout/core'
 *
 * const failed = { result: -errno.ECONNREFUSED } // as a backend's calls tell it
 * ```
 */
export const errno: ErrnoTable = {
  ...constants.errno,
  ...Object.fromEntries([...KNOWN_TO_LIBUV].map(([number, [name]]) => [name, -number])),
}

const NAMES = new Map<number, string>()
for (const [name, number] of Object.entries(errno)) {
  // EAGAIN and EWOULDBLOCK are one number; the first name is the usual one.
  if (!NAMES.has(-number)) NAMES.set(-number, name)
}

/**
 * `ECONNREFUSED` for -111. A number without a name gives `E` and the number.
 *
 * @example
 * ```ts
 * import { errnoName } from '@pollout/core'
 *
 * errnoName(-111) // 'ECONNREFUSED' on Linux
 * ```
 */
export function errnoName(negated: number): string {
  return NAMES.get(negated) ?? `E${-negated}`
}

/**
 * `connection refused` for -111; the name where there is no description.
 *
 * @example
 * ```ts
 * import { errnoDescription } from '@pollout/core'
 *
 * errnoDescription(-111) // 'connection refused' on Linux
 * ```
 */
export function errnoDescription(negated: number): string {
  return KNOWN_TO_LIBUV.get(negated)?.[1] ?? errnoName(negated)
}
