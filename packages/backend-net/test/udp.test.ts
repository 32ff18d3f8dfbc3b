/** Datagram sockets: a peer of their own, whole messages, and the errors that come back. */
import { errno, type Handle, type InetAddress, Interest, Readiness } from '@pollout/core'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { settle, turn, useWorld } from './harness.js'
import { TestPeer } from './test-peer.js'

const { READABLE, WRITABLE } = Interest
const into = Buffer.alloc(65_536)
const world = useWorld()
let peer: TestPeer
let to: InetAddress

beforeEach(async () => {
  peer = new TestPeer()
  to = await peer.bind()
})

afterEach(() => peer.close())

describe.each(['inet', 'inet6'] as const)('over %s', (family) => {
  it('connects, sends and receives', async () => {
    const other = new TestPeer(family)
    const at = await other.bind()
    const handle = world.h.open(at, 'dgram')
    expect(world.h.backend.localAddress(handle)).toBeUndefined()
    expect(world.h.backend.connect(handle, at)).toBe(0)
    expect(await world.h.ready(handle, WRITABLE)).toBe(Readiness.WRITABLE)
    expect(world.h.backend.finishConnect(handle)).toBe(0)
    expect(world.h.backend.peerAddress(handle)).toEqual(at)

    expect(send(handle, 'Hello, Server!')).toBe(14)
    expect(await other.texts(1)).toEqual(['Hello, Server!'])
    const local = world.h.backend.localAddress(handle)
    expect(local).toEqual({ ...at, port: other.received[0]?.port })

    expect(receive(handle)).toBe(-errno.EAGAIN)
    await other.send('Hello, Client!', local)
    expect(await world.h.ready(handle, READABLE)).toBe(Readiness.READABLE)
    expect(receive(handle)).toBe('Hello, Client!')
    expect(receive(handle)).toBe(-errno.EAGAIN)
    await other.close()
  })
})

describe('datagrams', () => {
  it('are read whole, in their order, an empty one too; what has no room is cut off', async () => {
    const handle = await connected()
    const local = world.h.backend.localAddress(handle)
    for (const text of ['abcdef', '', 'gh']) await peer.send(text, local)
    await world.h.ready(handle, READABLE)
    await settle()
    const small = Buffer.alloc(4)
    expect(world.h.backend.receive(handle, small)).toBe(4)
    expect(small.toString()).toBe('abcd')
    expect(await world.h.ready(handle, READABLE)).toBe(Readiness.READABLE)
    expect(world.h.backend.receive(handle, small)).toBe(0)
    expect(receive(handle)).toBe('gh')
    expect(receive(handle)).toBe(-errno.EAGAIN)
  })

  it('are sent whole, from the offset, an empty one too, and from a buffer that changes at once', async () => {
    const handle = await connected()
    const data = Buffer.from('..abc')
    expect(world.h.backend.send(handle, data, 2)).toBe(3)
    data.fill(0)
    expect(world.h.backend.send(handle, data, 5)).toBe(0)
    expect(send(handle, 'd')).toBe(1)
    expect(await peer.texts(3)).toEqual(['abc', '', 'd'])
  })

  it.each([
    ['inet', 65_507],
    ['inet6', 65_527],
  ] as const)('over %s are no longer than %i bytes', async (family, most) => {
    const other = new TestPeer(family)
    const handle = await world.h.connected(await other.bind(), 'dgram')
    expect(world.h.backend.send(handle, Buffer.alloc(most + 1), 0)).toBe(-errno.EMSGSIZE)
    expect(world.h.backend.send(handle, Buffer.alloc(most, 'x'), 0)).toBe(most)
    expect((await other.texts(1))[0]).toHaveLength(most)
    await settle()
    expect(world.h.backend.finishConnect(handle)).toBe(0)
    await other.close()
  })

  it('to an IPv4-mapped address are as long as over IPv4', async () => {
    const handle = await world.h.connected(mapped(to), 'dgram')
    expect(world.h.backend.send(handle, Buffer.alloc(65_508), 0)).toBe(-errno.EMSGSIZE)
    expect(world.h.backend.send(handle, Buffer.alloc(65_507), 0)).toBe(65_507)
    expect((await peer.texts(1))[0]).toHaveLength(65_507)
  })

  it('that nobody reads are kept up to the receive buffer, the oldest of them', async () => {
    const handle = world.h.open(to, 'dgram')
    world.h.backend.setOption?.(handle, 'receiveBufferBytes', 8_192)
    world.h.backend.connect(handle, to)
    const local = world.h.backend.localAddress(handle)
    for (let i = 0; i < 100; i++) {
      await peer.send(`${i} `.padEnd(512, '.'), local)
      await turn()
    }
    await settle()
    const numbers: number[] = []
    for (let text = receive(handle); typeof text === 'string'; text = receive(handle)) {
      numbers.push(Number.parseInt(text, 10))
    }
    // The kernel doubles the size, and each datagram counts for 1,024 bytes.
    expect(numbers).toEqual(Array.from({ length: 16 }, (_, i) => i))
    await peer.send('and more', local)
    await world.h.ready(handle, READABLE)
    expect(receive(handle)).toBe('and more')
  })
})

describe('a peer', () => {
  it('is needed for sending, not for receiving', async () => {
    const handle = world.h.open(to, 'dgram')
    expect(await world.h.ready(handle, READABLE | WRITABLE)).toBe(Readiness.WRITABLE)
    expect(world.h.backend.finishConnect(handle)).toBe(-errno.ENOTCONN)
    expect(send(handle, 'x')).toBe(-errno.EDESTADDRREQ)
    expect(receive(handle)).toBe(-errno.EAGAIN)
    expect(world.h.backend.bind?.(handle, { ...to, port: 0 })).toBe(0)
    expect(send(handle, 'x')).toBe(-errno.EDESTADDRREQ)
    await peer.send('from anybody', world.h.backend.localAddress(handle))
    await world.h.ready(handle, READABLE)
    expect(receive(handle)).toBe('from anybody')
  })

  it('alone is heard, but for what came before connect()', async () => {
    const stranger = new TestPeer()
    await stranger.bind()
    const handle = world.h.open(to, 'dgram')
    world.h.backend.bind?.(handle, { ...to, port: 0 })
    const local = world.h.backend.localAddress(handle)
    await stranger.send('early', local)
    await settle()
    world.h.backend.connect(handle, to)
    await stranger.send('too late', local)
    await peer.send('peer', local)
    await settle()
    expect([receive(handle), receive(handle), receive(handle)]).toEqual([
      'early',
      'peer',
      -errno.EAGAIN,
    ])
    await stranger.close()
  })

  it('may be another one', async () => {
    const other = new TestPeer()
    const at = await other.bind()
    const handle = await connected()
    send(handle, 'one')
    expect(await world.h.attempt(handle, at)).toBe(0)
    expect(world.h.backend.peerAddress(handle)).toEqual(at)
    send(handle, 'two')
    expect(await peer.texts(1)).toEqual(['one'])
    expect(await other.texts(1)).toEqual(['two'])
    await other.close()
  })

  it('is forgotten, and the automatic port with it', async () => {
    const handle = await connected()
    expect(world.h.backend.disconnect?.(handle)).toBe(0)
    expect(world.h.backend.disconnect?.(handle)).toBe(0)
    expect(world.h.backend.peerAddress(handle)).toBeUndefined()
    expect(world.h.backend.localAddress(handle)).toEqual({ ...to, address: '0.0.0.0', port: 0 })
    expect(send(handle, 'x')).toBe(-errno.EDESTADDRREQ)
    expect(world.h.backend.finishConnect(handle)).toBe(-errno.ENOTCONN)
    expect(await world.h.attempt(handle, to)).toBe(0)
    send(handle, 'again')
    expect(await peer.texts(1)).toEqual(['again'])
  })

  it('that is forgotten leaves a port that was chosen, where anybody is heard', async () => {
    const stranger = new TestPeer()
    const free = await stranger.bind()
    await stranger.close()
    const handle = world.h.open(to, 'dgram')
    expect(world.h.backend.bind?.(handle, free)).toBe(0)
    world.h.backend.connect(handle, { ...to, port: 9 })
    world.h.backend.disconnect?.(handle)
    expect(world.h.backend.localAddress(handle)).toEqual(free)
    await peer.send('hello', free)
    await world.h.ready(handle, READABLE)
    expect(receive(handle)).toBe('hello')
  })

  it('that is forgotten lets the socket be bound anew', async () => {
    const handle = await connected()
    expect(world.h.backend.bind?.(handle, { ...to, port: 0 })).toBe(-errno.EINVAL)
    world.h.backend.disconnect?.(handle)
    expect(world.h.backend.bind?.(handle, { ...to, port: 0 })).toBe(0)
    await peer.send('hello', world.h.backend.localAddress(handle))
    await world.h.ready(handle, READABLE)
    expect(receive(handle)).toBe('hello')
  })
})

describe('a connect that fails', () => {
  it.each<[string, number, () => InetAddress]>([
    ['a broadcast address', errno.EACCES, () => ({ ...to, address: '127.255.255.255' })],
    ['a name', errno.EINVAL, () => ({ ...to, address: 'localhost' })],
    ['an empty name', errno.EINVAL, () => ({ ...to, address: '' })],
    ['port 0', errno.EINVAL, () => ({ ...to, port: 0 })],
    ['a port out of range', errno.EINVAL, () => ({ ...to, port: 65_536 })],
    ['another family', errno.EAFNOSUPPORT, () => ({ family: 'inet6', address: '::1', port: 9 })],
  ])('tells why with readiness: %s', async (_name, number, at) => {
    const handle = world.h.open(to, 'dgram')
    expect(world.h.backend.connect(handle, at())).toBe(-errno.EINPROGRESS)
    expect(await world.h.ready(handle, WRITABLE)).toBe(Readiness.WRITABLE | Readiness.ERROR)
    expect(world.h.backend.finishConnect(handle)).toBe(-number)
    expect(world.h.backend.finishConnect(handle)).toBe(-errno.ENOTCONN)
    expect(world.h.backend.peerAddress(handle)).toBeUndefined()
    expect(await world.h.attempt(handle, to)).toBe(0)
  })

  it('is under way until its reason is known, then told to the next connect, and forgotten by disconnect()', async () => {
    const broadcast = { ...to, address: '127.255.255.255' }
    const handle = world.h.open(to, 'dgram')
    world.h.backend.connect(handle, broadcast)
    expect(world.h.backend.connect(handle, to)).toBe(-errno.EALREADY)
    expect(world.h.backend.finishConnect(handle)).toBe(1)
    await turn()
    expect(world.h.backend.connect(handle, to)).toBe(-errno.EACCES)
    world.h.backend.connect(handle, broadcast)
    world.h.backend.disconnect?.(handle)
    expect(world.h.backend.connect(handle, to)).toBe(0)
    await settle()
    expect(world.h.backend.finishConnect(handle)).toBe(0)
  })

  it('is told with its own reason, not with that of one given up before', async () => {
    const handle = world.h.open({ family: 'inet6' }, 'dgram')
    world.h.backend.connect(handle, mapped({ ...to, address: '127.255.255.255' }))
    world.h.backend.disconnect?.(handle)
    const unreachable: InetAddress = { family: 'inet6', address: 'fe80::1%lo', port: 9 }
    expect(await world.h.attempt(handle, unreachable)).toBe(-errno.ENETUNREACH)
  })

  it('may be closed before its reason is known', async () => {
    const handle = world.h.open(to, 'dgram')
    world.h.backend.connect(handle, { ...to, address: '127.255.255.255' })
    world.h.backend.close(handle, 'reset')
    await settle()
    expect(world.h.events).toEqual([])
  })
})

describe('nobody there (ICMP)', () => {
  let handle: Handle
  beforeEach(async () => {
    const gone = new TestPeer()
    const nobody = await gone.bind()
    await gone.close()
    handle = await world.h.connected(nobody, 'dgram')
  })

  it('wakes whoever waits, and is told once to the reader', async () => {
    const readable = world.h.ready(handle, READABLE)
    expect(send(handle, 'x')).toBe(1)
    expect(await readable).toBe(Readiness.ERROR)
    expect(receive(handle)).toBe(-errno.ECONNREFUSED)
    expect(receive(handle)).toBe(-errno.EAGAIN)
  })

  it('is told once to the sender, whose datagram is not sent then', async () => {
    send(handle, 'x')
    await settle()
    expect(send(handle, 'y')).toBe(-errno.ECONNREFUSED)
    expect(send(handle, 'z')).toBe(1)
  })

  it('is read once by finishConnect(), too', async () => {
    send(handle, 'x')
    await settle()
    expect(world.h.backend.finishConnect(handle)).toBe(-errno.ECONNREFUSED)
    expect(world.h.backend.finishConnect(handle)).toBe(0)
  })

  it('is told although a later send has run into it', async () => {
    expect([send(handle, 'x'), send(handle, 'y')]).toEqual([1, 1])
    expect(await world.h.ready(handle, READABLE)).toBe(Readiness.ERROR)
    expect(receive(handle)).toBe(-errno.ECONNREFUSED)
  })
})

describe('a datagram socket', () => {
  it('that is shut down sends no more, and receives', async () => {
    const handle = world.h.open(to, 'dgram')
    expect(world.h.backend.shutdown(handle)).toBe(-errno.ENOTCONN)
    await world.h.attempt(handle, to)
    expect(send(handle, 'x')).toBe(-errno.EPIPE)
    expect(world.h.backend.shutdown(handle)).toBe(0)
    await peer.send('still', world.h.backend.localAddress(handle))
    await world.h.ready(handle, READABLE)
    expect(receive(handle)).toBe('still')
  })

  it('that is closed delivers what was sent, and nothing more is heard of it', async () => {
    const handle = await connected()
    const token = world.h.token()
    world.h.backend.register(handle, token, READABLE)
    send(handle, 'last words')
    world.h.backend.close(handle, 'graceful')
    expect(send(handle, 'x')).toBe(-errno.EBADF)
    expect(await peer.texts(1)).toEqual(['last words'])
    await settle()
    expect(world.h.events.filter((event) => event.token === token)).toEqual([])
  })

  it('reports many in one batch, those closed in it left out', async () => {
    const handles = await Promise.all(Array.from({ length: 50 }, () => connected()))
    world.h.batches.length = 0
    world.h.inSink = () => {
      for (const handle of handles.splice(1)) world.h.backend.close(handle, 'reset')
      world.h.backend.poll()
    }
    for (const handle of handles) world.h.backend.register(handle, world.h.token(), WRITABLE)
    await settle()
    expect(world.h.batches.map((batch) => batch.length)).toEqual([50])
    expect(world.h.backend.openHandles).toBe(1)
  })
})

function connected(): Promise<Handle> {
  return world.h.connected(to, 'dgram')
}

function send(handle: Handle, text: string): number {
  return world.h.backend.send(handle, Buffer.from(text), 0)
}

/** The text of one datagram, or the negated errno. */
function receive(handle: Handle): string | number {
  const count = world.h.backend.receive(handle, into)
  return count < 0 ? count : into.toString('latin1', 0, count)
}

function mapped(address: InetAddress): InetAddress {
  return { family: 'inet6', address: `::ffff:${address.address}`, port: address.port }
}
