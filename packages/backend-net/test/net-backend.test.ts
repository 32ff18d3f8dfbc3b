/** Connects and readiness, on the raw backend interface. */
import { join } from 'node:path'
import { ConnectStatus, errno, Interest, Readiness, type SocketAddress } from '@pollout/core'
import { beforeEach, describe, expect, it } from 'vitest'
import { startFixture, stopFixture } from './fixtures.js'
import { closedPort, settle, turn, useWorld } from './harness.js'

const { READABLE, WRITABLE } = Interest
const world = useWorld()

describe('connect', () => {
  it.each([
    ['IPv4', () => ({ host: '127.0.0.1' })],
    ['IPv6', () => ({ host: '::1' })],
    ['a Unix path', () => ({ path: join(world.directory.path, 's') })],
    ['an abstract Unix name', () => ({ path: `\0pollout-net-${process.pid}` })],
  ])('succeeds over %s', async (_name, where) => {
    const to = await world.server.listen(where())
    const handle = world.h.open(to)
    expect(world.h.backend.finishConnect(handle)).toBe(-errno.ENOTCONN)
    expect(world.h.backend.connect(handle, to)).toBe(-errno.EINPROGRESS)
    expect(world.h.backend.connect(handle, to)).toBe(-errno.EALREADY)
    expect(world.h.backend.finishConnect(handle)).toBe(ConnectStatus.PENDING)
    expect(await world.h.ready(handle, WRITABLE)).toBe(Readiness.WRITABLE)
    expect(world.h.backend.finishConnect(handle)).toBe(ConnectStatus.CONNECTED)
    expect(world.h.backend.connect(handle, to)).toBe(-errno.EISCONN)
    expect(world.h.backend.peerAddress(handle)).toEqual(to)
    const peer = await world.server.accepted()
    if (to.family === 'unix') {
      expect(world.h.backend.localAddress(handle)).toEqual({ family: 'unix', path: '' })
    } else {
      const port = peer.remotePort
      expect(world.h.backend.localAddress(handle)).toEqual({ ...to, port })
    }
  })

  it('succeeds with what refused connects have left behind, over and over', async () => {
    const refused = await closedPort()
    const to = await world.server.listen({ host: '127.0.0.1' })
    for (let round = 0; round < 3; round++) {
      const handles = Array.from({ length: 20 }, () => world.h.open(refused))
      const statuses = await Promise.all(handles.map((handle) => world.h.attempt(handle, refused)))
      expect(statuses).toEqual(Array(20).fill(-errno.ECONNREFUSED))
      for (const handle of handles) world.h.backend.close(handle, 'reset')
      await settle(2)

      const connected = await Promise.all(handles.map(() => world.h.connected(to)))
      for (const handle of connected) {
        const peer = await world.server.accepted()
        peer.on('data', (data) => peer.end(data)).resume()
        await world.h.sendAll(handle, Buffer.from(`round ${round}`))
        world.h.backend.shutdown(handle)
      }
      for (const handle of connected) {
        expect((await world.h.read(handle)).toString()).toBe(`round ${round}`)
        world.h.backend.close(handle, 'graceful')
      }
    }
  })

  it('takes an IPv6 zone', async () => {
    const to = await world.server.listen({ host: '::1' })
    expect(
      await world.h.attempt(world.h.open(to), { ...to, address: '::1%lo' } as SocketAddress),
    ).toBe(0)
  })

  it('is refused where nobody listens, and may be tried again once the error has been read', async () => {
    const refused = await closedPort()
    const handle = world.h.open(refused)
    expect(world.h.backend.connect(handle, refused)).toBe(-errno.EINPROGRESS)
    const readiness = await world.h.ready(handle, WRITABLE)
    expect(readiness).toBe(Readiness.WRITABLE | Readiness.ERROR | Readiness.HANGUP)
    expect(world.h.backend.finishConnect(handle)).toBe(-errno.ECONNREFUSED)
    expect(world.h.backend.finishConnect(handle)).toBe(-errno.ECONNRESET)
    expect(world.h.backend.send(handle, Buffer.from('x'), 0)).toBe(-errno.EPIPE)
    expect(world.h.backend.peerAddress(handle)).toBeUndefined()

    const to = await world.server.listen({ host: '127.0.0.1' })
    expect(await world.h.attempt(handle, to)).toBe(ConnectStatus.CONNECTED)
    expect(world.h.backend.peerAddress(handle)).toEqual(to)
  })

  it('tells an unread failure to the next connect, which starts nothing', async () => {
    const refused = await closedPort()
    const handle = world.h.open(refused)
    world.h.backend.connect(handle, refused)
    await world.h.ready(handle, WRITABLE)
    expect(world.h.backend.connect(handle, refused)).toBe(-errno.ECONNREFUSED)
    expect(world.h.backend.connect(handle, refused)).toBe(-errno.EINPROGRESS)
  })

  it.each<[string, number, () => SocketAddress]>([
    ['a missing path', errno.ENOENT, () => unix(join(world.directory.path, 'none'))],
    ['a directory', errno.ECONNREFUSED, () => unix(world.directory.path)],
    ['a path below a file', errno.ENOTDIR, () => unix('/etc/hostname/s')],
    ['an absent abstract name', errno.ECONNREFUSED, () => unix(`\0pollout-none-${process.pid}`)],
    ['a path too long', errno.EINVAL, () => unix(`/tmp/${'x'.repeat(200)}`)],
    ['an empty path', errno.EINVAL, () => unix('')],
    ['TCP port 0', errno.ECONNREFUSED, () => ({ family: 'inet', address: '127.0.0.1', port: 0 })],
    ['a link-local address without zone', errno.EINVAL, () => inet6('fe80::1')],
    ['a port out of range', errno.EINVAL, () => ({ ...inet6('::1'), port: 65_536 })],
    ['what is no literal', errno.EINVAL, () => inet6('localhost')],
  ])('reports by readiness: %s', async (_name, number, to) => {
    const handle = world.h.open(to())
    expect(await world.h.attempt(handle, to())).toBe(-number)
  })

  it('refuses an address of another family', async () => {
    const to = await world.server.listen({ host: '::1' })
    expect(await world.h.attempt(world.h.open({ family: 'inet' }), to)).toBe(-errno.EAFNOSUPPORT)
    const ipv4: SocketAddress = { family: 'inet', address: '127.0.0.1', port: 1 }
    expect(await world.h.attempt(world.h.open({ family: 'inet6' }), ipv4)).toBe(-errno.EINVAL)
  })

  it('says EAGAIN where a Unix backlog is full, and connects the same handle later', async () => {
    const path = join(world.directory.path, 'full')
    const child = await startFixture('unix-server.mjs', [path])
    child.kill('SIGSTOP')
    const outcomes: number[] = []
    let handle = world.h.open(unix(path))
    while (outcomes.length < 8 && outcomes.at(-1) !== -errno.EAGAIN) {
      handle = world.h.open(unix(path))
      outcomes.push(await world.h.attempt(handle, unix(path)))
    }
    expect(outcomes).toEqual([0, 0, -errno.EAGAIN])
    // The next one: what is sent or read too early does not use the answer up.
    const early = world.h.open(unix(path))
    world.h.backend.connect(early, unix(path))
    await world.h.ready(early, WRITABLE)
    expect(world.h.backend.send(early, Buffer.from('x'), 0)).toBe(-errno.ENOTCONN)
    expect(world.h.backend.receive(early, Buffer.alloc(1))).toBe(-errno.ENOTCONN)
    expect(world.h.backend.finishConnect(early)).toBe(-errno.EAGAIN)
    child.kill('SIGCONT')
    let status = -errno.EAGAIN
    while (status === -errno.EAGAIN) {
      await settle(1)
      status = await world.h.attempt(handle, unix(path))
    }
    expect(status).toBe(ConnectStatus.CONNECTED)
    await stopFixture(child)
  })

  it.each([
    ['unix', 'dgram', errno.EPROTONOSUPPORT],
    ['unix', 'seqpacket', errno.EPROTONOSUPPORT],
    ['inet', 'seqpacket', errno.EPROTONOSUPPORT],
    ['vsock', 'stream', errno.EAFNOSUPPORT],
  ] as const)('opens no %s %s', (family, type, number) => {
    expect(world.h.backend.open({ family, type })).toBe(-number)
    expect(world.h.backend.openHandles).toBe(0)
  })

  it('gives up a connect that is shut down', async () => {
    const to = await world.server.listen({ host: '127.0.0.1' })
    const handle = world.h.open(to)
    world.h.backend.connect(handle, to)
    expect(world.h.backend.shutdown(handle)).toBe(0)
    await world.h.ready(handle, WRITABLE)
    expect(world.h.backend.finishConnect(handle)).toBe(-errno.ECONNRESET)
  })
})

describe('readiness', () => {
  let to: SocketAddress
  beforeEach(async () => {
    to = await world.server.listen({ host: '127.0.0.1' })
  })

  it('is reported once a registration', async () => {
    const handle = await world.h.connected(to)
    await settle()
    expect(world.h.events).toHaveLength(1)
    await world.h.ready(handle, WRITABLE)
    expect(world.h.events).toHaveLength(2)
  })

  it('has the level at the time of the call, and is never synchronous', async () => {
    const handle = await world.h.connected(to)
    const token = world.h.token()
    world.h.backend.register(handle, token, WRITABLE)
    expect(world.h.events).toHaveLength(1)
    await turn()
    expect(world.h.events[1]).toEqual({ token, readiness: Readiness.WRITABLE })
  })

  it('is of the last registration only', async () => {
    const handle = await world.h.connected(to)
    world.h.backend.register(handle, world.h.token(), WRITABLE)
    const token = world.h.token()
    world.h.backend.register(handle, token, READABLE)
    await settle()
    expect(world.h.events).toHaveLength(1)
    ;(await world.server.accepted()).write('x')
    await settle()
    expect(world.h.events.slice(1)).toEqual([{ token, readiness: Readiness.READABLE }])
  })

  it('is not reported after deregister(), and the data stays where it is', async () => {
    const handle = await world.h.connected(to)
    world.h.backend.register(handle, world.h.token(), READABLE)
    world.h.backend.deregister(handle)
    ;(await world.server.accepted()).write('x')
    await settle()
    expect(world.h.events).toHaveLength(1)
    expect(world.h.backend.receive(handle, Buffer.alloc(8))).toBe(-errno.EAGAIN)
    await world.h.ready(handle, READABLE)
    expect(world.h.backend.receive(handle, Buffer.alloc(8))).toBe(1)
  })

  it('waits on a socket that was registered before it connects', async () => {
    const handle = world.h.open(to)
    const token = world.h.token()
    world.h.backend.register(handle, token, WRITABLE)
    await settle()
    expect(world.h.events).toEqual([])
    world.h.backend.connect(handle, to)
    await settle()
    expect(world.h.events).toEqual([{ token, readiness: Readiness.WRITABLE }])
  })

  it('of many sockets comes in one call, and closing the others from inside it is harmless', async () => {
    const handles = await Promise.all(Array.from({ length: 200 }, () => world.h.connected(to)))
    world.h.batches.length = 0
    world.h.inSink = () => {
      for (const handle of handles.splice(1)) world.h.backend.close(handle, 'reset')
      world.h.backend.poll()
    }
    for (const handle of handles) world.h.backend.register(handle, world.h.token(), WRITABLE)
    await settle()
    expect(world.h.batches.map((batch) => batch.length)).toEqual([200])
    expect(world.h.backend.openHandles).toBe(1)
  })

  it('is delivered at once by poll()', async () => {
    const handle = await world.h.connected(to)
    world.h.backend.register(handle, world.h.token(), WRITABLE)
    world.h.backend.poll()
    expect(world.h.events).toHaveLength(2)
    await settle()
    expect(world.h.batches).toHaveLength(2)
  })

  it('goes on after a sink that throws', async () => {
    const handle = await world.h.connected(to)
    world.h.inSink = () => {
      world.h.inSink = undefined
      throw new Error('from the sink')
    }
    world.h.backend.register(handle, world.h.token(), WRITABLE)
    expect(() => world.h.backend.poll()).toThrow('from the sink')
    expect(await world.h.ready(handle, WRITABLE)).toBe(Readiness.WRITABLE)
  })
})

it('answers EBADF on a closed handle', async () => {
  const to = await closedPort()
  const handle = world.h.open(to)
  world.h.backend.close(handle, 'graceful')
  world.h.backend.close(handle, 'reset')
  world.h.backend.deregister(handle)
  const data = Buffer.alloc(1)
  expect([
    world.h.backend.connect(handle, to),
    world.h.backend.register(handle, world.h.token(), WRITABLE),
    world.h.backend.finishConnect(handle),
    world.h.backend.receive(handle, data),
    world.h.backend.send(handle, data, 0),
    world.h.backend.shutdown(handle),
  ]).toEqual(Array(6).fill(-errno.EBADF))
  expect(world.h.backend.localAddress(handle)).toBeUndefined()
  expect(world.h.backend.peerAddress(handle)).toBeUndefined()
})

function unix(path: string): SocketAddress {
  return { family: 'unix', path }
}

function inet6(address: string): SocketAddress {
  return { family: 'inet6', address, port: 80 }
}
