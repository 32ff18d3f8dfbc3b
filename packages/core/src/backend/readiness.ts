/** Interest and readiness: the bits of poll(2) that the reactor speaks. */

/**
 * What a registration waits for. Combine with `|`.
 *
 * @example
 * ```ts
 * import { createReactor, Interest } from 'pollout'
 *
 * const reactor = createReactor()
 * const socket = reactor.socket('inet')
 * socket.connect({ family: 'inet', address: '127.0.0.1', port: 6379 }) // 'EINPROGRESS'
 * reactor.readiness(socket, Interest.WRITABLE).subscribe(() => console.log(socket.finishConnect()))
 * ```
 */
export const Interest = {
  /** Data, end of stream, or a pending connection can be read: POLLIN. */
  READABLE: 1,
  /** Data can be sent, or a connect has ended: POLLOUT. */
  WRITABLE: 2,
} as const

/** A combination of {@link Interest} bits, 1 to 3. */
export type Interest = number

/**
 * What a socket was found ready for. ERROR and HANGUP come without having been asked for, as with poll(2).
 *
 * @example
 * ```ts
 * import { createReactor, Interest, Readiness } from 'pollout'
 * import { firstValueFrom } from 'rxjs'
 *
 * await using reactor = createReactor()
 * const socket = reactor.socket('inet')
 * socket.connect({ family: 'inet', address: '127.0.0.1', port: 6379 })
 * const ready = await firstValueFrom(reactor.readiness(socket, Interest.WRITABLE))
 * if (ready & Readiness.ERROR) console.log('it failed:', socket.finishConnect())
 * ```
 */
export const Readiness = {
  READABLE: 1,
  WRITABLE: 2,
  /** POLLERR: an error is pending; reading SO_ERROR tells which, once. */
  ERROR: 4,
  /** POLLHUP or POLLRDHUP: the peer, or both sides, will send no more. */
  HANGUP: 8,
} as const

/** A combination of {@link Readiness} bits. */
export type Readiness = number
