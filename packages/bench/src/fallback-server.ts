/** The server of the bench where there is no C compiler; as yardstick/server.c, but slower. */
import { randomInt } from 'node:crypto'
import { once } from 'node:events'
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net'

const PORT_TRIES = 100
const [hold = '0', ...addresses] = process.argv.slice(2)
const held: Socket[] = []
let nextHeld = 0

const { port, servers } = await listenOnAll()
// Nobody can bind without listening here. But the system gives ports out from 32,768 on: on a lower one nobody else comes to listen.
const closed = await listenOnAll(() => randomInt(1_024, 32_768))
for (const server of closed.servers) server.close()
process.stdout.write(`${JSON.stringify({ port, closedPort: closed.port })}\n`)
process.stdin.resume().on('end', () => process.exit())

function keep(socket: Socket): void {
  socket.on('error', () => {})
  held[nextHeld]?.destroy()
  held[nextHeld] = socket
  nextHeld = (nextHeld + 1) % Number(hold)
}

async function listenOnAll(choose = () => 0): Promise<{ port: number; servers: Server[] }> {
  for (let attempt = 0; attempt < PORT_TRIES; attempt++) {
    const servers: Server[] = []
    let port = choose()
    try {
      for (const host of addresses) {
        const server = createServer({ pauseOnConnect: true }, keep)
        servers.push(server)
        server.listen({ host, port, backlog: 4096 })
        await once(server, 'listening')
        port = (server.address() as AddressInfo).port
      }
      return { port, servers }
    } catch (error) {
      for (const server of servers) server.close()
      if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw error
    }
  }
  throw new Error('no port is free on all the addresses')
}

process.on('SIGTERM', () => {
  for (const server of servers) server.close()
  process.exit()
})
