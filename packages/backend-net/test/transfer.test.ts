/** Sending, receiving, and the ways a connection ends. */
import { once } from 'node:events'
import type { Socket } from 'node:net'
import { join } from 'node:path'
import {
  ConnectStatus,
  errno,
  type Handle,
  Interest,
  Readiness,
  type SocketAddress,
} from '@pollout/core'
import { beforeEach, describe, expect, it } from 'vitest'
import { readAll, readSlowly, settle, useWorld } from './harness.js'

const { READABLE, WRITABLE } = Interest
const into = Buffer.alloc(65_536)
const world = useWorld()

describe.each([
  ['TCP', () => ({ host: '127.0.0.1' })],
  ['Unix', () => ({ path: join(world.directory.path, 's') })],
])('over %s', (family, where) => {
  let to: SocketAddress
  let handle: Handle
  let peer: Socket
  beforeEach(async () => {
    to = await world.server.listen(where())
    handle = await world.h.connected(to)
    peer = await world.server.accepted()
  })

  it('echoes more than the buffers hold, in parts and with waits for room', async () => {
    const data = Buffer.alloc(8 << 20, 'pollout ')
    const waits = world.h.sendAll(handle, data).then((count) => {
      world.h.backend.shutdown(handle)
      return count
    })
    await settle()
    const received = await readAll(peer)
    expect(await waits).toBeGreaterThan(0)
    expect(received.equals(data)).toBe(true)
    peer.end(received)
    expect((await world.h.read(handle)).equals(data)).toBe(true)
  })

  it('sends what the buffer held when it was given, whatever becomes of the buffer', async () => {
    const data = Buffer.alloc(48 << 10, 'pollout ')
    const sent = sendUntilFull(handle, data)
    data.fill(0)
    world.h.backend.shutdown(handle)
    const received = await readAll(peer)
    expect(received.length).toBe(sent)
    expect(received.equals(Buffer.alloc(sent, 'pollout '))).toBe(true)
  })

  it('keeps what waits for the kernel apart from what another socket sends', async () => {
    const other = await world.h.connected(to)
    const otherPeer = await world.server.accepted()
    const sent = sendUntilFull(handle, Buffer.alloc(64 << 10, 'a'))
    // Node tells in a later tick of the writes that the kernel took at once.
    await settle()
    const otherSent = sendUntilFull(other, Buffer.alloc(64 << 10, 'b'))
    for (const socket of [handle, other]) world.h.backend.shutdown(socket)
    const [received, otherReceived] = await Promise.all([peer, otherPeer].map(readAll))
    expect(received?.equals(Buffer.alloc(sent, 'a'))).toBe(true)
    expect(otherReceived?.equals(Buffer.alloc(otherSent, 'b'))).toBe(true)
  })

  it('keeps what waits for its reader apart from what another socket receives', async () => {
    const other = await world.h.connected(to)
    const otherPeer = await world.server.accepted()
    peer.write(Buffer.alloc(64 << 10, 'a'))
    otherPeer.write(Buffer.alloc(64 << 10, 'b'))
    const read = async (socket: Handle, size: number): Promise<string> => {
      await world.h.ready(socket, READABLE)
      const part = Buffer.alloc(size)
      return part.toString('latin1', 0, Math.max(world.h.backend.receive(socket, part), 0))
    }
    const parts = [
      await read(handle, 100),
      await read(other, 64 << 10),
      await read(handle, 64 << 10),
    ]
    expect(parts.map((part) => [...new Set(part)].join())).toEqual(['a', 'b', 'a'])
  })

  it('sends from the offset', async () => {
    const data = Buffer.from('..abc')
    expect(world.h.backend.send(handle, data, 2)).toBe(3)
    expect(world.h.backend.send(handle, data, 5)).toBe(0)
    world.h.backend.shutdown(handle)
    expect((await readAll(peer)).toString()).toBe('abc')
  })

  it('receives in parts, and says EAGAIN when there is no more', async () => {
    peer.write('abcdef')
    expect(world.h.backend.receive(handle, into)).toBe(-errno.EAGAIN)
    expect(await world.h.ready(handle, READABLE)).toBe(Readiness.READABLE)
    const small = Buffer.alloc(4)
    expect(world.h.backend.receive(handle, small)).toBe(4)
    expect(small.toString()).toBe('abcd')
    expect(await world.h.ready(handle, READABLE)).toBe(Readiness.READABLE)
    expect(world.h.backend.receive(handle, small)).toBe(2)
    expect(small.toString()).toBe('efcd')
    expect(world.h.backend.receive(handle, small)).toBe(-errno.EAGAIN)
  })

  it('leaves what nobody asks for in the kernel', async () => {
    const written = peer.write(Buffer.alloc(32 << 20))
    await settle()
    expect(written).toBe(false)
    expect(peer.writableLength).toBeGreaterThan(0)
    await world.h.ready(handle, READABLE)
    await settle()
    expect(world.h.backend.receive(handle, Buffer.alloc(1 << 20))).toBeLessThanOrEqual(65_536)
    expect(world.h.backend.receive(handle, into)).toBe(-errno.EAGAIN)
  })

  it('half-closes: sends FIN and goes on receiving', async () => {
    expect(world.h.backend.shutdown(handle)).toBe(0)
    expect(world.h.backend.shutdown(handle)).toBe(0)
    expect(world.h.backend.send(handle, Buffer.from('x'), 0)).toBe(-errno.EPIPE)
    await readAll(peer)
    peer.end('late')
    expect((await world.h.read(handle)).toString()).toBe('late')
    expect(await world.h.ready(handle, READABLE | WRITABLE)).toBe(
      Readiness.READABLE | Readiness.WRITABLE | Readiness.HANGUP,
    )
    expect(world.h.backend.receive(handle, into)).toBe(0)
    await settle()
    expect(world.h.backend.receive(handle, into)).toBe(0)
    expect(world.h.backend.localAddress(handle)).toBeDefined()
  })

  it('is half-closed: reads the end and goes on sending', async () => {
    peer.end('bye')
    expect((await world.h.read(handle)).toString()).toBe('bye')
    expect(world.h.backend.receive(handle, into)).toBe(0)
    expect(await world.h.ready(handle, WRITABLE)).toBe(Readiness.WRITABLE | Readiness.HANGUP)
    world.h.backend.send(handle, Buffer.from('still here'), 0)
    world.h.backend.close(handle, 'graceful')
    expect((await readAll(peer)).toString()).toBe('still here')
  })

  it('delivers everything sent before a graceful close', async () => {
    let sent = 0
    for (let count = 0; count >= 0; sent += Math.max(count, 0)) {
      count = world.h.backend.send(handle, into, 0)
    }
    world.h.backend.close(handle, 'graceful')
    expect(world.h.backend.openHandles).toBe(0)
    await settle()
    expect((await readAll(peer)).length).toBe(sent)
  })

  // The peer writes to see which it was: its reads would not do, libuv tells a reset after data as the end.
  it.each([
    ['at rest', 'ECONNRESET', () => {}],
    ['with data unsent', 'ECONNRESET', () => fill()],
    [
      'with data unsent and shut down',
      'ECONNRESET',
      () => [fill(), world.h.backend.shutdown(handle)],
    ],
    // After a FIN a reset is EPIPE: tcp_reset() in the kernel; after FIN alone a write succeeds.
    ['right after shutdown()', 'EPIPE', () => world.h.backend.shutdown(handle)],
  ])('resets %s', async (_name, code, prepare) => {
    prepare()
    world.h.backend.close(handle, 'reset')
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
      count = world.h.backend.send(handle, into, 0)
    }
    world.h.backend.close(handle, 'graceful')
    let isDestroyed = false
    const destroyed = world.h.backend.destroy().then(() => {
      isDestroyed = true
    })
    expect(world.h.backend.openHandles).toBe(0)
    await settle()
    expect(isDestroyed).toBe(false)
    expect(await readSlowly(peer)).toBe(sent)
    await destroyed
  })

  function fill(): void {
    while (world.h.backend.send(handle, into, 0) > 0);
  }
})

describe('a reset by the peer', () => {
  let handle: Handle
  let peer: Socket
  beforeEach(async () => {
    handle = await world.h.connected(await world.server.listen({ host: '127.0.0.1' }))
    peer = await world.server.accepted()
  })

  it('is told once to the reader, after it nothing is connected', async () => {
    const readable = world.h.ready(handle, READABLE)
    await settle()
    peer.resetAndDestroy()
    expect(await readable).toBe(Readiness.READABLE | Readiness.ERROR | Readiness.HANGUP)
    expect(world.h.backend.receive(handle, into)).toBe(-errno.ECONNRESET)
    expect(world.h.backend.receive(handle, into)).toBe(0)
    expect(world.h.backend.send(handle, into, 0)).toBe(-errno.EPIPE)
    expect(world.h.backend.shutdown(handle)).toBe(-errno.ENOTCONN)
    expect(world.h.backend.finishConnect(handle)).toBe(ConnectStatus.LOST + errno.ECONNRESET)
    expect(world.h.backend.peerAddress(handle)).toBeUndefined()
    expect(world.h.backend.localAddress(handle)).toBeDefined()
  })

  it('comes after the data that was received before it', async () => {
    peer.write('last words')
    await world.h.ready(handle, READABLE)
    const readable = world.h.ready(handle, WRITABLE)
    await readable
    peer.resetAndDestroy()
    expect(world.h.backend.receive(handle, into)).toBe(10)
    await world.h.ready(handle, READABLE)
    expect(world.h.backend.receive(handle, into)).toBe(-errno.ECONNRESET)
  })

  it('wakes a sender that waits for room', async () => {
    while (world.h.backend.send(handle, into, 0) > 0);
    const writable = world.h.ready(handle, WRITABLE)
    await settle()
    peer.resetAndDestroy()
    expect((await writable) & Readiness.ERROR).toBe(Readiness.ERROR)
    expect(world.h.backend.send(handle, into, 0)).toBe(-errno.ECONNRESET)
    expect(world.h.backend.send(handle, into, 0)).toBe(-errno.EPIPE)
  })

  it('is the result of a send that runs into it', async () => {
    peer.resetAndDestroy()
    await settle()
    expect([-errno.ECONNRESET, -errno.EPIPE]).toContain(world.h.backend.send(handle, into, 0))
    await settle()
    expect(world.h.backend.receive(handle, into)).toBe(0)
  })
})

/** Until the kernel takes no more, and the last of it waits in this process. Returns how many bytes were taken. */
function sendUntilFull(socket: Handle, data: Buffer): number {
  let sent = 0
  for (let count = 0; count >= 0; sent += Math.max(count, 0)) {
    count = world.h.backend.send(socket, data, 0)
  }
  return sent
}
