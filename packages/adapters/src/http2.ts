/** node:http2 over a reactor, by the `createConnection` of `http2.connect()`. */
import type { SecureClientSessionOptions } from 'node:http2'
import type { Duplex } from 'node:stream'
import { type Dialer, type DialOptions, dial, equip, secure, serverNameOf } from './dial.js'

export type { Dialer, DialOptions } from './dial.js'

/**
 * For `http2.connect()`: `https:` with TLS, whose options are those of the session, else without. A session of `http:` takes
 * any socket but Node's own for connected, so its 'connect' comes at once; where the connect fails, 'error' follows.
 *
 * @example
 * ```ts
 * import { connect } from 'node:http2'
 * import { http2Connection } from '@pollout/adapters/http2'
 * import { createReactor } from 'pollout'
 *
 * const createConnection = http2Connection(createReactor())
 * const session = connect('https://127.0.0.1:8443', { createConnection })
 * ```
 */
export function http2Connection(reactor: Dialer, dialOptions: DialOptions = {}) {
  return (authority: URL, options: SecureClientSessionOptions = {}): Duplex => {
    const isSecure = authority.protocol === 'https:'
    const port = authority.port || (isSecure ? 443 : 80)
    const duplex = dial(reactor, { host: authority.hostname, port }, dialOptions)
    // Node asks its own socket for no delay, and of any other what stands between, which has none.
    if (!isSecure) return equip(duplex, { noDelay: true, ...options })
    const servername = serverNameOf(authority.hostname)
    return secure(duplex, {
      ALPNProtocols: ['h2'],
      servername,
      host: authority.hostname,
      ...options,
    })
  }
}
