/** From Node's error objects to the negated errno that the backend interface speaks. */
import { errno } from '@pollout/core'

/** Errors that Node raises itself and that have no errno: what the system call would have said. */
const NODE_CODES: Readonly<Record<string, number>> = {
  // Node's permission model, where it has no --allow-net.
  ERR_ACCESS_DENIED: -errno.EACCES,
  ERR_INVALID_ADDRESS_FAMILY: -errno.EAFNOSUPPORT,
  ERR_INVALID_ARG_VALUE: -errno.EINVAL,
  ERR_INVALID_IP_ADDRESS: -errno.EINVAL,
  ERR_SOCKET_BAD_PORT: -errno.EINVAL,
  ERR_STREAM_WRITE_AFTER_END: -errno.EPIPE,
}

/**
 * The negated errno of `error`. One without any means that Node gave the socket up by itself: the connection
 * is lost, which is ECONNRESET by the completion rule.
 */
export function negatedErrno(error: unknown): number {
  const { errno: number, code } = error as NodeJS.ErrnoException
  // libuv's numbers are negated errnos already, everywhere but on Windows; core names both by the same table.
  if (typeof number === 'number' && number < 0) return number
  return (code === undefined ? undefined : NODE_CODES[code]) ?? -errno.ECONNRESET
}
