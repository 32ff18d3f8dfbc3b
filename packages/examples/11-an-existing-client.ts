/**
 * An existing client moved onto the reactor in two lines, those marked here: ioredis, and nothing else of the program changes.
 *
 *     pnpm example 11                           a server at tcp://127.0.0.1:6379
 *     pnpm example 11 tcp://127.0.0.1:7000      one elsewhere
 *
 * Others: packages/adapters/README.md.
 */
import { redisConnector } from '@pollout/adapters/ioredis'
import { Redis } from 'ioredis'
import { createReactor } from 'pollout'

const { hostname: host, port } = new URL(process.argv[2] ?? 'tcp://127.0.0.1:6379')

await using reactor = createReactor() // one
const redis = new Redis({
  host,
  port: Number(port),
  Connector: redisConnector(reactor), // two
  lazyConnect: true,
  retryStrategy: () => null,
})

async function main(): Promise<void> {
  const key = `pollout:example:${process.pid}`
  await redis.set(key, 'Hello, Redis!', 'EX', 60)
  console.log('GET', await redis.get(key))
  const results = await redis.pipeline().incrby(`${key}:n`, 41).incr(`${key}:n`).exec()
  console.log('INCRBY, INCR:', results?.map(([, value]) => value).join(', '))
  console.log('DEL', await redis.del(key, `${key}:n`))

  const { connected, open } = reactor.stats()
  console.log('connections, made by the reactor:', connected, '- open:', open)
  await redis.quit()
}

redis.on('error', ({ message }) => {
  console.error(`No Redis: ${message}`)
  console.error('Start one with "redis-server --port 6379", or say where it is:')
  console.error('  pnpm example 11 tcp://127.0.0.1:6379')
  process.exitCode = 1
})
// Where it fails, that is told above.
await redis.connect().then(main, () => {})
