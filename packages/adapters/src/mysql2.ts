/** mysql2 over a reactor, by its `stream` option. */
import type { Duplex } from 'node:stream'
import { type Dialer, type DialOptions, dial } from './dial.js'

export type { Dialer, DialOptions } from './dial.js'

/**
 * Of what mysql2 tells its factory.
 *
 * @example
 * ```ts
 * import { type MysqlStreamRequest, mysqlStream } from '@pollout/adapters/mysql2'
 * import { createReactor } from 'pollout'
 *
 * const connect = mysqlStream(createReactor())
 * function stream(request: MysqlStreamRequest) {
 *   console.log(`MySQL at ${request.config?.host}`)
 *   return connect(request)
 * }
 * ```
 */
export interface MysqlStreamRequest {
  readonly config?: {
    readonly host?: string | undefined
    readonly port?: number | undefined
    readonly socketPath?: string | undefined
  }
}

/**
 * Connects to the client's own `host` and `port`, or `socketPath`, also for each connection of a pool. Its `ssl` works as
 * ever; `connectTimeout` has no say, but `timeoutMs` has.
 *
 * @example
 * ```ts
 * import { mysqlStream } from '@pollout/adapters/mysql2'
 * import { createPool } from 'mysql2/promise'
 * import { createReactor } from 'pollout'
 *
 * const stream = mysqlStream(createReactor())
 * const pool = createPool({ host: '127.0.0.1', user: 'app', stream })
 * ```
 */
export function mysqlStream(reactor: Dialer, dialOptions: DialOptions = {}) {
  return ({ config = {} }: MysqlStreamRequest): Duplex => {
    const { host, port = 3306, socketPath: path } = config
    return dial(reactor, { host, port, path }, dialOptions).setNoDelay(true)
  }
}
