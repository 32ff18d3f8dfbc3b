/** What the examples connect to when they are given nothing else: an echo server of their own, on loopback. */
import { randomInt } from 'node:crypto'
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
  // Not Node's 511: a queue that is full drops who comes next, to try again after a second.
  server.listen({ host: '127.0.0.1', port: 0, backlog: 4_096 }).unref()
  await once(server, 'listening')
  return tcp('127.0.0.1', portOf(server.address()))
}

/** An endpoint where nobody listens: below the ports that the system gives out, so that nobody is given it next. */
export async function closedEndpoint(): Promise<Endpoint> {
  for (;;) {
    const port = randomInt(10_000, 32_768)
    const server = createServer().listen(port, '127.0.0.1')
    const isFree = await once(server, 'listening').then(
      () => true,
      () => false,
    )
    await new Promise((done) => server.close(done))
    if (isFree) return tcp('127.0.0.1', port)
  }
}

function portOf(address: ReturnType<ReturnType<typeof createServer>['address']>): number {
  if (typeof address !== 'object' || address === null) throw new Error('not a TCP server')
  return address.port
}
