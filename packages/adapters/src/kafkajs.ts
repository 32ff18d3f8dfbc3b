/** KafkaJS over a reactor, by its `socketFactory`. */
import type { ISocketFactory } from 'kafkajs'
import { type Dialer, type DialOptions, dial, secure, serverNameOf } from './dial.js'

export type { Dialer, DialOptions } from './dial.js'

/** As KafkaJS has it. */
const KEEP_ALIVE_DELAY_MS = 60_000

/**
 * Makes the sockets to all brokers, also to those that the cluster names.
 *
 * @example
 * ```ts
 * import { kafkaSocketFactory } from '@pollout/adapters/kafkajs'
 * import { Kafka } from 'kafkajs'
 * import { createReactor } from 'pollout'
 *
 * const socketFactory = kafkaSocketFactory(createReactor())
 * const kafka = new Kafka({ brokers: ['127.0.0.1:9092'], socketFactory })
 * ```
 */
export function kafkaSocketFactory(reactor: Dialer, dialOptions: DialOptions = {}): ISocketFactory {
  return ({ host, port, ssl, onConnect }) => {
    const duplex = dial(reactor, { host, port }, dialOptions)
    const socket = ssl ? secure(duplex, { host, servername: serverNameOf(host), ...ssl }) : duplex
    socket.once(ssl ? 'secureConnect' : 'connect', onConnect)
    socket.setKeepAlive(true, KEEP_ALIVE_DELAY_MS)
    // It has of a net.Socket what KafkaJS touches.
    return socket as unknown as ReturnType<ISocketFactory>
  }
}
