/** The far ends of simulated connections: what a peer is, and the usual kinds of them. */

import type { ConnectStatus, SocketAddress, SystemResult } from '@pollout/core'
/**
 * The far end of one accepted connection, as the peer's program holds it.
 *
 * @example
 * ```ts
 * import type { SimulatedPeer, SimulatedPeerEnd } from '@pollout/testing'
 *
 * const ends: SimulatedPeerEnd[] = []
 * const peer: SimulatedPeer = {
 *   accept(end) {
 *     ends.push(end)
 *     return {}
 *   },
 * }
 * function powerCut(): void {
 *   for (const end of ends) end.reset()
 * }
 * ```
 */
export interface SimulatedPeerEnd {
  /** What was connected to. */
  readonly address: SocketAddress
  /** Goes on its way when the near end has room for it. */
  write(data: Uint8Array): void
  /** Ends this direction, after what was written. */
  end(): void
  /** RST: what was written and not yet received is lost. */
  reset(): void
  /** Takes nothing more until `resume()`: the near end's sends will block. */
  pause(): void
  resume(): void
}

/**
 * What a peer's program is told. Each is called in a loop turn of its own.
 *
 * @example
 * ```ts
 * import type { SimulatedPeerEnd, SimulatedPeerProgram } from '@pollout/testing'
 *
 * function redis(end: SimulatedPeerEnd): SimulatedPeerProgram {
 *   return {
 *     data: (chunk) =>
 *       end.write(Buffer.from(String(chunk) === 'PING\r\n' ? '+PONG\r\n' : '-ERR\r\n')),
 *     end: () => end.end(),
 *   }
 * }
 * ```
 */
export interface SimulatedPeerProgram {
  data?(chunk: Buffer): void
  /** FIN. */
  end?(): void
  /** RST. */
  reset?(): void
}

/**
 * What happens to those who connect to an address.
 *
 * @example
 * ```ts
 * import { type SimulatedPeer, simulatedNetwork } from '@pollout/testing'
 *
 * const slowGreeter: SimulatedPeer = {
 *   latencyMs: 300,
 *   accept(end) {
 *     end.write(Buffer.from('220 mail.test\r\n'))
 *     return { end: () => end.end() }
 *   },
 * }
 * simulatedNetwork().listen({ family: 'inet', address: '192.0.2.1', port: 25 }, slowGreeter)
 * ```
 */
export interface SimulatedPeer {
  /** What connect() answers at once; -EINPROGRESS and 0 go on. Default -EINPROGRESS. */
  connect?(): SystemResult
  /** How the handshake ends: CONNECTED, SELF_CONNECTED, a negated errno; undefined: never. Default CONNECTED. */
  handshake?(): ConnectStatus | undefined
  /** Time that the handshake takes, in milliseconds. Default 0: one loop turn. */
  readonly latencyMs?: number
  /** Whom the accepted connection talks to. Default: somebody who reads and says nothing. */
  accept?(end: SimulatedPeerEnd): SimulatedPeerProgram
  /** Is told of a datagram; each reply is a datagram, too. Without it, datagrams are refused where a handshake is, or lost. */
  datagram?(message: Buffer, reply: (message: Uint8Array) => void): void
}

/**
 * Sends back what it gets, and ends when the near end does.
 *
 * @example
 * ```ts
 * import { echoPeer, simulatedNetwork } from '@pollout/testing'
 *
 * simulatedNetwork().listen({ family: 'inet', address: '192.0.2.1', port: 7 }, echoPeer())
 * ```
 */
export function echoPeer(): SimulatedPeer {
  return {
    accept: (end) => ({ data: (chunk) => end.write(chunk), end: () => end.end() }),
    datagram: (message, reply) => reply(message),
  }
}

/**
 * Fails every connect with a negated errno: with readiness, or `atOnce` from connect() itself.
 *
 * @example
 * ```ts
 * import { errno } from '@pollout/core'
 * import { failingPeer, simulatedNetwork } from '@pollout/testing'
 *
 * const network = simulatedNetwork()
 * const unreachable = failingPeer(-errno.ENETUNREACH, { atOnce: true })
 * network.listen({ family: 'inet6', address: '2001:db8::1', port: 80 }, unreachable)
 * ```
 */
export function failingPeer(result: number, { atOnce = false } = {}): SimulatedPeer {
  return atOnce ? { connect: () => result } : { handshake: () => result }
}

/**
 * Never answers.
 *
 * @example
 * ```ts
 * import { silentPeer, simulatedNetwork } from '@pollout/testing'
 *
 * simulatedNetwork().listen({ family: 'inet', address: '192.0.2.1', port: 17 }, silentPeer())
 * ```
 */
export function silentPeer(): SimulatedPeer {
  return { handshake: () => undefined }
}
