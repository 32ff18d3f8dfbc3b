/** Sending, receiving, and the ways a connection ends. */
import { once } from 'node:events'
import type { Socket } from 'node:net'
import { join } from 'node:path'
import { errno, type Handle, Interest, Readiness, type SocketAddress } from '@pollout/core'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import {
  descriptorCount,
  Harness,
  readAll,
  readSlowly,
  settle,
  TestServer,
  temporaryDirectory,
  turn,
} from './harness.js'

const { READABLE, WRITABLE } = Interest
const into = Buffer.alloc(65_536)
let before: number
let server: TestServer
let h: Harness
let directory: ReturnType<typeof temporaryDirectory>

beforeEach(() => {
  before = descriptorCount()
  server = new TestServer()
  h = new Harness()
  directory = temporaryDirectory()
})

afterEach(async () => {
  await h.backend.destroy()
  await server.stop()
  directory.remove()
  await turn()
  expect(descriptorCount()).toBe(before)
})

describe.each([
  ['TCP', () => ({ host: '127.0.0.1' })],
  ['Unix', () => ({ path: join(directory.path, 's') })],
])('over %s', (family, where) => {
  let to: SocketAddress
  let handle: Handle
  let peer: Socket
  beforeEach(async () => {
    to = await server.listen(where())
    handle = await h.connected(to)
    peer = await server.accepted()
  })

  it('echoes more than the buffers hold, in parts and with waits for room', async () => {
    const data = Buffer.alloc(8 << 20, 'pollout ')
    const waits = h.sendAll(handle, data).then((count) => {
      h.backend.shutdown(handle)
      return count
    })
    await settle()
    const received = await readAll(peer)
    expect(await waits).toBeGreaterThan(0)
    expect(received.equals(data)).toBe(true)
    peer.end(received)
    expect((await h.read(handle)).equals(data)).toBe(true)
  })

  it('sends from the offset, and from a buffer that changes at once', async () => {
    const data = Buffer.from('..abc')
    expect(h.backend.send(handle, data, 2)).toBe(3)
    data.fill(0)
    expect(h.backend.send(handle, data, 5)).toBe(0)
    h.backend.shutdown(handle)
    expect((await readAll(peer)).toString()).toBe('abc')
  })

  it('receives in parts, and says EAGAIN when there is no more', async () => {
    peer.write('abcdef')
    expect(h.backend.receive(handle, into)).toBe(-errno.EAGAIN)
    expect(await h.ready(handle, READABLE)).toBe(Readiness.READABLE)
    const small = Buffer.alloc(4)
    expect(h.backend.receive(handle, small)).toBe(4)
    expect(small.toString()).toBe('abcd')
    expect(await h.ready(handle, READABLE)).toBe(Readiness.READABLE)
    expect(h.backend.receive(handle, small)).toBe(2)
    expect(small.toString()).toBe('efcd')
    expect(h.backend.receive(handle, small)).toBe(-errno.EAGAIN)
  })

  it('leaves what nobody asks for in the kernel', async () => {
    const written = peer.write(Buffer.alloc(32 << 20))
    await settle()
    expect(written).toBe(false)
    expect(peer.writableLength).toBeGreaterThan(0)
    await h.ready(handle, READABLE)
    await settle()
    expect(h.backend.receive(handle, Buffer.alloc(1 << 20))).toBeLessThanOrEqual(65_536)
    expect(h.backend.receive(handle, into)).toBe(-errno.EAGAIN)
  })

  it('half-closes: sends FIN and goes on receiving', async () => {
    expect(h.backend.shutdown(handle)).toBe(0)
    expect(h.backend.shutdown(handle)).toBe(0)
    expect(h.backend.send(handle, Buffer.from('x'), 0)).toBe(-errno.EPIPE)
    await readAll(peer)
    peer.end('late')
    expect((await h.read(handle)).toString()).toBe('late')
    expect(await h.ready(handle, READABLE | WRITABLE)).toBe(
      Readiness.READABLE | Readiness.WRITABLE | Readiness.HANGUP,
    )
    expect(h.backend.receive(handle, into)).toBe(0)
    await settle()
    expect(h.backend.receive(handle, into)).toBe(0)
    expect(h.backend.localAddress(handle)).toBeDefined()
  })

  it('is half-closed: reads the end and goes on sending', async () => {
    peer.end('bye')
    expect((await h.read(handle)).toString()).toBe('bye')
    expect(h.backend.receive(handle, into)).toBe(0)
    expect(await h.ready(handle, WRITABLE)).toBe(Readiness.WRITABLE | Readiness.HANGUP)
    h.backend.send(handle, Buffer.from('still here'), 0)
    h.backend.close(handle, 'graceful')
    expect((await readAll(peer)).toString()).toBe('still here')
  })

  it('delivers everything sent before a graceful close', async () => {
    let sent = 0
    for (let count = 0; count >= 0; sent += Math.max(count, 0)) {
      count = h.backend.send(handle, into, 0)
    }
    h.backend.close(handle, 'graceful')
    expect(h.backend.openHandles).toBe(0)
    await settle()
    expect((await readAll(peer)).length).toBe(sent)
  })

  // The peer writes to see which it was: its reads would not do, libuv tells a reset after data as the end.
  it.each([
    ['at rest', 'ECONNRESET', () => {}],
    ['with data unsent', 'ECONNRESET', () => fill()],
    ['with data unsent and shut down', 'ECONNRESET', () => [fill(), h.backend.shutdown(handle)]],
    // After a FIN a reset is EPIPE: tcp_reset() in the kernel; after FIN alone a write succeeds.
    ['right after shutdown()', 'EPIPE', () => h.backend.shutdown(handle)],
  ])('resets %s', async (_name, code, prepare) => {
    prepare()
    h.backend.close(handle, 'reset')
    await settle()
    const failed = once(peer, 'error')
    peer.write('x')
    // A Unix socket has no reset; it is closed.
    expect(await failed).toEqual([
      expect.objectContaining({ code: family === 'TCP' ? code : 'EPIPE' }),
    ])
  })

  it('delivers it although destroy() follows, which waits for that', async () => {
    let sent = 0
    for (let count = 0; count >= 0; sent += Math.max(count, 0)) {
      count = h.backend.send(handle, into, 0)
    }
    h.backend.close(handle, 'graceful')
    let isDestroyed = false
    const destroyed = h.backend.destroy().then(() => {
      isDestroyed = true
    })
    expect(h.backend.openHandles).toBe(0)
    await settle()
    expect(isDestroyed).toBe(false)
    expect(await readSlowly(peer)).toBe(sent)
    await destroyed
  })

  function fill(): void {
    while (h.backend.send(handle, into, 0) > 0);
  }
})

describe('a reset by the peer', () => {
  let handle: Handle
  let peer: Socket
  beforeEach(async () => {
    handle = await h.connected(await server.listen({ host: '127.0.0.1' }))
    peer = await server.accepted()
  })

  it('is told once to the reader, after it nothing is connected', async () => {
    const readable = h.ready(handle, READABLE)
    await settle()
    peer.resetAndDestroy()
    expect(await readable).toBe(Readiness.READABLE | Readiness.ERROR | Readiness.HANGUP)
    expect(h.backend.receive(handle, into)).toBe(-errno.ECONNRESET)
    expect(h.backend.receive(handle, into)).toBe(0)
    expect(h.backend.send(handle, into, 0)).toBe(-errno.EPIPE)
    expect(h.backend.shutdown(handle)).toBe(-errno.ENOTCONN)
    expect(h.backend.finishConnect(handle)).toBe(-errno.ECONNRESET)
    expect(h.backend.peerAddress(handle)).toBeUndefined()
    expect(h.backend.localAddress(handle)).toBeDefined()
  })

  it('comes after the data that was received before it', async () => {
    peer.write('last words')
    await h.ready(handle, READABLE)
    const readable = h.ready(handle, WRITABLE)
    await readable
    peer.resetAndDestroy()
    expect(h.backend.receive(handle, into)).toBe(10)
    await h.ready(handle, READABLE)
    expect(h.backend.receive(handle, into)).toBe(-errno.ECONNRESET)
  })

  it('wakes a sender that waits for room', async () => {
    while (h.backend.send(handle, into, 0) > 0);
    const writable = h.ready(handle, WRITABLE)
    await settle()
    peer.resetAndDestroy()
    expect((await writable) & Readiness.ERROR).toBe(Readiness.ERROR)
    expect(h.backend.send(handle, into, 0)).toBe(-errno.ECONNRESET)
    expect(h.backend.send(handle, into, 0)).toBe(-errno.EPIPE)
  })

  it('is the result of a send that runs into it', async () => {
    peer.resetAndDestroy()
    await settle()
    expect([-errno.ECONNRESET, -errno.EPIPE]).toContain(h.backend.send(handle, into, 0))
    await settle()
    expect(h.backend.receive(handle, into)).toBe(0)
  })
})
