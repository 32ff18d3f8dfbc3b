/** ioredis over a reactor, by its `Connector` option. */
import { AbstractConnector, type RedisOptions } from 'ioredis'
import { type Dialer, type DialOptions, dial, secure } from './dial.js'

export type { Dialer, DialOptions } from './dial.js'

type NetStream = Awaited<ReturnType<AbstractConnector['connect']>>

/**
 * A connector for one server, at the client's own `host` and `port` or `path`, with its `tls` where that is set.
 *
 * @example
 * ```ts
 * import { redisConnector } from '@pollout/adapters/ioredis'
 * import { Redis } from 'ioredis'
 * import { createReactor } from 'pollout'
 *
 * const Connector = redisConnector(createReactor())
 * const redis = new Redis({ host: '127.0.0.1', port: 6379, Connector })
 * ```
 */
export function redisConnector(
  reactor: Dialer,
  dialOptions: DialOptions = {},
): new (
  options: unknown,
) => AbstractConnector {
  return class extends AbstractConnector {
    readonly #options: RedisOptions

    constructor(options: unknown) {
      const given = options as RedisOptions
      super(given.disconnectTimeout ?? 2000)
      this.#options = given
    }

    override async connect(): Promise<NetStream> {
      const { host, port = 6379, path, tls } = this.#options
      this.connecting = true
      const duplex = dial(reactor, { host, port, path }, dialOptions)
      const stream = tls ? secure(duplex, { ...(host && { host }), ...tls }) : duplex
      stream.once('error', (error) => {
        this.firstError = error
      })
      // It has of a net.Socket what ioredis touches.
      this.stream = stream as unknown as NetStream
      return this.stream
    }
  }
}
