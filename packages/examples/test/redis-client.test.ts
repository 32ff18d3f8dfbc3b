/** The Redis client of example 08 against a real server, on both backends. */

import { RequestError } from '@pollout/framing'
import * as servers from '@pollout/test-servers'
import { backoff, createReactor, type Reactor } from 'pollout'
import { firstValueFrom, lastValueFrom, take, toArray } from 'rxjs'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { RedisClient, type RedisClientOptions } from '../redis/client.js'
import { RedisError } from '../redis/reply.js'
import { BACKENDS, missingBackend, randomBytes, rejection } from './clients.js'

let server: servers.RealServer
beforeAll(async () => {
  server = await servers.startServer(servers.redis())
})
afterAll(() => server.stop())

describe.each(BACKENDS)('the Redis client on %s', (backend) => {
  let reactor: Reactor
  let redis: RedisClient
  const another = (options: RedisClientOptions = {}): RedisClient =>
    new RedisClient(reactor, server.endpoint, {
      reconnect: { backoff: backoff({ firstMs: 5, longestMs: 50 }) },
      ...options,
    })

  beforeEach(async (context) => {
    const missing = server.missing ?? missingBackend(backend)
    if (missing) return context.skip(missing)
    reactor = createReactor({ backend })
    redis = another()
    await redis.command(['FLUSHALL'])
    return undefined
  })
  afterEach(async (context) => {
    if (context.task.result?.state === 'skip') return
    await redis.close()
    const { open, registrations } = reactor.stats()
    await reactor.destroy()
    expect({ open, registrations }).toEqual({ open: 0, registrations: 0 })
  })

  it('carries 5 MB of any bytes, there and back', async () => {
    const value = randomBytes(5_000_000)
    expect(await redis.set('big', value)).toBe(true)
    expect((await redis.get('big'))?.equals(value)).toBe(true)
    expect(await redis.command(['STRLEN', 'big'])).toBe(value.length)
  })

  it('pipelines 10,000 commands, each with its own answer', async () => {
    const answers: Promise<unknown>[] = []
    for (let i = 0; i < 5_000; i++) answers.push(redis.set(`k${i}`, i), redis.get(`k${i}`))
    const all = await Promise.all(answers)
    expect(all.filter((_, i) => i % 2 === 1).map(String)).toEqual(
      Array.from({ length: 5_000 }, (_, i) => String(i)),
    )
    expect(all.filter((_, i) => i % 2 === 0).every((stored) => stored === true)).toBe(true)
  })

  it('gives answers of every kind', async () => {
    expect(await redis.ping()).toBe('PONG')
    expect(await redis.get('nothing')).toBeNull()
    expect(await redis.set('a', '1', { onlyIf: 'present' })).toBe(false)
    expect(await redis.set('a', '1', { onlyIf: 'absent', expireMs: 60_000 })).toBe(true)
    expect(await redis.command(['PTTL', 'a'])).toBeGreaterThan(0)
    expect(await redis.incrBy('a', 41)).toBe(42)
    expect(await redis.hSet('h', { name: 'Ada', raw: Buffer.of(0, 255) })).toBe(2)
    expect(await redis.hGetAll('h')).toEqual(
      new Map([
        ['name', Buffer.from('Ada')],
        ['raw', Buffer.of(0, 255)],
      ]),
    )
    expect(await redis.del('a', 'h', 'nothing')).toBe(2)
    expect(await redis.command(['ZADD', 'z', 1.5, 'one'])).toBe(1)
    expect(await redis.command(['ZSCORE', 'z', 'one'])).toBe(1.5)
    expect(await redis.command(['EVAL', "return {1, {'a', false}}", 0])).toEqual([
      1,
      [Buffer.from('a'), null],
    ])
  })

  it('speaks RESP2, too', async () => {
    await using old = another({ protocol: 2 })
    await old.hSet('h', { a: 1 })
    expect(await old.hGetAll('h')).toEqual(new Map([['a', Buffer.from('1')]]))
    expect(await old.command(['HGETALL', 'h'])).toEqual([Buffer.from('a'), Buffer.from('1')])
    expect(await old.get('nothing')).toBeNull()
    expect(await rejection(firstValueFrom(old.subscribe('news')))).toBeInstanceOf(TypeError)
  })

  it("rejects one command with the server's error, and not its neighbours", async () => {
    const before = redis.set('text', 'abc')
    const wrong = rejection(redis.command(['LPUSH', 'text', 'x']))
    const unknown = rejection(redis.command(['NOSUCH']))
    const after = redis.get('text')
    expect(await wrong).toMatchObject({ name: 'RedisError', code: 'WRONGTYPE' })
    expect(await unknown).toMatchObject({ name: 'RedisError', code: 'ERR' })
    expect([await before, String(await after)]).toEqual([true, 'abc'])
  })

  it('gives a command up after its time; a late answer goes to nobody else', async () => {
    await using pusher = another()
    const late = rejection(redis.command(['BLPOP', 'list', 0], { timeoutMs: 50 }))
    const next = redis.get('list2')
    const error = await late
    expect(error).toBeInstanceOf(RequestError)
    expect(error).toMatchObject({ code: 'ERR_REQUEST_TIMEOUT', sent: true })
    await pusher.command(['RPUSH', 'list', 'late'])
    expect(await next).toBeNull()
    expect(await redis.ping()).toBe('PONG')
  })

  it('brings what others publish, to all that subscribe, until they leave', async () => {
    await using publisher = another()
    const bytes = randomBytes(100_000)
    const received = lastValueFrom(redis.subscribe('news').pipe(take(2), toArray()))
    const first = firstValueFrom(redis.subscribe('news'))
    const other = firstValueFrom(redis.subscribe('other'))
    await redis.ping()
    expect(await publisher.publish('news', 'one')).toBe(1)
    expect(await publisher.publish('news', bytes)).toBe(1)
    expect(await publisher.publish('other', 'two')).toBe(1)
    expect(await received).toEqual([Buffer.from('one'), bytes])
    expect([String(await first), String(await other)]).toEqual(['one', 'two'])
    await redis.ping()
    expect(await publisher.publish('news', 'nobody')).toBe(0)
    expect(() => redis.command(['SUBSCRIBE', 'news'])).toThrow(TypeError)
  })

  it('goes on after a restart of the server, subscriptions included', async () => {
    const received = lastValueFrom(redis.subscribe('news').pipe(take(2), toArray()))
    await redis.publish('news', 'before')
    const sent = rejection(redis.command(['BLPOP', 'list', 0], { timeoutMs: 20_000 }))
    const restarted = server.restart()
    expect(await sent).toMatchObject({ code: 'ERR_CHANNEL_ENDED', sent: true })
    const waiting = [redis.set('k', 'v'), redis.get('k')]
    await restarted
    expect((await Promise.all(waiting)).map(String)).toEqual(['true', 'v'])
    expect(await redis.publish('news', 'after')).toBe(1)
    expect((await received).map(String)).toEqual(['before', 'after'])
  })

  it('reads a value that was on its way when the server was killed as no value at all', async () => {
    await redis.set('big', randomBytes(5_000_000))
    await server.pause()
    const answers = Array.from({ length: 20 }, () => redis.get('big'))
    const settled = Promise.allSettled(answers)
    server.resume()
    await answers[0]
    await server.restart()
    for (const result of await settled) {
      if (result.status === 'fulfilled') expect(result.value).toHaveLength(5_000_000)
      else expect(result.reason).toMatchObject({ code: 'ERR_CHANNEL_ENDED', sent: true })
    }
    expect(await redis.get('big')).toBeNull()
  })

  it('fails what waits where there is no server, by its time or when it gives up', async () => {
    const closed = 'tcp://127.0.0.1:1'
    const patient = new RedisClient(reactor, closed, { timeoutMs: 50 })
    expect(await rejection(patient.ping())).toMatchObject({
      code: 'ERR_REQUEST_TIMEOUT',
      sent: false,
    })
    await patient.close()
    const reconnect = { maxAttempts: 2, backoff: backoff({ firstMs: 1 }) }
    const hasty = new RedisClient(reactor, closed, { reconnect })
    expect(await rejection(hasty.ping())).toMatchObject({ code: 'ECONNREFUSED' })
    expect(await rejection(hasty.get('k'))).toMatchObject({ code: 'ECONNREFUSED' })
    await hasty.close()
  })

  it('logs in, and gives up where the password is wrong', async () => {
    await redis.command(['ACL', 'SETUSER', 'ada', 'reset', 'on', '>secret', '~*', '+@all'])
    for (const protocol of [2, 3] as const) {
      await using ada = another({ protocol, username: 'ada', password: 'secret' })
      expect(String(await ada.command(['ACL', 'WHOAMI']))).toBe('ada')
      await using eve = another({ protocol, username: 'ada', password: 'guess' })
      const error = await rejection(eve.ping())
      expect(error).toBeInstanceOf(RedisError)
      expect(error).toMatchObject({ code: 'WRONGPASS' })
    }
  })

  it('refuses a reply that is larger than it takes', async () => {
    await redis.set('k', randomBytes(2_000))
    await using small = another({ maxReplyBytes: 1_000 })
    expect(await rejection(small.get('k'))).toMatchObject({
      code: 'ERR_CHANNEL_ENDED',
      cause: expect.objectContaining({ code: 'ERR_FRAME_TOO_LARGE' }),
    })
    expect(await small.ping()).toBe('PONG')
  })

  it('closes when all is answered, and takes nothing after that', async () => {
    const client = another()
    const answer = client.set('k', 'v')
    let told = false
    client.subscribe('news').subscribe({ complete: () => (told = true) })
    const closed = client.close()
    expect(await rejection(client.ping())).toMatchObject({ code: 'ERR_CHANNEL_ENDED', sent: false })
    await closed
    expect(await answer).toBe(true)
    expect(told).toBe(true)
    expect(reactor.stats().open).toBe(1)
    await client.close()
  })

  it('closes in the end, too, where an answer does not come', async () => {
    const client = another({ timeoutMs: 1_000 })
    // Before there is a connection: no limit is no limit there, too.
    const forever = rejection(client.command(['BLPOP', 'list', 0], { timeoutMs: Infinity }))
    await client.close()
    expect(await forever).toMatchObject({ code: 'ERR_CHANNEL_ENDED', sent: true })
    expect(reactor.stats().open).toBe(1)
  })
})
