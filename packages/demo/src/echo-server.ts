/** The demo's echo server, a process of its own: on a TCP port and on a unix socket, whose path is its argument. */
import { createServer, type Socket } from 'node:net'

function echo(socket: Socket): void {
  socket.on('error', () => {})
  socket.pipe(socket)
}

function listen(where: { host: string; port: number } | { path: string }) {
  const server = createServer(echo)
  return new Promise<ReturnType<typeof server.address>>((resolve, reject) => {
    server.once('error', reject)
    server.listen({ ...where, backlog: 4_096 }, () => resolve(server.address()))
  })
}

// Ends with its parent, however that ends; Ctrl-C is the parent's to handle.
process.on('disconnect', () => process.exit())
process.on('SIGINT', () => {})

const tcp = await listen({ host: '127.0.0.1', port: 0 })
await listen({ path: process.argv[2] ?? '' })
process.send?.({ port: typeof tcp === 'object' ? tcp?.port : undefined })
