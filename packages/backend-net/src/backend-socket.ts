/** What the backend asks of a socket, whatever its type, and what all sockets of one backend share. */
import type {
  CloseMode,
  ConnectStatus,
  ConnectTimes,
  Interest,
  SocketAddress,
  SocketOptionName,
  SocketOptionValue,
  SystemResult,
} from '@pollout/core'
import type { Copies } from './copies.js'
import type { Lingering } from './lingering.js'
import type { LoopHold } from './loop-hold.js'
import type { ReadyQueue } from './ready-queue.js'
import type { StreamPool } from './stream-pool.js'

/** The calls of `Backend` that concern one socket, less the handle. */
export interface BackendSocket {
  connect(to: SocketAddress): SystemResult
  bind(at: SocketAddress): SystemResult
  disconnect(): SystemResult
  setOption(name: SocketOptionName, value: SocketOptionValue): SystemResult
  register(token: number, interest: Interest): void
  /** Takes the registration back. */
  disarm(): void
  finishConnect(times: ConnectTimes | undefined): ConnectStatus
  /** Of the errno that was told last: a call on this side said it. */
  readonly failedHere: boolean
  receive(into: Uint8Array): SystemResult
  send(data: Uint8Array, offset: number): SystemResult
  shutdown(): SystemResult
  localAddress(): SocketAddress | undefined
  peerAddress(): SocketAddress | undefined
  /** Whether what is under way may keep the process alive. */
  setReferenced(referenced: boolean): void
  /** The last call: what then still has to go out is in the context's `lingering`. */
  close(mode: CloseMode): void
}

export interface SocketContext {
  readonly queue: ReadyQueue
  readonly loopHold: LoopHold
  readonly streams: StreamPool
  readonly lingering: Lingering
  readonly copies: Copies
}
