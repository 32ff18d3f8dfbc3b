/** The memcached client of example 09 against a real server, on both backends. */
import * as servers from '@pollout/test-servers'
import { type Connection, createReactor, type Reactor } from 'pollout'
import { firstValueFrom, lastValueFrom, of, toArray } from 'rxjs'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { MemcachedClient, MemcachedError, type MemcachedOptions } from '../memcached/client.js'
import { memcachedReplies } from '../memcached/replies.js'
import { BACKENDS, missingBackend, randomBytes, rejection } from './clients.js'

let server: servers.RealServer
beforeAll(async () => {
  server = await servers.startServer(servers.memcached)
})
afterAll(() => server.stop())

describe.each(BACKENDS)('the memcached client on %s', (backend) => {
  let reactor: Reactor
  let memcached: MemcachedClient
  const connect = (): Promise<Connection> => firstValueFrom(reactor.connect(server.endpoint))
  const another = async (options?: MemcachedOptions): Promise<MemcachedClient> =>
    new MemcachedClient(await connect(), options)

  beforeEach(async (context) => {
    const missing = server.missing ?? missingBackend(backend)
    if (missing) return context.skip(missing)
    reactor = createReactor({ backend })
    memcached = await another({ maxValueBytes: 8_000_000 })
    return undefined
  })
  afterEach(async (context) => {
    if (context.task.result?.state === 'skip') return
    await memcached.close()
    const { open, registrations } = reactor.stats()
    await reactor.destroy()
    expect({ open, registrations }).toEqual({ open: 0, registrations: 0 })
  })

  it('carries 5 MB of any bytes, there and back', async () => {
    const values = [
      randomBytes(5_000_000),
      Buffer.alloc(5_000_000, 'x'),
      Buffer.from('END\r\n'),
      Buffer.alloc(0),
    ]
    for (const value of values) {
      await memcached.set('big', value)
      expect((await memcached.get('big'))?.equals(value)).toBe(true)
    }
  })

  it('pipelines 10,000 commands, each with its own answer', async () => {
    const stored: Promise<void>[] = []
    const found: Promise<Buffer | undefined>[] = []
    for (let i = 0; i < 5_000; i++) {
      stored.push(memcached.set(`k${i}`, String(i)))
      found.push(memcached.get(`k${i}`))
    }
    await Promise.all(stored)
    expect((await Promise.all(found)).map(String)).toEqual(Array.from(found, (_, i) => String(i)))
  })

  it('gives answers of every kind', async () => {
    expect(await memcached.version()).toMatch(/^1\./)
    expect(await memcached.get('nothing')).toBeUndefined()
    await memcached.set('schlüssel', '41')
    expect(await memcached.increment('schlüssel')).toBe(42)
    expect(await memcached.increment('nothing')).toBeUndefined()
    const found = await memcached.getMany(['nothing', 'schlüssel'])
    expect([...found].map(String)).toEqual(['schlüssel,42'])
    expect(await memcached.delete('schlüssel')).toBe(true)
    expect(await memcached.delete('schlüssel')).toBe(false)
  })

  it("rejects one command with the server's error, and not its neighbours", async () => {
    await memcached.set('text', 'abc')
    const wrong = rejection(memcached.increment('text'))
    const large = rejection(memcached.set('large', Buffer.alloc(17 * 1_048_576)))
    const after = memcached.get('text')
    expect(await wrong).toBeInstanceOf(MemcachedError)
    expect(await wrong).toHaveProperty('message', expect.stringMatching(/^CLIENT_ERROR /))
    expect(await large).toHaveProperty(
      'message',
      expect.stringMatching(/^SERVER_ERROR .*too large/),
    )
    expect(String(await after)).toBe('abc')
  })

  it('lets no key bring a command of its own', async () => {
    for (const key of ['', 'a b', 'a\r\nflush_all', 'a\0', 'x'.repeat(251)]) {
      expect(await rejection(memcached.get(key))).toBeInstanceOf(TypeError)
    }
  })

  it('gives a command up after its time; a late answer goes to nobody else', async () => {
    await memcached.set('k', 'late')
    await server.pause()
    const late = rejection(memcached.get('k', { timeoutMs: 50 }))
    const next = memcached.version()
    expect(await late).toMatchObject({ code: 'ERR_REQUEST_TIMEOUT', sent: true })
    server.resume()
    expect(await next).toMatch(/^1\./)
    expect(String(await memcached.get('k'))).toBe('late')
  })

  it('ends with its connection when the server is restarted; the next connection works', async () => {
    await server.pause()
    const pending = rejection(memcached.get('k'))
    await server.restart()
    expect(await pending).toMatchObject({ code: 'ERR_CHANNEL_ENDED', sent: true })
    expect(await rejection(memcached.get('k'))).toMatchObject({
      code: 'ERR_CHANNEL_ENDED',
      sent: false,
    })
    await using fresh = await another()
    await fresh.set('k', 'v')
    expect(String(await fresh.get('k'))).toBe('v')
  })

  it('refuses a value that is larger than it takes', async () => {
    await memcached.set('k', Buffer.alloc(2_000))
    await using small = await another({ maxValueBytes: 1_000 })
    expect(await rejection(small.get('k'))).toMatchObject({
      code: 'ERR_CHANNEL_ENDED',
      cause: expect.objectContaining({ code: 'ERR_FRAME_INVALID' }),
    })
  })
})

describe('memcachedReplies()', () => {
  it('reads the same replies, however they are cut', async () => {
    const text = 'VALUE a 0 9\r\nb\r\nEND\r\nc\r\nVALUE d 0 0 7\r\n\r\nEND\r\nSTORED\r\n'
    const bytes = Buffer.from(text)
    for (let cut = 0; cut <= bytes.length; cut++) {
      const chunks = of(bytes.subarray(0, cut), bytes.subarray(cut))
      const replies = await lastValueFrom(chunks.pipe(memcachedReplies(100), toArray()))
      expect(replies).toEqual([
        {
          line: 'END',
          items: [
            { key: 'a', value: Buffer.from('b\r\nEND\r\nc') },
            { key: 'd', value: Buffer.alloc(0) },
          ],
        },
        { line: 'STORED', items: [] },
      ])
    }
  })

  it.each([
    'VALUE a 0 101\r\n',
    'VALUE a 0 -1\r\n',
    'VALUE a\r\n',
    'VALUE a 0 1\r\nbc\r\n',
    'VALUE a 0 3\r\nb\r\nx\n',
  ])('refuses %j', async (text) => {
    const replies = lastValueFrom(of(Buffer.from(text)).pipe(memcachedReplies(100), toArray()))
    expect(await rejection(replies)).toMatchObject({ code: 'ERR_FRAME_INVALID' })
  })
})
