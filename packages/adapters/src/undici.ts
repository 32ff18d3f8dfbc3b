/** undici over a reactor, by the `connect` function of its `Agent`, `Pool` and `Client`; so also `fetch()` with a dispatcher. */
import { TLSSocket } from 'node:tls'
import { buildConnector } from 'undici'
import { type Dialer, type DialOptions, dial, onTopOf } from './dial.js'

export type { Dialer, DialOptions } from './dial.js'

type SocketBelow = NonNullable<buildConnector.Options['httpSocket']>

/**
 * A connector for all origins. `options` are those that undici's `connect` takes: TLS (`ca`, `rejectUnauthorized`),
 * `allowH2`, `socketPath`; TLS, and the cache of its sessions, are undici's. How long a connect may take is `timeoutMs`.
 *
 * @example
 * ```ts
 * import { undiciConnector } from '@pollout/adapters/undici'
 * import { createReactor } from 'pollout'
 * import { Agent, fetch } from 'undici'
 *
 * const dispatcher = new Agent({ connect: undiciConnector(createReactor()) })
 * const response = await fetch('https://127.0.0.1:8443/', { dispatcher })
 * ```
 */
export function undiciConnector(
  reactor: Dialer,
  options: buildConnector.BuildOptions = {},
  dialOptions: DialOptions = {},
): buildConnector.connector {
  const secured = buildConnector(options)
  return (asked, callback) => {
    const { hostname: host, protocol, localAddress } = asked
    const isSecure = protocol === 'https:'
    const port = asked.port || (isSecure ? 443 : 80)
    const path = asked.socketPath ?? options.socketPath
    const duplex = dial(reactor, { host, port, path, localAddress }, dialOptions)
    duplex.setNoDelay(true).setKeepAlive(true, 60_000)
    // It has of a net.Socket what undici, and node:tls, touch.
    const httpSocket = duplex as unknown as SocketBelow
    if (isSecure) {
      // What undici declares to return nothing returns the socket.
      const socket: unknown = secured({ ...asked, httpSocket }, callback)
      if (socket instanceof TLSSocket) onTopOf(duplex, socket)
      return
    }
    let answer: buildConnector.Callback | undefined = callback
    const tell = (...outcome: Parameters<buildConnector.Callback>): void => {
      answer?.(...outcome)
      answer = undefined
    }
    duplex.once('connect', () => tell(null, httpSocket)).on('error', (error) => tell(error, null))
  }
}
