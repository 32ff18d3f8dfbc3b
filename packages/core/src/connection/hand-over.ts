/** The way from a connection to Node's own sockets: the one place where core opens something of `node:net`. */
import { closeSync } from 'node:fs'
import { Socket as NetSocket } from 'node:net'

export type { NetSocket }

/**
 * Options of {@link Connection.toNetSocket}.
 *
 * @example
 * ```ts
 * import type { Connection, NetSocketOptions } from 'pollout'
 *
 * const options: NetSocketOptions = { allowHalfOpen: true }
 * function handOver(connection: Connection): void {
 *   connection.toNetSocket(options).end('Hello, Server!')
 * }
 * ```
 */
export interface NetSocketOptions {
  /** This side's stream stays open when the peer ends its own. Default false, as in `node:net`. */
  readonly allowHalfOpen?: boolean | undefined
}

/** A `net.Socket` that owns the descriptor from now on. */
export function netSocketOf(descriptor: number, options: NetSocketOptions): NetSocket {
  const { allowHalfOpen = false } = options
  try {
    // Without these two it would neither read nor write: their default is false where a descriptor is given.
    return new NetSocket({ fd: descriptor, readable: true, writable: true, allowHalfOpen })
  } catch (error) {
    closeSync(descriptor)
    throw error
  }
}
