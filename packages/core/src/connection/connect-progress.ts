/** What a connect tells of its way before it ends: the events of a socket that connects. */
import type { InetAddress, SocketAddress } from '../backend/address.js'
import type { ConnectError } from '../errors/connect-error.js'
import type { Moving } from '../reactor/patience.js'

/** Both ends of what is connected. */
export interface Ends {
  readonly peerAddress: SocketAddress
  /** Undefined once it is closed. */
  readonly localAddress: SocketAddress | undefined
}

/** Each may put an end to the connect. */
export interface ConnectProgress {
  /** The name stands for these; more may follow. */
  lookedUp(addresses: readonly InetAddress[]): void
  /** The name stands for nothing. */
  notFound(cause: unknown): void
  /** connect(2) was called. */
  attemptBegan(address: SocketAddress): void
  /** It has not ended in the time that it had to itself, and goes on beside the next one. */
  attemptOverdue(address: SocketAddress): void
  /** What connect(2) has come to. */
  attemptFailed(error: ConnectError, address: SocketAddress): void
  /** Connected, and TLS is to follow over `below`. */
  reached(ends: Ends, below: Moving): void
}
