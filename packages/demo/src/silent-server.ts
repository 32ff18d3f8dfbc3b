/**
 * A server that never answers: it listens with a backlog of one, and then its process is stopped by the parent.
 * Once the backlog is full the kernel drops what comes: listen(2), and tcp(7), tcp_abort_on_overflow.
 */
import { createServer } from 'node:net'

process.on('disconnect', () => process.exit())
process.on('SIGINT', () => {})

const server = createServer()
server.listen({ host: '127.0.0.1', port: 0, backlog: 1 }, () => {
  const address = server.address()
  process.send?.([typeof address === 'object' ? address?.port : undefined])
})
