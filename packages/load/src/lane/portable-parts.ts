/** What the parts of a portable lane know of each other. */
import type { Clock, ConnectOptions, Endpoint, ExchangeLaneOptions, Reactor } from '@pollout/core'
import type { RequestWriter } from '../request/request-writer.js'
import type { Submitted } from './submitted.js'
import type { Telling } from './telling.js'

/** What such a lane is made of: as any other, but that it connects to endpoints, with all that a connect can be told. */
export interface PortableLaneOptions
  extends Omit<ExchangeLaneOptions, 'peers' | 'options' | 'sources'> {
  readonly endpoints: readonly Endpoint[]
  readonly connect: ConnectOptions
}

/** A connection, as its lane sees it. */
export interface PortableConnectionLike {
  connect(): void
  /** Sends it. Whether there is room for more. */
  begin(given: Submitted): boolean
  /** Looks at its deadline. */
  expire(now: number): void
  /** Closes it; nothing is told. */
  abandon(): void
}

/** The lane, as one of its connections sees it. */
export interface LaneOfConnections {
  readonly reactor: Reactor
  readonly clock: Clock
  readonly options: PortableLaneOptions
  readonly telling: Telling
  readonly writers: readonly RequestWriter[]
  /** It has connected. */
  connected(connection: PortableConnectionLike): void
  /** Its connect has failed, with a negated errno or 0. */
  failed(connection: PortableConnectionLike, status: number): void
  /** It may take another one. */
  freed(connection: PortableConnectionLike): void
  /** One of its exchanges was answered. */
  answered(): void
  /** `wasOfUse`: there was an answer on it, or this side has closed it. */
  gone(connection: PortableConnectionLike, wasOfUse: boolean): void
  /** A turn at that time, or before. */
  wakeAt(at: number, now: number): void
}
