/**
 * Makes a `dgram.Socket` that binds and connects within the call.
 *
 * Node asks a name service for every address, literals too, and so is done later; with a `lookup` that answers at once
 * it calls bind(2) and connect(2) before its own bind() and connect() return.
 */
import { createSocket, type Socket } from 'node:dgram'
import type { InetAddress, SocketSpec } from '@pollout/core'
import type { DatagramOptions } from './datagram-options.js'
import { inetAddress } from './socket-address.js'
import { negatedErrno } from './system-error.js'
import { zonedHost } from './zone.js'

/** A socket bound to that address, which must be a literal; or the negated errno of why not. */
export function openDatagrams(
  { family }: SocketSpec,
  { address, port }: Pick<InetAddress, 'address' | 'port'>,
  options: DatagramOptions,
): Socket | number {
  const type = family === 'inet6' ? 'udp6' : 'udp4'
  const socket = createSocket({ type, ipv6Only: options.ipv6Only, lookup: answerLiteral })
  let refusal = 0
  const onRefused = (error: Error) => {
    refusal = negatedErrno(error)
  }
  socket.on('error', onRefused)
  // Exclusive: in a worker of a cluster the primary would bind otherwise, and answer later.
  socket.bind({ address: zonedHost(address), port, exclusive: true })
  refusal ||= options.applyTo(socket)
  if (refusal !== 0) {
    socket.close()
    return refusal
  }
  socket.off('error', onRefused)
  // It reads for as long as it is open, which must not keep the process alive.
  return socket.unref()
}

/** Undefined where it has none; Node throws. */
export function peerOf(socket: Socket, { family }: SocketSpec): InetAddress | undefined {
  try {
    const { address, port } = socket.remoteAddress()
    return inetAddress(family, address, port)
  } catch {
    return undefined
  }
}

function answerLiteral(
  address: string,
  family: unknown,
  callback: (error: null, address: string, family: number) => void,
): void {
  callback(null, address, Number(family))
}
