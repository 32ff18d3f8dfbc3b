/** tedious (SQL Server) over a reactor, by its `connector` option. */
import { once } from 'node:events'
import type { ConnectionConfiguration } from 'tedious'
import { type Dialer, type DialOptions, dial } from './dial.js'

export type { Dialer, DialOptions } from './dial.js'

type Connector = NonNullable<NonNullable<ConnectionConfiguration['options']>['connector']>
type Connected = Awaited<ReturnType<Connector>>

/**
 * What tedious tells its connector, though its types do not say so: also where a server sends it on to.
 *
 * @example
 * ```ts
 * import { type TediousPlace, tediousConnector } from '@pollout/adapters/tedious'
 * import { createReactor } from 'pollout'
 *
 * const connect = tediousConnector(createReactor())
 * function connector(place?: TediousPlace) {
 *   console.log(`SQL Server at ${place?.host}`)
 *   return connect(place)
 * }
 * ```
 */
export interface TediousPlace {
  readonly host?: string | undefined
  readonly port?: number | undefined
  readonly localAddress?: string | undefined
}

/**
 * Connects to the client's own `server` and `port`, within its `connectTimeout`; `encrypt` works as ever. Its
 * `multiSubnetFailover` has no say: the reactor races addresses by itself.
 *
 * @example
 * ```ts
 * import { tediousConnector } from '@pollout/adapters/tedious'
 * import { createReactor } from 'pollout'
 * import { Connection } from 'tedious'
 *
 * const connector = tediousConnector(createReactor())
 * const client = new Connection({ server: '127.0.0.1', options: { port: 1433, connector } })
 * ```
 */
export function tediousConnector(
  reactor: Dialer,
  dialOptions: DialOptions = {},
): (place?: TediousPlace, lookup?: unknown, signal?: AbortSignal) => Promise<Connected> {
  return async ({ host, port, localAddress } = {}, _lookup, signal) => {
    const duplex = dial(reactor, { host, port, localAddress }, dialOptions)
    try {
      await once(duplex, 'connect', signal && { signal })
    } catch (error) {
      duplex.destroy()
      throw error
    }
    // It has of a net.Socket what tedious, and node:tls, touch.
    return duplex as unknown as Connected
  }
}
