/** Few connections for many users, a name with two addresses, and a policy for addresses that strangers hand in. */
import { once } from 'node:events'
import { createServer } from 'node:net'
import {
  type AttemptRecord,
  ConnectError,
  createReactor,
  formatAddress,
  hostsResolver,
  publicInternetOnly,
} from 'pollout'
import { firstValueFrom } from 'rxjs'

/** Answers each line with its number on this connection. On IPv4 only. */
const server = createServer((socket) => {
  let asked = 0
  socket.on('error', () => {}).on('data', () => socket.write(`answer ${++asked}\n`))
})
server.listen(0, '127.0.0.1')
await once(server, 'listening')
const address = server.address()
const port = typeof address === 'object' ? address?.port : undefined

// What a name server would say, by hand: this name has two addresses, and nobody listens at the first.
const resolver = hostsResolver({ 'twins.test': ['::1', '127.0.0.1'], 'inside.test': '127.0.0.1' })

async function pool(): Promise<void> {
  await using reactor = createReactor()
  await using connections = reactor.pool(`tcp://127.0.0.1:${port}`, { maxConnections: 2 })
  const answers = Array.from({ length: 6 }, () =>
    connections.use(async (connection) => {
      await connection.send('a question\n')
      const chunks = connection.chunks()
      const { value } = await chunks.next()
      // The next one to have the connection wants to read from it.
      await chunks.return()
      return String(value).trim()
    }),
  )
  console.log('pool:', (await Promise.all(answers)).sort().join(', '))
  const { leased, idle } = connections.stats()
  console.log('pool:', { leased, idle })
}

/** RFC 8305: the next address gets its turn at once where one fails, and after a short while where one is silent. */
async function happyEyeballs(): Promise<void> {
  await using reactor = createReactor({ resolver })
  const onAttempt = ({ address: to, result }: AttemptRecord): void =>
    console.log('attempt:', formatAddress(to).replace(`:${port}`, ''), result)
  const connecting = reactor.connect(`tcp://twins.test:${port}`, { attemptDelayMs: 250, onAttempt })
  await using connection = await firstValueFrom(connecting)
  console.log('failed before it connected:', connection.failedAttempts.length)
}

/** It is asked about addresses, just before each connect: no spelling, and no name, leads around it. */
async function policy(): Promise<void> {
  await using reactor = createReactor({ resolver, policy: publicInternetOnly })
  for (const host of ['127.0.0.1', '[::ffff:127.0.0.1]', '0.0.0.0', 'inside.test']) {
    const connecting = firstValueFrom(reactor.connect(`tcp://${host}:${port}`))
    const error = await connecting.catch((reason: unknown) => reason)
    console.log('policy:', host, error instanceof ConnectError && `${error.phase} ${error.code}`)
  }
}

await pool()
await happyEyeballs()
await policy()
server.close()
