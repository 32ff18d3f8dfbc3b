/**
 * Connect, send "Hello, Server!", print what comes back, close.
 *
 *     pnpm example 01                        an echo server of its own
 *     pnpm example 01 tcp://127.0.0.1:80     a real one: nginx answers "400 Bad Request", as it should
 */
import { createReactor } from 'pollout'
import { firstValueFrom } from 'rxjs'
import { endpointOrEcho } from './embedded-server.js'

await using reactor = createReactor()
const endpoint = await endpointOrEcho()

await using connection = await firstValueFrom(reactor.connect(endpoint, { timeoutMs: 1_000 }))
console.log('connected, by the', connection.backend, 'backend')

await connection.send('Hello, Server!\r\n\r\n')
await connection.end()
for await (const chunk of connection) process.stdout.write(chunk)
