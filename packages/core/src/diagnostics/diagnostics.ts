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
import type { AttemptRecord } from '../errors/failure.js'

/**
 * What `pollout:connect:start` tells, and every message about the same connect has in it.
 *
 * @example
 * ```ts
 * import { subscribe } from 'node:diagnostics_channel'
 * import { type ConnectMessage, formatEndpoint } from 'pollout'
 *
 * subscribe('pollout:connect:start', (message) => {
 *   const { endpoint, backend } = message as ConnectMessage
 *   console.log(backend, endpoint && formatEndpoint(endpoint))
 * })
 * ```
 */
export interface ConnectMessage {
  /** The same object in every message about one connect; use it as a key, change nothing in it. */
  readonly request: object
  /** Undefined for an adopted descriptor whose peer is not known yet. */
  readonly endpoint: Endpoint | undefined
  readonly backend: string
}

/**
 * What `pollout:connect:attempt` tells: a try at one address has ended, in whatever way.
 *
 * @example
 * ```ts
 * import { subscribe } from 'node:diagnostics_channel'
 * import { type ConnectAttemptMessage, formatAddress } from 'pollout'
 *
 * subscribe('pollout:connect:attempt', (message) => {
 *   const { address, result } = (message as ConnectAttemptMessage).attempt
 *   console.log(formatAddress(address), result)
 * })
 * ```
 */
export interface ConnectAttemptMessage extends ConnectMessage {
  readonly attempt: AttemptRecord
}

/**
 * What `pollout:connect:connected` tells: the address that answered, and the time since the connect's first step.
 *
 * @example
 * ```ts
 * import { subscribe } from 'node:diagnostics_channel'
 * import { type ConnectedMessage, formatAddress } from 'pollout'
 *
 * subscribe('pollout:connect:connected', (message) => {
 *   const { address, elapsedMs } = message as ConnectedMessage
 *   console.log(`${formatAddress(address)} in ${elapsedMs} ms`)
 * })
 * ```
 */
export interface ConnectedMessage extends ConnectMessage {
  /** The address that answered. */
  readonly address: SocketAddress
  /** Since the connect's first step, in milliseconds. */
  readonly elapsedMs: number
}

/**
 * What `pollout:connect:error` tells: a connect has failed, or was cancelled.
 *
 * @example
 * ```ts
 * import { subscribe } from 'node:diagnostics_channel'
 * import type { ConnectErrorMessage } from 'pollout'
 *
 * const failures = new Map<string, number>()
 * subscribe('pollout:connect:error', (message) => {
 *   const { code } = message as ConnectErrorMessage
 *   failures.set(code, (failures.get(code) ?? 0) + 1)
 * })
 * ```
 */
export interface ConnectErrorMessage extends ConnectMessage {
  /** `ABORT_ERR` for a cancelled one. */
  readonly code: string
  /** Since the connect's first step, in milliseconds. */
  readonly elapsedMs: number
}

/**
 * What `pollout:connection:close` tells: a connection gave its descriptor back, or away.
 *
 * @example
 * ```ts
 * import { subscribe } from 'node:diagnostics_channel'
 * import { type ConnectionCloseMessage, formatEndpoint } from 'pollout'
 *
 * subscribe('pollout:connection:close', (message) => {
 *   const { endpoint, mode } = message as ConnectionCloseMessage
 *   console.log(formatEndpoint(endpoint), mode)
 * })
 * ```
 */
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
