/** postgres.js over a reactor, by its `socket` option. */
import type { Duplex } from 'node:stream'
import { type Dialer, type DialOptions, dial } from './dial.js'

export type { Dialer, DialOptions } from './dial.js'

/**
 * Of the parsed options that postgres.js hands to its factory.
 *
 * @example
 * ```ts
 * import { type PostgresPlace, postgresSocket } from '@pollout/adapters/postgres'
 * import { createReactor } from 'pollout'
 *
 * const connect = postgresSocket(createReactor())
 * function socket(place: PostgresPlace) {
 *   console.log(`PostgreSQL at ${place.path || place.host[0]}`)
 *   return connect(place)
 * }
 * ```
 */
export interface PostgresPlace {
  readonly host: readonly string[]
  readonly port: readonly number[]
  readonly path?: string | false | undefined
}

/**
 * Connects to the client's own host and port, or path; to the first one where it has several. Its `ssl` works as ever.
 *
 * @example
 * ```ts
 * import { postgresSocket } from '@pollout/adapters/postgres'
 * import { createReactor } from 'pollout'
 * import postgres from 'postgres'
 *
 * const socket = postgresSocket(createReactor())
 * const options: object = { socket } // its own types do not know this option
 * const sql = postgres('postgres://app@127.0.0.1/db', options)
 * ```
 */
export function postgresSocket(reactor: Dialer, dialOptions: DialOptions = {}) {
  return (options: PostgresPlace): Duplex => {
    const { path } = options
    const [host] = options.host
    const [port = 5432] = options.port
    const duplex = dial(reactor, { host, port, path: path || undefined }, dialOptions)
    // It asks its socket for the host, as the name to check in TLS.
    return Object.assign(duplex, { host, port })
  }
}
