/** ioredis against redis-server. */
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { redis } from '@pollout/test-servers'
import { Redis } from 'ioredis'
import { describe, expect, onTestFinished } from 'vitest'
import { redisConnector } from '../src/ioredis.js'
import { authorityOf, type Scene, withServer } from './setups.js'

for (const isSecure of [false, true]) {
  const open = (scene: Scene, options: object = {}): Redis => {
    const { reactor, server } = scene
    const client = new Redis({
      host: '127.0.0.1',
      port: server.port,
      Connector: redisConnector(reactor),
      ...(isSecure && { tls: { ca: authorityOf(scene) } }),
      retryStrategy: () => 20,
      ...options,
    })
    onTestFinished(() => client.disconnect())
    return client
  }

  describe(`ioredis${isSecure ? ', in TLS' : ''}`, () => {
    withServer(redis({ tls: isSecure }), (test) => {
      test('commands, a pipeline of 10,000, a subscription', async (scene) => {
        const client = open(scene)
        await client.set('name', 'value')
        expect(await client.get('name')).toBe('value')
        const pipeline = client.pipeline()
        for (let i = 0; i < 10_000; i++) pipeline.incr('count')
        const results = await pipeline.exec()
        expect(results?.map(([, n]) => n)).toEqual(results?.map((_, i) => i + 1))
        const listener = open(scene)
        await listener.subscribe('news')
        const told = once(listener, 'message')
        await client.publish('news', 'hello')
        expect(await told).toEqual(['news', 'hello'])
        await client.del('count')
        await Promise.all([client.quit(), listener.quit()])
      })

      test('20 MB there and back', async (scene) => {
        const client = open(scene)
        const data = randomBytes(20 * 1024 * 1024)
        await client.set('large', data)
        expect((await client.getBuffer('large'))?.equals(data)).toBe(true)
        await client.quit()
      })

      test('the server goes and comes back: the client reconnects by itself', async (scene) => {
        const client = open(scene, { maxRetriesPerRequest: null })
        const refusals: unknown[] = []
        client.on('error', (error) => refusals.push(error))
        await client.ping()
        await scene.server.down()
        const answer = client.ping()
        const refusal = expect.objectContaining({ code: 'ECONNREFUSED', port: scene.server.port })
        await expect.poll(() => refusals).toContainEqual(refusal)
        await scene.server.up()
        expect(await answer).toBe('PONG')
        await client.quit()
      })

      test('disconnected while a command waits: it is told, and the socket is closed', async (scene) => {
        const client = open(scene)
        await client.ping()
        const waiting = client.blpop('nothing', 0)
        client.disconnect()
        await expect(waiting).rejects.toThrow('Connection is closed')
      })
    })
  })
}
