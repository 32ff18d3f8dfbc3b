/** What each errno says about whose trouble it is. */
import type { SocketSpec } from '../backend/address.js'
import { errno } from '../backend/errno.js'
import type { Failure } from './failure.js'

/**
 * Of what connect(2) *returns* and send(2) says of itself, that which says nothing about the peer: exhausted, forbidden or
 * mistaken on this side. What SO_ERROR *reports* once a connect is under way is never in here, whatever its number.
 */
const LOCAL = new Set<number>(
  [
    errno.EMFILE,
    errno.ENFILE,
    errno.ENOBUFS,
    errno.ENOMEM,
    errno.EADDRNOTAVAIL,
    errno.EADDRINUSE,
    errno.EACCES,
    errno.EPERM,
    errno.EAFNOSUPPORT,
    errno.EPROTONOSUPPORT,
    errno.ENOPROTOOPT,
    errno.EINVAL,
    errno.ENODEV,
    errno.ENETDOWN,
    errno.EBADF,
    errno.ENOSPC,
    errno.ENAMETOOLONG,
    errno.EEXIST,
    // On a unix socket it is the peer's backlog, and is waited for; on others, no port is left: udp_v4_get_port().
    errno.EAGAIN,
  ].map((number) => -number),
)

/**
 * What a router or a firewall says with an ICMP packet that there is no way: `icmp_err_convert` of net/ipv4/icmp.c,
 * `tab_unreach` of net/ipv6/icmp.c, and "parameter problem". Two of these are local where a call returns them.
 */
const NO_WAY = new Set(
  [
    'EHOSTUNREACH',
    'ENETUNREACH',
    'EHOSTDOWN',
    'ENONET',
    'ENOPROTOOPT',
    'EOPNOTSUPP',
    'EPROTO',
    'EACCES',
  ].map((name) => -((errno as Readonly<Record<string, number>>)[name] ?? Number.NaN)),
)

/** The network said that there is no way to the peer, or none that is allowed. */
export function isUnreachable({ errno: number, localFault }: Failure): boolean {
  return number !== undefined && !localFault && NO_WAY.has(number)
}

/** Whether an ICMP packet may have said it. */
export function isCarried(negatedErrno: number): boolean {
  return NO_WAY.has(negatedErrno)
}

/** What the process or the machine as a whole has run out of: descriptors and memory. */
const EXHAUSTION = new Set<number>(
  [errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM].map((number) => -number),
)

/** Something has run out that the end of any other connect may give back. */
export function isExhaustion({ errno: number, localFault }: ErrnoFault): boolean {
  return localFault && number !== undefined && EXHAUSTION.has(number)
}

type ErrnoFault = Pick<Failure, 'errno' | 'localFault'>

/** The destination policy said no. */
export function isDenial({ phase }: Failure): boolean {
  return phase === 'policy'
}

const PORT_EXHAUSTION = new Set<number>(
  [errno.EADDRNOTAVAIL, errno.EADDRINUSE, errno.EAGAIN].map((number) => -number),
)

/**
 * No local port is left for this destination: only the end of a connect to the same one, or from the same port, gives
 * one back. From bind(2), EADDRNOTAVAIL is another thing: the address is not of this machine.
 */
export function isPortExhaustion({ errno: number, syscall, localFault }: Failure): boolean {
  if (!localFault) return false
  if (number === -errno.EADDRNOTAVAIL && syscall === 'bind') return false
  return number !== undefined && PORT_EXHAUSTION.has(number)
}

/** Whether it says nothing about the peer, where a call has returned it. */
export function isOwnWord(negatedErrno: number, spec: SocketSpec | undefined): boolean {
  // The peer is connected to somebody else: unix_may_send() of net/unix/af_unix.c. Landlock's EPERM looks the same, and is rarer.
  const isTaken = negatedErrno === -errno.EPERM && spec?.family === 'unix' && spec.type === 'dgram'
  return !isTaken && LOCAL.has(negatedErrno)
}
