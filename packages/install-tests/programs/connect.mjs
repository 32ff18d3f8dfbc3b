/**
 * What the install tests run: connects by the backend that `createReactor()` chooses, and prints what it found as JSON, with
 * the warnings that came.
 */
import { once } from 'node:events'
import { createRequire } from 'node:module'
import { createServer } from 'node:net'
import { backendReport, ConnectError, createReactor, tcp } from 'pollout'
import { firstValueFrom } from 'rxjs'

const warnings = []
process.on('warning', (warning) => warnings.push(String(warning)))

const server = createServer((peer) => peer.end()).listen(0, '127.0.0.1')
await once(server, 'listening')
const reactor = createReactor()
const { backend } = reactor
const endpoint = tcp('127.0.0.1', server.address().port)
const connection = await firstValueFrom(reactor.connect(endpoint))
await connection.close()
await reactor.destroy()
server.close()

const error = await firstValueFrom(reactor.connect(endpoint)).catch((reason) => reason)
// The other copy of the package.
const required = createRequire(import.meta.url)('pollout')
const known = [ConnectError, required.ConnectError].every((one) => error instanceof one)
// A warning comes in a turn of its own.
await new Promise((resolve) => setImmediate(resolve))
console.log(JSON.stringify({ backend, known, report: backendReport(), warnings }))
