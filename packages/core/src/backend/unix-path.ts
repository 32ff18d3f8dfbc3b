/** Paths and abstract names of unix(7): bytes for the kernel, text here, and no byte lost in between. */
import { TextDecoder } from 'node:util'

/** Bytes of `sun_path`, less the NUL that ends a path: unix(7). An abstract name may use them all, its own NUL included. */
export const LONGEST_UNIX_PATH = 107
/** A byte that is no part of UTF-8 stands as half of a pair without the other half: U+DC80 for 0x80, to U+DCFF. */
const ESCAPED = /([\udc80-\udcff])/u
/** Any other such half is the text of no bytes. */
const HALF = /[\ud800-\udc7f\udd00-\udfff]/u
const NOT_ASCII = /[^\0-\x7f]/

/** Why no address can have this path, to follow the path in a message; undefined where one can. */
export function unixPathProblem(path: string): string | undefined {
  if (HALF.test(path)) return 'holds half of a surrogate pair, which stands for no bytes'
  // Two texts for one path would let it past a policy that knows the other.
  if (!isUtf8Path(path) && decodeUnixPath(encodeUnixPath(path)) !== path) {
    return 'holds single bytes that together are UTF-8'
  }
  const isAbstract = path.startsWith('\0')
  if (byteLength(path) > (isAbstract ? LONGEST_UNIX_PATH + 1 : LONGEST_UNIX_PATH)) {
    return `is longer than the ${LONGEST_UNIX_PATH} bytes of a unix path`
  }
  // In an abstract name every byte counts; a path would end there, and be another one than was judged.
  if (!isAbstract && path.includes('\0')) return 'holds a NUL character, which ends a unix path'
  return undefined
}

/**
 * Whether a path, or an abstract name, is UTF-8, as Node's own sockets want it.
 *
 * @example
 * ```ts
 * import { isUtf8Path } from '@pollout/core'
 *
 * isUtf8Path('/run/caf\u00e9.sock') // true
 * isUtf8Path('/run/caf\udce9.sock') // false: a byte 0xe9 alone
 * ```
 */
export function isUtf8Path(path: string): boolean {
  return !ESCAPED.test(path)
}

/**
 * The bytes that a path, or an abstract name, has for the kernel.
 *
 * @example
 * ```ts
 * import { encodeUnixPath } from '@pollout/core'
 *
 * encodeUnixPath('\0caf\udce9') // <00 63 61 66 e9>
 * ```
 */
export function encodeUnixPath(path: string): Buffer {
  if (isUtf8Path(path)) return Buffer.from(path)
  const parts = path.split(ESCAPED)
  return Buffer.concat(
    parts.map((part, i) => (i % 2 ? Buffer.of(part.charCodeAt(0) & 0xff) : Buffer.from(part))),
  )
}

/**
 * The text that stands for the bytes of a path, or of an abstract name: no two have the same, and each can be encoded again.
 *
 * @example
 * ```ts
 * import { readdirSync } from 'node:fs'
 * import { decodeUnixPath, unix } from '@pollout/core'
 *
 * for (const name of readdirSync('/run/app', { encoding: 'buffer' })) {
 *   unix(`/run/app/${decodeUnixPath(name)}`) // also where the name is not UTF-8
 * }
 * ```
 */
export function decodeUnixPath(bytes: Uint8Array): string {
  const text = decodeUtf8(bytes)
  if (text !== undefined) return text
  let path = ''
  for (let at = 0; at < bytes.length; ) {
    const length = sequenceLength(bytes[at] as number)
    const character = decodeUtf8(bytes.subarray(at, at + length))
    path += character ?? String.fromCharCode(0xdc00 | (bytes[at] as number))
    at += character === undefined ? 1 : length
  }
  return path
}

function byteLength(path: string): number {
  return NOT_ASCII.test(path) ? encodeUnixPath(path).length : path.length
}

// Node's own: Jest's jsdom has no global one.
const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

function decodeUtf8(bytes: Uint8Array): string | undefined {
  try {
    return utf8.decode(bytes)
  } catch {
    return undefined
  }
}

/** Of the sequence that a byte begins: RFC 3629. */
function sequenceLength(first: number): number {
  if (first < 0xc0) return 1
  if (first < 0xe0) return 2
  return first < 0xf0 ? 3 : 4
}
