/** node:http and node:https over a reactor: agents, for everything that takes one (axios, got, node-fetch, AWS SDK, ws). */
import { type AgentOptions, type ClientRequestArgs, Agent as HttpAgent } from 'node:http'
import {
  Agent as HttpsAgent,
  type AgentOptions as HttpsAgentOptions,
  type RequestOptions,
} from 'node:https'
import type { Duplex } from 'node:stream'
import type { TLSSocket } from 'node:tls'
import { type Dialer, type DialOptions, dial, equip, onTopOf, type SocketWishes } from './dial.js'

export type { Dialer, DialOptions } from './dial.js'

/** What a request, or the agent, says of its socket besides where it goes to. */
interface Asked extends SocketWishes {
  readonly host?: string | null | undefined
  readonly port?: number | string | null | undefined
  readonly socketPath?: string | null | undefined
  readonly localAddress?: string | undefined
}

/**
 * An `http.Agent` whose sockets are the reactor's.
 *
 * A request's `lookup`, `family` and `localPort` have no say: names, and the order of their addresses, are the reactor's.
 *
 * @example
 * ```ts
 * import { get } from 'node:http'
 * import { httpAgent } from '@pollout/adapters/http'
 * import { createReactor } from 'pollout'
 *
 * const agent = httpAgent(createReactor(), { keepAlive: true })
 * get('http://127.0.0.1:8080/', { agent }, (response) => response.pipe(process.stdout))
 * ```
 */
export function httpAgent(
  reactor: Dialer,
  options: AgentOptions = {},
  dialOptions: DialOptions = {},
): HttpAgent {
  return new (class extends HttpAgent {
    override createConnection(asked: ClientRequestArgs): Duplex {
      return open(reactor, asked, dialOptions)
    }
  })(options)
}

/**
 * An `https.Agent` whose sockets are the reactor's; TLS over them, and the cache of its sessions, are Node's.
 *
 * @example
 * ```ts
 * import { get } from 'node:https'
 * import { httpsAgent } from '@pollout/adapters/http'
 * import { createReactor } from 'pollout'
 *
 * const agent = httpsAgent(createReactor(), { keepAlive: true })
 * get('https://127.0.0.1:8443/', { agent }, (response) => response.pipe(process.stdout))
 * ```
 */
export function httpsAgent(
  reactor: Dialer,
  options: HttpsAgentOptions = {},
  dialOptions: DialOptions = {},
): HttpsAgent {
  return new (class extends HttpsAgent {
    override createConnection(asked: RequestOptions): Duplex {
      const { timeout, ...below }: Asked = asked
      const duplex = open(reactor, below, dialOptions)
      const overDuplex: RequestOptions & { socket: Duplex } = { ...asked, socket: duplex }
      const socket = super.createConnection(overDuplex) as TLSSocket
      return onTopOf(duplex, socket, { timeout })
    }
  })(options)
}

/** The agent adds to what was asked: no delay (its default), and keep-alive where it keeps its sockets. */
function open(reactor: Dialer, asked: Asked, options: DialOptions) {
  const { host, port, socketPath: path, localAddress } = asked
  return equip(dial(reactor, { host, port, path, localAddress }, options), asked)
}
