/**
 * A client for a protocol of lines: memcached, in the folder memcached/; lines() and RequestChannel do most of it.
 *
 *     pnpm example 09                           a server at tcp://127.0.0.1:11211
 *     pnpm example 09 tcp://127.0.0.1:7000      one elsewhere
 */
import { ConnectError, createReactor } from 'pollout'
import { firstValueFrom } from 'rxjs'
import { MemcachedClient, MemcachedError } from './memcached/client.js'

const endpoint = process.argv[2] ?? 'tcp://127.0.0.1:11211'

async function main(): Promise<void> {
  await using reactor = createReactor()
  const connection = await firstValueFrom(reactor.connect(endpoint, { timeoutMs: 1_000 }))
  await using memcached = new MemcachedClient(connection)
  const key = (name: string): string => `pollout:example:${process.pid}:${name}`

  console.log('version', await memcached.version())
  await memcached.set(key('greeting'), 'Hello, memcached!\r\nEND\r\n', 60)
  console.log('get', JSON.stringify(String(await memcached.get(key('greeting')))))

  await memcached.set(key('count'), '0', 60)
  const sums = await Promise.all(
    Array.from({ length: 1_000 }, () => memcached.increment(key('count'))),
  )
  console.log('incr, 1000 times:', sums[0], 'to', sums.at(-1))

  const found = await memcached.getMany([key('greeting'), key('nothing'), key('count')])
  console.log('get, 3 keys:', found.size, 'found')

  const error = await memcached.increment(key('greeting')).catch((reason: unknown) => reason)
  console.log('incr of a text:', error instanceof MemcachedError && error.message)
  console.log(
    'delete',
    await memcached.delete(key('greeting')),
    await memcached.delete(key('count')),
  )
}

await main().catch((error: unknown) => {
  if (!(error instanceof ConnectError)) throw error
  console.error(`No memcached: ${error.message}`)
  console.error('Start one with "memcached -l 127.0.0.1 -p 11211", or say where it is:')
  console.error('  pnpm example 09 tcp://127.0.0.1:11211')
  process.exitCode = 1
})
