/**
 * The peers of the model test, in a process of their own, so that their descriptors do not disturb the counts.
 * Argument: a folder for Unix sockets. Prints one line of JSON when all listen; ends when its standard input does.
 */
import { once } from 'node:events'
import { writeFileSync, writeSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'

const [folder] = process.argv.slice(2)
/** Several addresses: a port in TIME_WAIT is held for one destination only. */
const HOSTS = ['127.0.0.1', '127.0.0.2', '127.0.0.3', '::1']
const GREETING = 'hello'

const BEHAVIOURS = {
  echo: (socket) => socket.pipe(socket),
  greeter: (socket) => socket.resume().end(GREETING),
  // Only TCP has a reset.
  resetter: (socket) =>
    socket.remotePort === undefined ? socket.destroy() : socket.resetAndDestroy(),
}

const addresses = []

for (const [kind, behave] of Object.entries(BEHAVIOURS)) {
  for (const host of HOSTS) {
    const server = await listen(behave, { host, port: 0 })
    if (server !== undefined) addresses.push({ kind, ...inet(server.address()) })
  }
  const path = join(folder, kind)
  await listen(behave, { path })
  addresses.push({ kind, family: 'unix', path })
}
// Node 20 pads an abstract name with NULs, which makes it another one.
if (Number.parseInt(process.versions.node, 10) >= 22) {
  const path = `\0${folder}/echo`
  await listen(BEHAVIOURS.echo, { path })
  addresses.push({ kind: 'echo', family: 'unix', path })
}

const plainFile = join(folder, 'plain-file')
writeFileSync(plainFile, '')
addresses.push({ kind: 'closed', family: 'unix', path: plainFile })
addresses.push({ kind: 'missing', family: 'unix', path: join(folder, 'missing') })

process.stdin.on('end', () => process.exit()).resume()
writeSync(1, `${JSON.stringify(addresses)}\n`)

/** Undefined where this machine has no such address. */
async function listen(behave, where) {
  const server = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
    socket.on('error', () => socket.destroy())
    behave(socket)
  })
  server.listen({ ...where, backlog: 4096 })
  return once(server, 'listening').then(
    () => server,
    () => undefined,
  )
}

function inet({ address, family, port }) {
  return { family: family === 'IPv6' ? 'inet6' : 'inet', address, port }
}
