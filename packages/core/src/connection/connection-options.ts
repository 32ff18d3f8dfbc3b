/** Options of what can be done with a connection. */
import type { TlsOptions } from '../tls/tls-options.js'

/**
 * Options of {@link Connection.send}.
 *
 * @example
 * ```ts
 * import type { Connection, SendOptions } from 'pollout'
 *
 * const soon: SendOptions = { signal: AbortSignal.timeout(500) }
 * async function report(connection: Connection): Promise<void> {
 *   await connection.send('load 0.7\n', soon)
 * }
 * ```
 */
export interface SendOptions {
  /** Takes the data back where nothing of it was sent yet; where some was, the connection is reset. */
  readonly signal?: AbortSignal | undefined
}

/**
 * Options of {@link Connection.chunks}.
 *
 * @example
 * ```ts
 * import type { Connection, ReadOptions } from 'pollout'
 *
 * async function readForASecond(connection: Connection): Promise<void> {
 *   const options: ReadOptions = { signal: AbortSignal.timeout(1_000) }
 *   for await (const chunk of connection.chunks(options)) console.log(chunk.length)
 * }
 * ```
 */
export interface ReadOptions {
  /** Ends the reading, with an error of code `ABORT_ERR`; the connection stays open. */
  readonly signal?: AbortSignal | undefined
}

/**
 * Options of {@link Connection.close}.
 *
 * @example
 * ```ts
 * import type { CloseOptions, Connection } from 'pollout'
 *
 * const impatient: CloseOptions = { timeoutMs: 1_000 }
 * async function leave(connection: Connection): Promise<void> {
 *   await connection.close(impatient)
 * }
 * ```
 */
export interface CloseOptions {
  /** Resets the connection when the peer has not taken everything by then, in milliseconds. Default: no limit. */
  readonly timeoutMs?: number | undefined
}

/**
 * Options of TLS, and of the handshake on a connection that is there already.
 *
 * @example
 * ```ts
 * import type { Connection, TlsConnection, UpgradeOptions } from 'pollout'
 *
 * const options: UpgradeOptions = { servername: 'mail.example.net', timeoutMs: 5_000 }
 * async function startTls(connection: Connection): Promise<TlsConnection> {
 *   await connection.send('STARTTLS\r\n')
 *   for await (const reply of connection) {
 *     if (reply.toString().startsWith('220')) break
 *     throw new Error(`no TLS here: ${reply}`)
 *   }
 *   return connection.upgradeToTls(options)
 * }
 * ```
 */
export interface UpgradeOptions extends TlsOptions {
  /** Time for what is left to be sent, and for the handshake, in milliseconds. Default 30,000. */
  readonly timeoutMs?: number | undefined
  /** Ends the handshake, and resets the connection. */
  readonly signal?: AbortSignal | undefined
}
