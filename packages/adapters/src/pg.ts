/** pg (node-postgres) over a reactor, by its `stream` option. */

import type { Duplex } from 'node:stream'
import type { Endpoint } from '@pollout/core'
import type { Dialer, DialOptions } from './dial.js'

/**
 * A factory of streams to one server, for a `Client` or for each client of a `Pool`. pg does not tell its factory where to,
 * so that is said here: `tcp://host:port` or `unix:/var/run/postgresql/.s.PGSQL.5432`. The client's own `host` is still
 * the name that its `ssl` checks; `connectionTimeoutMillis`, `keepAlive` and `ssl` work as ever.
 *
 * @example
 * new Pool({ user: 'app', stream: pgStream(reactor, 'tcp://127.0.0.1:5432') })
 */
export function pgStream(
  reactor: Dialer,
  endpoint: Endpoint | string,
  dialOptions: DialOptions = {},
): () => Duplex {
  return () => reactor.duplex(endpoint, dialOptions)
}
