/** What the examples connect to when they are given nothing else: an echo server of their own, on loopback. */
import { once } from 'node:events'
import { createServer } from 'node:net'
import { type Endpoint, parseEndpoint, tcp } from 'pollout'

/** The endpoint given as the program's argument, or else one of an echo server that ends with the program. */
export async function endpointOrEcho(): Promise<Endpoint> {
  const given = process.argv[2]
  if (given) return parseEndpoint(given)
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    socket.on('error', () => {})
    socket.pipe(socket)
  })
  server.listen(0, '127.0.0.1').unref()
  await once(server, 'listening')
  return tcp('127.0.0.1', portOf(server.address()))
}

/** An endpoint where nobody listens. */
export async function closedEndpoint(): Promise<Endpoint> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const port = portOf(server.address())
  server.close()
  await once(server, 'close')
  return tcp('127.0.0.1', port)
}

function portOf(address: ReturnType<ReturnType<typeof createServer>['address']>): number {
  if (typeof address !== 'object' || address === null) throw new Error('not a TCP server')
  return address.port
}
