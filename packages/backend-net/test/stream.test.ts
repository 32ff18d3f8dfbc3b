/** Streams between two connects, and after their handle is closed. */
import { once } from 'node:events'
import { createReactor, isInet, type SocketAddress } from '@pollout/core'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { netBackend } from '../src/index.js'
import { Lingering } from '../src/lingering.js'
import type { Stream, StreamOwner } from '../src/stream.js'
import { StreamPool } from '../src/stream-pool.js'
import { closedPort, descriptorCount, readSlowly, settle, TestServer, turn } from './harness.js'

const PATIENCE_MS = 100
const data = Buffer.alloc(65_536)
let before: number
let server: TestServer
let to: SocketAddress
let pool: StreamPool

beforeEach(async () => {
  before = descriptorCount()
  server = new TestServer()
  to = await server.listen({ host: '127.0.0.1' })
  pool = new StreamPool()
})

afterEach(async () => {
  await server.stop()
  await turn()
  expect(descriptorCount()).toBe(before)
})

describe('a stream', () => {
  it('is used again where its connect was refused or given up, or came to no more', async () => {
    const refused = pool.take()
    const errors: Error[] = []
    refused.start(owner({ onError: (error) => errors.push(error) }), await closedPort())
    const givenUp = pool.take()
    givenUp.start(owner(), to)
    givenUp.discard()
    await Promise.all([once(refused, 'close'), once(givenUp, 'close')])
    expect(errors).toEqual([expect.objectContaining({ code: 'ECONNREFUSED' })])
    const probe = await connected()
    expect([refused, givenUp]).toContain(probe)
    probe.discard()
    await once(probe, 'close')
    expect(new Set([pool.take(), pool.take()])).toEqual(new Set([refused, givenUp]))
  })

  it.each<[string, (stream: Stream) => void]>([
    ['sent', (stream) => stream.send(data)],
    ['read', (stream) => stream.receive()],
    ['ended', (stream) => stream.shutdown()],
  ])('is not used again once it has %s', async (_what, use) => {
    const stream = await connected()
    use(stream)
    stream.discard()
    await once(stream, 'close')
    expect(pool.take()).not.toBe(stream)
  })
})

describe('a stream that has data to send after its handle is closed', () => {
  it('is given up when its peer takes nothing', async () => {
    const stream = await connected()
    const peer = await server.accepted()
    while (stream.drained) stream.send(data)
    await settle()
    const lingering = new Lingering(PATIENCE_MS)
    lingering.add(stream.finish())
    const startedAt = performance.now()
    await lingering.ended()
    expect(performance.now() - startedAt).toBeGreaterThan(PATIENCE_MS - 5)
    expect(stream.destroyed).toBe(true)
    // By writing: libuv may take a reset that comes after data for the end.
    const failed = once(peer, 'error')
    peer.write('x')
    expect(await failed).toEqual([expect.objectContaining({ code: 'ECONNRESET' })])
  })

  it('is let finish by a reactor that is destroyed', async () => {
    const sent = 4 << 20
    const peer = server.accepted()
    const received = peer.then(readSlowly)
    const reactor = createReactor({ backend: netBackend() })
    const url = !isInet(to) ? '' : `tcp://${to.address}:${to.port}`
    await new Promise<void>((resolve, reject) => {
      reactor.connect(url).subscribe({
        next: async (connection) => {
          await connection.send(Buffer.alloc(sent))
          await connection.close()
          resolve()
        },
        error: reject,
      })
    })
    await reactor.destroy()
    expect(await received).toBe(sent)
  })
})

async function connected(): Promise<Stream> {
  const stream = pool.take()
  await new Promise<void>((resolve) => stream.start(owner({ onConnect: resolve }), to))
  return stream
}

function owner(listeners: Partial<StreamOwner> = {}): StreamOwner {
  const ignore = () => {}
  return {
    onAttempt: ignore,
    onConnect: ignore,
    onData: ignore,
    onEnd: ignore,
    onDrain: ignore,
    onError: ignore,
    ...listeners,
  }
}
