/**
 * A complete small Redis client, in the folder redis/: pipelining, binary values, errors, published messages, reconnecting.
 *
 *     pnpm example 08                           a server at tcp://127.0.0.1:6379
 *     pnpm example 08 tcp://127.0.0.1:7000      one elsewhere
 */
import { backoff, ConnectError, createReactor } from 'pollout'
import { firstValueFrom } from 'rxjs'
import { RedisClient } from './redis/client.js'
import { RedisError } from './redis/reply.js'

const endpoint = process.argv[2] ?? 'tcp://127.0.0.1:6379'

async function main(): Promise<void> {
  await using reactor = createReactor()
  await using redis = new RedisClient(reactor, endpoint, {
    reconnect: { backoff: backoff({ firstMs: 50 }), maxAttempts: 3, timeoutMs: 1_000 },
  })
  const key = (name: string): string => `pollout:example:${process.pid}:${name}`

  console.log('PING', await redis.ping())
  await redis.set(key('greeting'), 'Hello, Redis!\r\nand goodbye', { expireMs: 60_000 })
  console.log('GET', String(await redis.get(key('greeting'))))

  // All are under way at once, on one connection; the answers come in the order of the questions.
  const sums = await Promise.all(Array.from({ length: 1_000 }, () => redis.incrBy(key('count'))))
  console.log('INCRBY, 1000 times:', sums[0], 'to', sums.at(-1))

  await redis.hSet(key('user'), { name: 'Ada', born: 1815 })
  console.log('HGETALL', [...(await redis.hGetAll(key('user')))].map(String).join(' '))

  const error = await redis.incrBy(key('greeting')).catch((reason: unknown) => reason)
  console.log('INCRBY of a text:', error instanceof RedisError && error.message)

  const news = firstValueFrom(redis.subscribe(key('news')))
  console.log('PUBLISH to', await redis.publish(key('news'), 'extra, extra'), 'client')
  console.log('message:', String(await news))

  console.log('DEL', await redis.del(key('greeting'), key('count'), key('user')))
}

await main().catch((error: unknown) => {
  if (!(error instanceof ConnectError)) throw error
  console.error(`No Redis: ${error.message}`)
  console.error('Start one with "redis-server --port 6379", or say where it is:')
  console.error('  pnpm example 08 tcp://127.0.0.1:6379')
  process.exitCode = 1
})
