/** Connects and readiness, on the raw backend interface. */
import { join } from 'node:path'
import {
  ConnectStatus,
  errno,
  type Handle,
  Interest,
  Readiness,
  type SocketAddress,
} from '@pollout/core'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { startFixture, stopFixture } from './fixtures.js'
import {
  closedPort,
  descriptorCount,
  Harness,
  settle,
  TestServer,
  temporaryDirectory,
  turn,
} from './harness.js'

const { READABLE, WRITABLE } = Interest
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
  expect(h.backend.openHandles).toBe(0)
  await server.stop()
  directory.remove()
  await turn()
  expect(descriptorCount()).toBe(before)
})

describe('connect', () => {
  it.each([
    ['IPv4', () => ({ host: '127.0.0.1' })],
    ['IPv6', () => ({ host: '::1' })],
    ['a Unix path', () => ({ path: join(directory.path, 's') })],
    ['an abstract Unix name', () => ({ path: `\0pollout-net-${process.pid}` })],
  ])('succeeds over %s', async (_name, where) => {
    const to = await server.listen(where())
    const handle = h.open(to)
    expect(h.backend.finishConnect(handle)).toBe(-errno.ENOTCONN)
    expect(h.backend.connect(handle, to)).toBe(-errno.EINPROGRESS)
    expect(h.backend.connect(handle, to)).toBe(-errno.EALREADY)
    expect(h.backend.finishConnect(handle)).toBe(ConnectStatus.PENDING)
    expect(await h.ready(handle, WRITABLE)).toBe(Readiness.WRITABLE)
    expect(h.backend.finishConnect(handle)).toBe(ConnectStatus.CONNECTED)
    expect(h.backend.connect(handle, to)).toBe(-errno.EISCONN)
    expect(h.backend.peerAddress(handle)).toEqual(to)
    const peer = await server.accepted()
    if (to.family === 'unix') {
      expect(h.backend.localAddress(handle)).toEqual({ family: 'unix', path: '' })
    } else {
      const port = peer.remotePort
      expect(h.backend.localAddress(handle)).toEqual({ ...to, port })
    }
  })

  it('succeeds with what refused connects have left behind, over and over', async () => {
    const refused = await closedPort()
    const to = await server.listen({ host: '127.0.0.1' })
    for (let round = 0; round < 3; round++) {
      const handles = Array.from({ length: 20 }, () => h.open(refused))
      const statuses = await Promise.all(handles.map((handle) => h.attempt(handle, refused)))
      expect(statuses).toEqual(Array(20).fill(-errno.ECONNREFUSED))
      for (const handle of handles) h.backend.close(handle, 'reset')
      await settle(2)

      const connected = await Promise.all(handles.map(() => h.connected(to)))
      for (const handle of connected) {
        const peer = await server.accepted()
        peer.on('data', (data) => peer.end(data)).resume()
        await h.sendAll(handle, Buffer.from(`round ${round}`))
        h.backend.shutdown(handle)
      }
      for (const handle of connected) {
        expect((await h.read(handle)).toString()).toBe(`round ${round}`)
        h.backend.close(handle, 'graceful')
      }
    }
  })

  it('takes an IPv6 zone', async () => {
    const to = await server.listen({ host: '::1' })
    expect(await h.attempt(h.open(to), { ...to, address: '::1%lo' } as SocketAddress)).toBe(0)
  })

  it('is refused where nobody listens, and may be tried again once the error has been read', async () => {
    const refused = await closedPort()
    const handle = h.open(refused)
    expect(h.backend.connect(handle, refused)).toBe(-errno.EINPROGRESS)
    const readiness = await h.ready(handle, WRITABLE)
    expect(readiness).toBe(Readiness.WRITABLE | Readiness.ERROR | Readiness.HANGUP)
    expect(h.backend.finishConnect(handle)).toBe(-errno.ECONNREFUSED)
    expect(h.backend.finishConnect(handle)).toBe(-errno.ECONNRESET)
    expect(h.backend.send(handle, Buffer.from('x'), 0)).toBe(-errno.EPIPE)
    expect(h.backend.peerAddress(handle)).toBeUndefined()

    const to = await server.listen({ host: '127.0.0.1' })
    expect(await h.attempt(handle, to)).toBe(ConnectStatus.CONNECTED)
    expect(h.backend.peerAddress(handle)).toEqual(to)
  })

  it('tells an unread failure to the next connect, which starts nothing', async () => {
    const refused = await closedPort()
    const handle = h.open(refused)
    h.backend.connect(handle, refused)
    await h.ready(handle, WRITABLE)
    expect(h.backend.connect(handle, refused)).toBe(-errno.ECONNREFUSED)
    expect(h.backend.connect(handle, refused)).toBe(-errno.EINPROGRESS)
  })

  it.each<[string, number, () => SocketAddress]>([
    ['a missing path', errno.ENOENT, () => unix(join(directory.path, 'none'))],
    ['a directory', errno.ECONNREFUSED, () => unix(directory.path)],
    ['a path below a file', errno.ENOTDIR, () => unix('/etc/hostname/s')],
    ['an absent abstract name', errno.ECONNREFUSED, () => unix(`\0pollout-none-${process.pid}`)],
    ['a path too long', errno.EINVAL, () => unix(`/tmp/${'x'.repeat(200)}`)],
    ['an empty path', errno.EINVAL, () => unix('')],
    ['TCP port 0', errno.ECONNREFUSED, () => ({ family: 'inet', address: '127.0.0.1', port: 0 })],
    ['a link-local address without zone', errno.EINVAL, () => inet6('fe80::1')],
    ['a port out of range', errno.EINVAL, () => ({ ...inet6('::1'), port: 65_536 })],
    ['what is no literal', errno.EINVAL, () => inet6('localhost')],
  ])('reports by readiness: %s', async (_name, number, to) => {
    const handle = h.open(to())
    expect(await h.attempt(handle, to())).toBe(-number)
  })

  it('refuses an address of another family', async () => {
    const to = await server.listen({ host: '::1' })
    const handle = h.backend.open({ family: 'inet', type: 'stream' }) as Handle
    expect(await h.attempt(handle, to)).toBe(-errno.EAFNOSUPPORT)
  })

  it('says EAGAIN where a Unix backlog is full, and connects the same handle later', async () => {
    const path = join(directory.path, 'full')
    const child = await startFixture('unix-server.mjs', [path])
    child.kill('SIGSTOP')
    const outcomes: number[] = []
    let handle = h.open(unix(path))
    while (outcomes.length < 8 && outcomes.at(-1) !== -errno.EAGAIN) {
      handle = h.open(unix(path))
      outcomes.push(await h.attempt(handle, unix(path)))
    }
    expect(outcomes).toEqual([0, 0, -errno.EAGAIN])
    child.kill('SIGCONT')
    let status = -errno.EAGAIN
    while (status === -errno.EAGAIN) {
      await settle(1)
      status = await h.attempt(handle, unix(path))
    }
    expect(status).toBe(ConnectStatus.CONNECTED)
    await stopFixture(child)
  })

  it('opens streams only', () => {
    expect(h.backend.open({ family: 'inet', type: 'dgram' })).toBe(-errno.EPROTONOSUPPORT)
    expect(h.backend.openHandles).toBe(0)
  })

  it('gives up a connect that is shut down', async () => {
    const to = await server.listen({ host: '127.0.0.1' })
    const handle = h.open(to)
    h.backend.connect(handle, to)
    expect(h.backend.shutdown(handle)).toBe(0)
    await h.ready(handle, WRITABLE)
    expect(h.backend.finishConnect(handle)).toBe(-errno.ECONNRESET)
  })
})

describe('readiness', () => {
  let to: SocketAddress
  beforeEach(async () => {
    to = await server.listen({ host: '127.0.0.1' })
  })

  it('is reported once a registration', async () => {
    const handle = await h.connected(to)
    await settle()
    expect(h.events).toHaveLength(1)
    await h.ready(handle, WRITABLE)
    expect(h.events).toHaveLength(2)
  })

  it('has the level at the time of the call, and is never synchronous', async () => {
    const handle = await h.connected(to)
    const token = h.token()
    h.backend.register(handle, token, WRITABLE)
    expect(h.events).toHaveLength(1)
    await turn()
    expect(h.events[1]).toEqual({ token, readiness: Readiness.WRITABLE })
  })

  it('is of the last registration only', async () => {
    const handle = await h.connected(to)
    h.backend.register(handle, h.token(), WRITABLE)
    const token = h.token()
    h.backend.register(handle, token, READABLE)
    await settle()
    expect(h.events).toHaveLength(1)
    ;(await server.accepted()).write('x')
    await settle()
    expect(h.events.slice(1)).toEqual([{ token, readiness: Readiness.READABLE }])
  })

  it('is not reported after deregister(), and the data stays where it is', async () => {
    const handle = await h.connected(to)
    h.backend.register(handle, h.token(), READABLE)
    h.backend.deregister(handle)
    ;(await server.accepted()).write('x')
    await settle()
    expect(h.events).toHaveLength(1)
    expect(h.backend.receive(handle, Buffer.alloc(8))).toBe(-errno.EAGAIN)
    await h.ready(handle, READABLE)
    expect(h.backend.receive(handle, Buffer.alloc(8))).toBe(1)
  })

  it('waits on a socket that was registered before it connects', async () => {
    const handle = h.open(to)
    const token = h.token()
    h.backend.register(handle, token, WRITABLE)
    await settle()
    expect(h.events).toEqual([])
    h.backend.connect(handle, to)
    await settle()
    expect(h.events).toEqual([{ token, readiness: Readiness.WRITABLE }])
  })

  it('of many sockets comes in one call, and closing the others from inside it is harmless', async () => {
    const handles = await Promise.all(Array.from({ length: 200 }, () => h.connected(to)))
    h.batches.length = 0
    h.inSink = () => {
      for (const handle of handles.splice(1)) h.backend.close(handle, 'reset')
      h.backend.poll()
    }
    for (const handle of handles) h.backend.register(handle, h.token(), WRITABLE)
    await settle()
    expect(h.batches.map((batch) => batch.length)).toEqual([200])
    expect(h.backend.openHandles).toBe(1)
  })

  it('is delivered at once by poll()', async () => {
    const handle = await h.connected(to)
    h.backend.register(handle, h.token(), WRITABLE)
    h.backend.poll()
    expect(h.events).toHaveLength(2)
    await settle()
    expect(h.batches).toHaveLength(2)
  })

  it('goes on after a sink that throws', async () => {
    const handle = await h.connected(to)
    h.inSink = () => {
      h.inSink = undefined
      throw new Error('from the sink')
    }
    h.backend.register(handle, h.token(), WRITABLE)
    expect(() => h.backend.poll()).toThrow('from the sink')
    expect(await h.ready(handle, WRITABLE)).toBe(Readiness.WRITABLE)
  })
})

it('answers EBADF on a closed handle', async () => {
  const to = await closedPort()
  const handle = h.open(to)
  h.backend.close(handle, 'graceful')
  h.backend.close(handle, 'reset')
  h.backend.deregister(handle)
  const data = Buffer.alloc(1)
  expect([
    h.backend.connect(handle, to),
    h.backend.register(handle, h.token(), WRITABLE),
    h.backend.finishConnect(handle),
    h.backend.receive(handle, data),
    h.backend.send(handle, data, 0),
    h.backend.shutdown(handle),
  ]).toEqual(Array(6).fill(-errno.EBADF))
  expect(h.backend.localAddress(handle)).toBeUndefined()
  expect(h.backend.peerAddress(handle)).toBeUndefined()
})

function unix(path: string): SocketAddress {
  return { family: 'unix', path }
}

function inet6(address: string): SocketAddress {
  return { family: 'inet6', address, port: 80 }
}
