/**
 * The demo's server that takes every connection, and ends it at once: a process of its own, on as many TCP ports as its
 * first argument says, and on the unix socket whose path is its second.
 */
import { createServer, type Socket } from 'node:net'
import { BACKLOG } from './backlog.js'

function end(socket: Socket): void {
  socket.on('error', () => {})
  socket.destroy()
}

function listen(where: { host: string; port: number } | { path: string }) {
  // Never read from: what is taken for it costs less than a connect, so it keeps up with the client.
  const server = createServer({ pauseOnConnect: true }, end)
  return new Promise<ReturnType<typeof server.address>>((resolve, reject) => {
    server.once('error', reject)
    server.listen({ ...where, backlog: BACKLOG }, () => resolve(server.address()))
  })
}

// Ends with its parent, however that ends; Ctrl-C is the parent's to handle.
process.on('disconnect', () => process.exit())
process.on('SIGINT', () => {})

const [ports, path = ''] = process.argv.slice(2)
const addresses = await Promise.all(
  Array.from({ length: Number(ports) }, () => listen({ host: '127.0.0.1', port: 0 })),
)
await listen({ path })
process.send?.(
  addresses.map((address) => (typeof address === 'object' ? address?.port : undefined)),
)
