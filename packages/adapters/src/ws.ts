/** ws over a reactor, by its `createConnection` option. */
import type { ClientRequestArgs } from 'node:http'
import type { Duplex } from 'node:stream'
import type { ConnectionOptions } from 'node:tls'
import { type Dialer, type DialOptions, dial, equip, secure, serverNameOf } from './dial.js'

export type { Dialer, DialOptions } from './dial.js'

/**
 * For `ws:` and `wss:` alike, `ws+unix:` too; TLS options are those of the `WebSocket`.
 *
 * @example
 * ```ts
 * import { webSocketConnection } from '@pollout/adapters/ws'
 * import { createReactor } from 'pollout'
 * import { WebSocket } from 'ws'
 *
 * const createConnection = webSocketConnection(createReactor())
 * const socket = new WebSocket('ws://127.0.0.1:8080/', { createConnection })
 * ```
 */
export function webSocketConnection(reactor: Dialer, dialOptions: DialOptions = {}) {
  return (options: ClientRequestArgs): Duplex => {
    const { host, port, socketPath, defaultPort } = options
    const duplex = dial(reactor, { host, port, path: socketPath }, dialOptions)
    // ws tells the two schemes apart by this alone.
    if (defaultPort !== 443) return equip(duplex, options)
    const servername = serverNameOf(host ?? '')
    // The path is the request's.
    return secure(duplex, { servername, ...(options as ConnectionOptions), path: undefined })
  }
}
