/** `duplex()`: a connect as a Node stream that is there at once. */
import { ConnectionDuplex, type DuplexOptions } from '../connection/duplex.js'
import { type Endpoint, socketTypeOf } from '../endpoint/endpoint.js'
import { toEndpoint } from '../endpoint/endpoint-text.js'
import type { OutboundCore } from '../outbound/outbound-core.js'
import { unsupported } from '../socket/socket-calls.js'
import { connect } from './connect.js'
import type { ConnectOptions } from './connect-options.js'

/** See {@link Reactor.duplex}. */
export function duplex(
  core: OutboundCore,
  target: Endpoint | string,
  options: ConnectOptions & DuplexOptions = {},
): ConnectionDuplex {
  const { allowHalfOpen, readableHighWaterMark, writableHighWaterMark, ...others } = options
  const endpoint = toEndpoint(target)
  if (socketTypeOf(endpoint) !== 'stream') {
    throw unsupported(core.backend, `a Duplex of ${endpoint.scheme} sockets`)
  }
  const forStream = { allowHalfOpen, readableHighWaterMark, writableHighWaterMark }
  return new ConnectionDuplex(core, forStream, endpoint, (told) => {
    const connecting = connect(core, endpoint, others, told)
    const subscription = connecting.subscribe({ next: told.connected, error: told.failed })
    return () => subscription.unsubscribe()
  })
}
