/** The programs that the real world's peers run in, as source text: they work from src and dist alike, and in CJS. */

/**
 * All peers that answer. Started with a folder for its sockets and a prefix for abstract names, it sends
 * `{ ports, missing }` when they listen, and `{ record }` for each connection that a recording peer saw the end of.
 * Takes `listenUp`, and `{ fill: { path } | { host, port } }`: to connect until a backlog of 1 is full; answers `filled`.
 */
export const PEERS_PROGRAM = `
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import net from 'node:net'
import { join } from 'node:path'

const [folder, prefix] = process.argv.slice(1)
const missing = {}
const ports = {}
const deaf = new Set()

function record(socket) {
  const hash = createHash('sha1')
  let bytes = 0
  let end = 'reset'
  socket.on('data', (chunk) => { bytes += chunk.length; hash.update(chunk) })
  socket.on('end', () => { end = 'fin'; socket.end() })
  socket.on('close', () => process.send({ record: { bytes, digest: hash.digest('hex'), end } }))
}

const kinds = {
  echo(socket) { socket.on('data', (chunk) => {
    if (!socket.write(chunk)) { socket.pause(); socket.once('drain', () => socket.resume()) }
  }).on('end', () => socket.end()) },
  recorder: record,
  deaf(socket) { socket.pause(); deaf.add(socket) },
  curt(socket) { socket.end(); kinds.deaf(socket) },
  greeter(socket) { socket.write('hello'); socket.end(); record(socket) },
  witness(socket) { socket.write('hello'); record(socket) },
  resetter(socket) { socket.once('data', () => socket.resetAndDestroy()) },
  refused() {},
}

for (const [kind, serve] of Object.entries(kinds)) {
  const places = {
    tcp4: { host: '127.0.0.1', port: 0 },
    tcp6: { host: '::1', port: 0 },
    unix: { path: join(folder, kind) },
    abstract: { path: '\\0' + (prefix + kind).padEnd(107, '-') },
  }
  ports[kind] = {}
  for (const [transport, place] of Object.entries(places)) {
    const server = net.createServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
      socket.on('error', () => {})
      serve(socket)
    })
    try {
      server.listen(place)
      await once(server, 'listening')
    } catch (error) {
      missing[transport] = error.code
      continue
    }
    ports[kind][transport] = server.address().port ?? 0
    if (kind === 'refused') { server.close(); await once(server, 'close') }
  }
}
// connect(2) refuses a file that is no socket as it does a stale one: unix(7).
writeFileSync(join(folder, 'refused'), '')

process.on('message', (message) => {
  if (message === 'listenUp') {
    for (const socket of deaf) { record(socket); socket.resume() }
    deaf.clear()
  } else fill(message.fill)
})

// A unix socket is turned away when the backlog is full; a tcp socket waits, when two have found a place.
function fill(place) {
  let connected = 0
  let full = false
  const tell = () => {
    if (full) return
    full = true
    process.send('filled')
  }
  const next = () => net.connect(place).on('error', tell).on('connect', () => {
    if (place.port && ++connected === 2) tell()
    if (!full) next()
  })
  next()
}

process.once('disconnect', () => process.exit())
process.send({ ports, missing })
`

/** Listens at the place given as JSON, with a backlog of 1, and says so; whoever stops it keeps it from accepting. */
export const LISTENER_PROGRAM = `
import net from 'node:net'
const server = net.createServer((socket) => { socket.on('error', () => {}); socket.pipe(socket) })
server.listen({ ...JSON.parse(process.argv[1]), backlog: 1 }, () => process.send({ port: server.address().port ?? 0 }))
process.once('disconnect', () => process.exit())
`
