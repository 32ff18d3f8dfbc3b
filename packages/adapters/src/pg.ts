/** pg (node-postgres) over a reactor, by its `stream` option. */

import type { Duplex } from 'node:stream'
import type { Endpoint } from '@pollout/core'
import { type Dialer, type DialOptions, dialEndpoint } from './dial.js'

export type { Dialer, DialOptions } from './dial.js'

/**
 * A factory of streams to one server, for a `Client` or for each client of a `Pool`. pg does not tell its factory where to,
 * so that is said here: `tcp://host:port` or `unix:/var/run/postgresql/.s.PGSQL.5432`. The client's own `host` is still
 * the name that its `ssl` checks; `connectionTimeoutMillis`, `keepAlive` and `ssl` work as ever.
 *
 * @example
 * ```ts
 * import { pgStream } from '@pollout/adapters/pg'
 * import { Pool } from 'pg'
 * import { createReactor } from 'pollout'
 *
 * const stream = pgStream(createReactor(), 'tcp://127.0.0.1:5432')
 * const pool = new Pool({ user: 'app', stream })
 * ```
 */
export function pgStream(
  reactor: Dialer,
  endpoint: Endpoint | string,
  dialOptions: DialOptions = {},
): () => Duplex {
  return () => dialEndpoint(reactor, endpoint, dialOptions)
}
