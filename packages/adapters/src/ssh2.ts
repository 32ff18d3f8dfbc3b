/** ssh2 over a reactor, by its `sock` option. */

import type { Duplex } from 'node:stream'
import type { Endpoint } from '@pollout/core'
import { type Dialer, type DialOptions, dialEndpoint } from './dial.js'

export type { Dialer, DialOptions } from './dial.js'

/**
 * A stream for one `connect()`, which it waits for. The client's own `host` and `port` have no say.
 *
 * @example
 * ```ts
 * import { readFileSync } from 'node:fs'
 * import { sshSocket } from '@pollout/adapters/ssh2'
 * import { createReactor } from 'pollout'
 * import { Client } from 'ssh2'
 *
 * const sock = sshSocket(createReactor(), 'tcp://127.0.0.1:22')
 * new Client()
 *   .on('ready', () => console.log('logged in'))
 *   .connect({ sock, username: 'app', privateKey: readFileSync('app.key') })
 * ```
 */
export function sshSocket(
  reactor: Dialer,
  endpoint: Endpoint | string,
  dialOptions: DialOptions = {},
): Duplex {
  return dialEndpoint(reactor, endpoint, dialOptions)
}
