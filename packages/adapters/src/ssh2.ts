/** ssh2 over a reactor, by its `sock` option. */

import type { Duplex } from 'node:stream'
import type { Endpoint } from '@pollout/core'
import type { Dialer, DialOptions } from './dial.js'

/**
 * A stream for one `connect()`, which it waits for. The client's own `host` and `port` have no say.
 *
 * @example
 * client.connect({ sock: sshSocket(reactor, 'tcp://127.0.0.1:22'), username: 'app', privateKey })
 */
export function sshSocket(
  reactor: Dialer,
  endpoint: Endpoint | string,
  dialOptions: DialOptions = {},
): Duplex {
  return reactor.duplex(endpoint, dialOptions)
}
