/** The programs that the real world's peers run in, as source text: they work from src and dist alike, and in CJS. */

/**
 * All peers that answer. Started with a folder for its sockets and a prefix for abstract names, it sends
 * `{ ports, missing }` when they listen, and `{ record }` for each connection that a recording peer saw the end of.
 * Takes `{ stranger: { port, host, message } }`: to send a datagram from a socket of its own; answers `sent`. Takes `listenUp`, and `{ fill: { path } | { host, port } }`: to connect until a backlog of 1 is full; answers `filled`.
 */
export const PEERS_PROGRAM = `
import { createHash, randomInt } from 'node:crypto'
import dgram from 'node:dgram'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import net from 'node:net'
import { join } from 'node:path'

const [folder, prefix] = process.argv.slice(1)
const missing = {}
const ports = {}
const deaf = new Set()

// The system gives ports out from 32768 on: on a lower one that was given back, nobody else comes to listen.
let refusedPort = 0
while (refusedPort === 0 || !(await isFree(refusedPort))) refusedPort = randomInt(1024, 32768)
const portOf = (kind) => kind === 'refused' ? refusedPort : 0

async function isFree(port) {
  const server = net.createServer().listen(port)
  try {
    await once(server, 'listening')
  } catch {
    return false
  }
  server.close()
  await once(server, 'close')
  return true
}

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
    tcp4: { host: '127.0.0.1', port: portOf(kind) },
    tcp6: { host: '::1', port: portOf(kind) },
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
for (const [transport, type, host] of [['udp4', 'udp4', '127.0.0.1'], ['udp6', 'udp6', '::1']]) {
  for (const kind of ['echo', 'refused']) {
    const socket = dgram.createSocket(type)
    try {
      socket.bind(portOf(kind), host)
      await once(socket, 'listening')
    } catch (error) {
      missing[transport] = error.code
      continue
    }
    ports[kind][transport] = socket.address().port
    if (kind === 'refused') socket.close()
    else socket.on('message', (message, from) => socket.send(message, from.port, from.address))
  }
}

// connect(2) refuses a file that is no socket as it does a stale one: unix(7).
writeFileSync(join(folder, 'refused'), '')

process.on('message', (message) => {
  if (message === 'listenUp') listenUp()
  else if (message.stranger) {
    const { host, port, message: text } = message.stranger
    const socket = dgram.createSocket(host.includes(':') ? 'udp6' : 'udp4')
    socket.send(text, port, host, () => socket.close(() => process.send('sent')))
  } else fill(message.fill)
})

// What is connected may not be accepted yet: libuv takes one connection of a listener in a turn.
function listenUp(turns = 8) {
  if (turns > 0) return void setImmediate(listenUp, turns - 1)
  for (const socket of deaf) { record(socket); socket.resume() }
  deaf.clear()
}

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

/**
 * Echoes on a unix datagram and a unix packet socket, in a folder given, in Python: Node has neither. Writes a line when
 * they are there; ends with its standard input. A file without a socket behind it, `refused.*`, is left for each, too.
 */
export const UNIX_MESSAGES_PROGRAM = `
import os, selectors, socket, sys

folder = sys.argv[1]
poll = selectors.DefaultSelector()

def bound(kind, name):
    made = socket.socket(socket.AF_UNIX, kind)
    made.bind(os.path.join(folder, name))
    return made

bound(socket.SOCK_DGRAM, 'refused.datagrams').close()
bound(socket.SOCK_SEQPACKET, 'refused.packets').close()
datagrams = bound(socket.SOCK_DGRAM, 'echo.datagrams')
packets = bound(socket.SOCK_SEQPACKET, 'echo.packets')
packets.listen()

def echo_datagram(made):
    message, sender = made.recvfrom(1 << 18)
    if sender:
        made.sendto(message, sender)

def accept(made):
    poll.register(made.accept()[0], selectors.EVENT_READ, echo_packet)

def echo_packet(made):
    message = made.recv(1 << 18)
    if message:
        made.send(message)
    else:
        poll.unregister(made)
        made.close()

poll.register(datagrams, selectors.EVENT_READ, echo_datagram)
poll.register(packets, selectors.EVENT_READ, accept)
poll.register(sys.stdin, selectors.EVENT_READ, lambda made: sys.exit())
os.write(1, b'ready\\n')
while True:
    for key, _ in poll.select():
        try:
            key.data(key.fileobj)
        except OSError:
            pass
`
