/**
 * What happens inside, for tracing: node:diagnostics_channel, published only while somebody listens.
 *
 * | channel | when | message |
 * |---|---|---|
 * | `pollout:connect:start` | a connect takes its first step | {@link ConnectMessage} |
 * | `pollout:connect:attempt` | a try at one of its addresses has ended, in whatever way | {@link ConnectAttemptMessage} |
 * | `pollout:connect:connected` | it has a peer | {@link ConnectedMessage} |
 * | `pollout:connect:error` | it failed, or was cancelled | {@link ConnectErrorMessage} |
 * | `pollout:connection:close` | a connection gave its descriptor back | {@link ConnectionCloseMessage} |
 */
import { channel } from 'node:diagnostics_channel'
import type { SocketAddress } from '../backend/address.js'
import type { CloseMode } from '../backend/backend.js'
import type { Endpoint } from '../endpoint/endpoint.js'
import type { AttemptRecord } from '../errors.js'

export interface ConnectMessage {
  /** The same object in every message about one connect; use it as a key, change nothing in it. */
  readonly request: object
  /** Undefined for an adopted descriptor whose peer is not known yet. */
  readonly endpoint: Endpoint | undefined
  readonly backend: string
}

export interface ConnectAttemptMessage extends ConnectMessage {
  readonly attempt: AttemptRecord
}

export interface ConnectedMessage extends ConnectMessage {
  readonly address: SocketAddress
  readonly elapsedMs: number
}

export interface ConnectErrorMessage extends ConnectMessage {
  /** `ABORT_ERR` for a cancelled one. */
  readonly code: string
  readonly elapsedMs: number
}

export interface ConnectionCloseMessage {
  readonly endpoint: Endpoint
  readonly backend: string
  /** `detached`: the descriptor was given away, and the connection goes on elsewhere. */
  readonly mode: CloseMode | 'detached'
}

export const connectStart = channel('pollout:connect:start')
export const connectAttempt = channel('pollout:connect:attempt')
export const connectConnected = channel('pollout:connect:connected')
export const connectError = channel('pollout:connect:error')
export const connectionClose = channel('pollout:connection:close')
