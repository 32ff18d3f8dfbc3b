/** Local addresses and ports, and when what is wrong with them is told. */
import { spawnSync } from 'node:child_process'
import { errno, type InetAddress, type SocketAddress, type SocketType } from '@pollout/core'
import { unusedPort } from '@pollout/test-servers'
import { beforeEach, describe, expect, it } from 'vitest'
import { fixturePath, inNamespace } from './fixtures.js'
import { closedPort, readAll, settle, TestServer, useWorld } from './harness.js'
import { TestPeer } from './test-peer.js'

const FOREIGN: InetAddress = { family: 'inet', address: '192.0.2.1', port: 0 }
const world = useWorld()
let to: SocketAddress

beforeEach(async () => {
  to = await world.server.listen({ host: '127.0.0.1' })
})

describe('a stream', () => {
  it('connects from the address it was given, any port', async () => {
    const handle = world.h.open(to)
    expect(world.h.backend.localAddress(handle)).toBeUndefined()
    expect(bind(handle, { ...local(), port: 0 })).toBe(0)
    expect(world.h.backend.localAddress(handle)).toEqual({ ...local(), port: 0 })
    expect(await world.h.attempt(handle, to)).toBe(0)
    const peer = await world.server.accepted()
    expect(peer.remoteAddress).toBe('127.0.0.2')
    const port = peer.remotePort
    expect(world.h.backend.localAddress(handle)).toEqual({ ...local(), port })
  })

  it('connects from the port it was given, and again after a refusal', async () => {
    const from = { ...local(), port: await unusedPort() }
    const handle = world.h.open(to)
    expect(bind(handle, from)).toBe(0)
    expect(await world.h.attempt(handle, await closedPort())).toBe(-errno.ECONNREFUSED)
    expect(world.h.backend.localAddress(handle)).toEqual(from)
    expect(await world.h.attempt(handle, to)).toBe(0)
    expect((await world.server.accepted()).remotePort).toBe(from.port)
    expect(world.h.backend.localAddress(handle)).toEqual(from)
  })

  it('connects from an IPv6 address', async () => {
    const server = new TestServer()
    const at = (await server.listen({ host: '::1' })) as InetAddress
    const handle = world.h.open(at)
    expect(bind(handle, { ...at, port: 0 })).toBe(0)
    expect(await world.h.attempt(handle, at)).toBe(0)
    expect((await server.accepted()).remoteAddress).toBe('::1')
    await server.stop()
  })

  it.each<[string, number, () => Promise<InetAddress>]>([
    ['a port that another one has', errno.EADDRINUSE, async () => to as InetAddress],
    ['an address of another machine', errno.EADDRNOTAVAIL, async () => FOREIGN],
  ])('is told by the connect: %s', async (_name, number, at) => {
    const handle = world.h.open(to)
    expect(bind(handle, await at())).toBe(0)
    const times = new Float64Array(2)
    expect(world.h.backend.connect(handle, to)).toBe(-errno.EINPROGRESS)
    await world.h.ready(handle, 2)
    expect(world.h.backend.finishConnect(handle, times)).toBe(-number)
    expect(times[1]).toBeGreaterThanOrEqual(times[0] ?? Number.NaN)
  })

  it('passes its address to nobody who uses the same stream again', async () => {
    const from = { ...local(), port: await unusedPort() }
    const refused = await closedPort()
    for (let i = 0; i < 3; i++) {
      const handle = world.h.open(to)
      bind(handle, from)
      expect(await world.h.attempt(handle, refused)).toBe(-errno.ECONNREFUSED)
      world.h.backend.close(handle, 'reset')
      await settle(1)
      const next = await world.h.connected(to)
      expect(world.h.backend.localAddress(next)).toMatchObject({ address: '127.0.0.1' })
      const peer = await world.server.accepted()
      expect([peer.remoteAddress, peer.remotePort]).not.toContain(from.port)
      expect(peer.remoteAddress).toBe('127.0.0.1')
    }
  })

  it('of the file system has no address to choose', () => {
    const handle = world.h.open({ family: 'unix' })
    expect(bind(handle, { family: 'unix', path: '/tmp/x' })).toBe(-errno.EOPNOTSUPP)
  })

  it('that is disconnected is reset, and connects anew', async () => {
    const handle = await world.h.connected(to)
    const peer = await world.server.accepted()
    const failed = new Promise<Error>((resolve) => peer.once('error', resolve))
    peer.resume()
    expect(world.h.backend.disconnect?.(handle)).toBe(0)
    expect(await failed).toMatchObject({ code: 'ECONNRESET' })
    expect(world.h.backend.peerAddress(handle)).toBeUndefined()
    const into = Buffer.alloc(1)
    expect(world.h.backend.receive(handle, into)).toBe(-errno.ECONNRESET)
    expect(world.h.backend.receive(handle, into)).toBe(-errno.ENOTCONN)
    expect(await world.h.attempt(handle, to)).toBe(0)
    await world.h.sendAll(handle, Buffer.from('anew'))
    world.h.backend.shutdown(handle)
    expect((await readAll(await world.server.accepted())).toString()).toBe('anew')
  })

  it('that is disconnected tells those who wait, and gives a connect up', async () => {
    const handle = await world.h.connected(to)
    const readable = world.h.ready(handle, 1)
    world.h.backend.disconnect?.(handle)
    expect(await readable).toBe(1 | 4 | 8)
    expect(world.h.backend.connect(handle, to)).toBe(-errno.EINPROGRESS)
    world.h.backend.disconnect?.(handle)
    expect(world.h.backend.finishConnect(handle)).toBe(-errno.ECONNRESET)
    expect(await world.h.attempt(handle, to)).toBe(0)
  })
})

describe('a datagram socket', () => {
  it('has its address at once, and keeps it', async () => {
    const handle = world.h.open(to, 'dgram')
    expect(bind(handle, { ...local(), port: 0 })).toBe(0)
    const at = world.h.backend.localAddress(handle) as InetAddress
    expect(at).toMatchObject({ family: 'inet', address: '127.0.0.2' })
    expect(at.port).toBeGreaterThan(0)
    const peer = new TestPeer()
    expect(await world.h.attempt(handle, await peer.bind())).toBe(0)
    expect(world.h.backend.localAddress(handle)).toEqual(at)
    world.h.backend.send(handle, Buffer.from('x'), 0)
    await peer.texts(1)
    expect(peer.received[0]?.port).toBe(at.port)
    await peer.close()
  })

  it('is told at once: a port that another one has, an address of another machine', async () => {
    const peer = new TestPeer()
    const taken = await peer.bind()
    const handle = world.h.open(to, 'dgram')
    expect(bind(handle, taken)).toBe(-errno.EADDRINUSE)
    expect(bind(handle, FOREIGN)).toBe(-errno.EADDRNOTAVAIL)
    expect(world.h.backend.localAddress(handle)).toBeUndefined()
    expect(bind(handle, { ...taken, port: 0 })).toBe(0)
    await peer.close()
  })
})

it("a datagram socket without a free port fails as on the kernel's: EAGAIN from connect, EADDRINUSE from bind", (context) => {
  const range = 'ip link set lo up; echo "40000 40003" > /proc/sys/net/ipv4/ip_local_port_range'
  const program = `"${process.execPath}" "${fixturePath('port-exhaustion.mjs')}"`
  const output = inNamespace(`${range}; ${program}`)
  if (output === undefined) return context.skip('no network namespace can be made here')
  const connects = [0, 0, 0, 0, -errno.EAGAIN, -errno.EAGAIN].map((status) => `connect ${status}`)
  expect(output.trim().split('\n')).toEqual([`bind ${-errno.EADDRINUSE}`, ...connects])
})

describe.each<SocketType>(['stream', 'dgram'])('a %s socket', (type) => {
  it.each<[string, number, SocketAddress]>([
    ['an IPv6 address', errno.EAFNOSUPPORT, { family: 'inet6', address: '::1', port: 0 }],
    ['a name', errno.EINVAL, { family: 'inet', address: 'localhost', port: 0 }],
    ['nothing', errno.EINVAL, { family: 'inet', address: '', port: 0 }],
    ['a port out of range', errno.EINVAL, { family: 'inet', address: '127.0.0.1', port: 65_536 }],
    ['a path', errno.EAFNOSUPPORT, { family: 'unix', path: '/tmp/x' }],
  ])('of IPv4 is not bound to %s', (_name, number, at) => {
    expect(bind(world.h.open({ family: 'inet' }, type), at)).toBe(-number)
  })

  it('is bound once, and not after it has connected', async () => {
    const peer = new TestPeer()
    const at = type === 'dgram' ? await peer.bind() : to
    const any = { ...local(), port: 0 }
    const bound = world.h.open(at, type)
    expect([bind(bound, any), bind(bound, any)]).toEqual([0, -errno.EINVAL])
    const handle = await world.h.connected(at, type)
    expect(bind(handle, any)).toBe(-errno.EINVAL)
    if (type === 'dgram') await peer.close()
  })
})

function bind(handle: ReturnType<typeof world.h.open>, at: SocketAddress): number | undefined {
  return world.h.backend.bind?.(handle, at)
}

/** Another address of the loopback network than the server's. */
function local(): InetAddress {
  return { family: 'inet', address: '127.0.0.2', port: 0 }
}

it('an address with a zone where no descriptor is left: EMFILE, and nothing is thrown', () => {
  const program = `"${process.execPath}" "${fixturePath('no-descriptors.mjs')}"`
  const { stdout, stderr } = spawnSync('sh', ['-c', `ulimit -n 64; ${program}`], {
    encoding: 'utf8',
  })
  const answer = (call: string) => `${call} ${-errno.EMFILE}\n`
  expect(stderr).toBe('')
  expect(stdout).toBe(['bind', 'bind', 'connect', 'connect'].map(answer).join(''))
})
