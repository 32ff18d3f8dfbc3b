/** MQTT.js over a reactor, by the `streamBuilder` of its `MqttClient`. */

import type { Duplex } from 'node:stream'
import type { ConnectionOptions } from 'node:tls'
import type { IClientOptions, MqttClient } from 'mqtt'
import { type Dialer, type DialOptions, dial, secure, serverNameOf } from './dial.js'

export type { Dialer, DialOptions } from './dial.js'

/**
 * Connects to the client's own `host` and `port`, in TLS where its `protocol` is `mqtts` or `ssl`; anew at each reconnect.
 *
 * @example
 * ```ts
 * import { mqttStream } from '@pollout/adapters/mqtt'
 * import { MqttClient } from 'mqtt'
 * import { createReactor } from 'pollout'
 *
 * const client = new MqttClient(mqttStream(createReactor()), { host: '127.0.0.1', port: 1883 })
 * ```
 */
export function mqttStream(reactor: Dialer, dialOptions: DialOptions = {}) {
  return (client: MqttClient): Duplex => {
    const options: IClientOptions = client.options
    const { host = 'localhost', protocol } = options
    const isSecure = protocol === 'mqtts' || protocol === 'ssl'
    const port = options.port ?? (isSecure ? 8883 : 1883)
    const duplex = dial(reactor, { host, port }, dialOptions)
    if (!isSecure) return duplex
    const servername = serverNameOf(host)
    // TLS options stand among its own. Their path is that of a URL.
    return secure(duplex, { host, servername, ...(options as ConnectionOptions), path: undefined })
  }
}
