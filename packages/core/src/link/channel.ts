/** What a connection stands on: a non-blocking way to a peer. The socket itself is one, TLS over another one is one. */
import type { SocketAddress } from '../backend/address.js'
import type { CloseMode, SystemResult } from '../backend/backend.js'
import type { Interest } from '../backend/readiness.js'
import type { SocketOptionName } from '../backend/socket-options.js'
import type { Failure } from '../errors/failure.js'
import type { Moving } from '../reactor/patience.js'
import type { ValueOf } from '../socket/socket-calls.js'
import type { TcpInfo } from '../socket/tcp-info.js'

export interface ChannelListener {
  /** What was wanted and can be done now; has to be wanted anew. */
  ready(due: Interest): void
  /** Nothing will become ready any more. */
  broken(why: Failure): void
}

/** Calls answer as those of a backend do: a result >= 0, or a negated errno; none blocks, none throws for the network. */
export interface Channel {
  /** Undefined where it has none, or is closed. */
  readonly localAddress: SocketAddress | undefined
  /** Whoever is told from now on, in place of who was before. */
  attach(listener: ChannelListener): void
  /** Reports what is ready of this, once. Nothing is reported before the call has returned. */
  want(interest: Interest): void
  unwant(interest: Interest): void
  /** Whether what is wanted keeps the process alive; it does until told otherwise. */
  keepAlive(wanted: boolean): void
  receive(into: Uint8Array): SystemResult
  /** Whether a 0 that was just received is the end, and no empty packet; missing where it always is. */
  readonly ended?: boolean
  send(data: Uint8Array, offset: number): SystemResult
  shutdown(): SystemResult
  /** Bytes that it has taken and not passed on yet; missing where it keeps none. */
  readonly heldBytes?: number
  /** Tells when all that it has taken by now is with the kernel, or that it never will be; missing where it keeps none. */
  whenOut?(told: (isOut: boolean) => void): void
  /** What it stands on itself; missing where that is a socket. */
  readonly below?: Moving
  /** Resolves when all that was taken is out; undefined, or missing, where that is so already. Before a graceful close. */
  finish?(): Promise<void> | undefined
  /** The end was not the peer's own word, as far as this channel can tell; missing where there is no such word. */
  readonly truncated?: boolean
  /** What a negated errno of the calls above stands for: a channel may know more than the number says. */
  failureOf(result: SystemResult, phase: 'receive' | 'send', syscall: string): Failure
  /** Idempotent. */
  close(mode: CloseMode): void
  setOption<Name extends SocketOptionName>(name: Name, value: ValueOf<Name>): void
  getOption<Name extends SocketOptionName>(name: Name): ValueOf<Name>
  tcpInfo(): TcpInfo
  /** Gives the descriptor away and is closed; throws where it can't, and then goes on. */
  detach(): number
}
