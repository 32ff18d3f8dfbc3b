/** Which failures of a session no other try can mend. */
import { errno } from '../backend/errno.js'
import { ConnectError } from '../errors/connect-error.js'

/** This library's own codes that stay true however often one tries. */
const FINAL_CODES = new Set<string>([
  'ERR_UNSUPPORTED',
  'ERR_INVALID_ENDPOINT',
  'ERR_REACTOR_DESTROYED',
  'ERR_BACKEND_BROKEN',
])

/**
 * System calls that the program, or its options, asked for in vain: socket(2), setsockopt(2), connect(2), unix(7). Where a
 * packet says one of these it is a router's word, and may pass; no packet says EPROTOTYPE.
 */
const MISTAKES = new Set<number>(
  [
    errno.EAFNOSUPPORT,
    errno.EPROTONOSUPPORT,
    errno.ENOPROTOOPT,
    errno.EINVAL,
    errno.ENAMETOOLONG,
    errno.EPROTOTYPE,
  ].map((number) => -number),
)

/**
 * Whether no other try can mend an error: mistakes of the program (TypeError, RangeError, ReferenceError, SyntaxError,
 * options that the kernel does not know), what the backend does not support, destinations that the policy denies, and
 * certificates. It is what `reactor.reconnecting()` gives up at unless told otherwise.
 *
 * All else may pass, and is tried again: ECONNREFUSED and ENOENT while a server starts; ENOTFOUND, as names come and go
 * with the network and with what they stand for; whatever a router or a firewall said; EACCES and EPERM, as a server sets the mode of its unix socket after it
 * has bound it, and firewalls are reloaded; EADDRNOTAVAIL; errors in the middle of a TLS handshake that are the network's.
 *
 * @example
 * ```ts
 * import { ConnectError, isBeyondRetry, type ReconnectOptions } from 'pollout'
 *
 * const options: ReconnectOptions = {
 *   giveUp: (error) =>
 *     isBeyondRetry(error) || (error instanceof ConnectError && error.code === 'ENOTFOUND'),
 * }
 * ```
 */
export function isBeyondRetry(error: unknown): boolean {
  if (!(error instanceof ConnectError)) return isProgrammerError(error)
  if (FINAL_CODES.has(error.code)) return true
  const isOwn = error.localFault || error.errno === -errno.EPROTOTYPE
  if (isOwn && error.errno !== undefined && MISTAKES.has(error.errno)) return true
  const phase: string = error.phase
  // A certificate is refused without any system call failing.
  return phase === 'parse' || phase === 'policy' || (phase === 'tls' && !(error.code in errno))
}

function isProgrammerError(error: unknown): boolean {
  return (
    error instanceof TypeError ||
    error instanceof RangeError ||
    error instanceof ReferenceError ||
    error instanceof SyntaxError
  )
}
