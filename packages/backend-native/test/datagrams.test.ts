/** Datagram and packet sockets, and local addresses, against the real kernel. */
import { spawn } from 'node:child_process'
import { createSocket, type Socket } from 'node:dgram'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { Handle, SocketAddress } from '@pollout/core'
import { describe, expect, it } from 'vitest'
import { describeNative, E, has, inet, type Kit } from './support.js'

const READABLE = 1
const WRITABLE = 2
const ERROR = 4
const CONNECTED = 0

describeNative('datagrams', (kit) => {
  /** A UDP socket of Node's own on loopback. */
  async function udpPeer({ cleanups }: Kit, host = '127.0.0.1') {
    const socket = createSocket(host.includes(':') ? 'udp6' : 'udp4')
    cleanups.push(() => new Promise<void>((resolve) => socket.close(() => resolve())))
    socket.bind(0, host)
    await once(socket, 'listening')
    const family = host.includes(':') ? ('inet6' as const) : ('inet' as const)
    return { socket, at: { family, address: host, port: socket.address().port } }
  }

  async function sendTo(from: Socket, to: SocketAddress | undefined, text: string): Promise<void> {
    if (to === undefined || !('address' in to)) throw new Error('no address')
    await new Promise((resolve) => from.send(text, to.port, to.address, resolve))
  }

  function receiveText(handle: Handle): string | number {
    const into = Buffer.alloc(64)
    const count = kit().backend.receive(handle, into)
    return count < 0 ? count : into.toString('utf8', 0, count)
  }

  /** A datagram socket that is bound to loopback. */
  function bound(): Handle {
    const handle = kit().bench.open('inet', 'dgram')
    expect(kit().backend.bind(handle, inet(0))).toBe(0)
    return handle
  }

  describe('udp', () => {
    it.each(['127.0.0.1', '::1'])('%s: a default peer, both ways', async (host) => {
      const { bench, backend } = kit()
      const peer = await udpPeer(kit(), host)
      const handle = bench.open(peer.at.family, 'dgram')
      expect(backend.localAddress(handle)).toBeUndefined()
      expect(backend.connect(handle, peer.at)).toBe(0)
      expect(await bench.ready(handle, WRITABLE)).toBe(WRITABLE)
      expect(backend.finishConnect(handle)).toBe(CONNECTED)
      expect(backend.peerAddress(handle)).toEqual(peer.at)
      const heard = once(peer.socket, 'message')
      expect(backend.send(handle, Buffer.from('Hello, Server!'), 0)).toBe(14)
      const [data, from] = await heard
      expect(String(data)).toBe('Hello, Server!')
      expect(backend.localAddress(handle)).toEqual({ ...peer.at, port: from.port })
      expect(receiveText(handle)).toBe(-E.EAGAIN)
      await sendTo(peer.socket, backend.localAddress(handle), 'welcome')
      expect(await bench.ready(handle, READABLE)).toBe(READABLE)
      expect(receiveText(handle)).toBe('welcome')
    })

    it('an empty datagram is 0 bytes, and what has no room is cut off', async () => {
      const { bench, backend } = kit()
      const peer = await udpPeer(kit())
      const handle = await connectedTo(peer.at)
      const local = backend.localAddress(handle)
      for (const text of ['', 'longer than the buffer', 'next']) {
        await sendTo(peer.socket, local, text)
      }
      await bench.ready(handle, READABLE)
      expect(receiveText(handle)).toBe('')
      const four = new Uint8Array(4)
      expect(backend.receive(handle, four)).toBe(4)
      expect(Buffer.from(four).toString()).toBe('long')
      expect(receiveText(handle)).toBe('next')
      expect(backend.send(handle, new Uint8Array(0), 0)).toBe(0)
      const [data] = await once(peer.socket, 'message')
      expect(data).toHaveLength(0)
      expect(backend.send(handle, new Uint8Array(70_000), 0)).toBe(-E.EMSGSIZE)
    })

    async function connectedTo(to: SocketAddress): Promise<Handle> {
      const { bench, backend } = kit()
      const handle = bench.open(to.family, 'dgram')
      expect(backend.connect(handle, to)).toBe(0)
      await bench.ready(handle, WRITABLE)
      expect(backend.finishConnect(handle)).toBe(CONNECTED)
      return handle
    }

    it('once connected, strangers are not heard', async () => {
      const { bench, backend } = kit()
      const [peer, stranger] = [await udpPeer(kit()), await udpPeer(kit())]
      const handle = await connectedTo(peer.at)
      const local = backend.localAddress(handle)
      await sendTo(stranger.socket, local, 'from a stranger')
      await sendTo(peer.socket, local, 'from the peer')
      await bench.ready(handle, READABLE)
      expect(receiveText(handle)).toBe('from the peer')
      expect(receiveText(handle)).toBe(-E.EAGAIN)
    })

    it('but what a stranger sent before connect() is still delivered', async () => {
      const { bench, backend } = kit()
      const [peer, stranger] = [await udpPeer(kit()), await udpPeer(kit())]
      const handle = bound()
      await sendTo(stranger.socket, backend.localAddress(handle), 'early')
      await bench.ready(handle, READABLE)
      expect(backend.connect(handle, peer.at)).toBe(0)
      expect(receiveText(handle)).toBe('early')
    })

    it('a second connect() changes the peer', async () => {
      const { backend } = kit()
      const [first, second] = [await udpPeer(kit()), await udpPeer(kit())]
      const handle = await connectedTo(first.at)
      expect(backend.connect(handle, second.at)).toBe(0)
      expect(backend.peerAddress(handle)).toEqual(second.at)
      backend.send(handle, Buffer.from('x'), 0)
      await once(second.socket, 'message')
    })

    it('disconnect() forgets the peer, and an automatic local address with it', async () => {
      const { backend } = kit()
      const handle = await connectedTo((await udpPeer(kit())).at)
      expect(backend.localAddress(handle)).toBeDefined()
      expect(backend.disconnect(handle)).toBe(0)
      expect(backend.peerAddress(handle)).toBeUndefined()
      expect(backend.localAddress(handle)).toBeUndefined()
      expect(backend.send(handle, Buffer.from('x'), 0)).toBe(-E.EDESTADDRREQ)
      expect(backend.finishConnect(handle)).toBe(-E.ENOTCONN)
    })

    it('after disconnect() a bound port stays and hears everybody, but only one that was named', async () => {
      const { bench, backend } = kit()
      const [peer, stranger] = [await udpPeer(kit()), await udpPeer(kit())]
      const chosen = bound()
      const local = backend.localAddress(chosen)
      if (local === undefined) throw new Error('not bound')
      expect(backend.connect(chosen, peer.at)).toBe(0)
      expect(backend.disconnect(chosen)).toBe(0)
      // bind() to port 0 leaves it to the system to take back: SOCK_BINDPORT_LOCK in the kernel.
      expect(backend.localAddress(chosen)).toBeUndefined()
      const handle = bench.open('inet', 'dgram')
      expect(backend.bind(handle, local)).toBe(0)
      expect(backend.connect(handle, peer.at)).toBe(0)
      expect(backend.disconnect(handle)).toBe(0)
      expect(backend.localAddress(handle)).toEqual(local)
      await sendTo(stranger.socket, local, 'hello')
      await bench.ready(handle, READABLE)
      expect(receiveText(handle)).toBe('hello')
    })

    it('nobody there: the ICMP error comes to the next receive, and to the next send', async () => {
      const { bench, backend } = kit()
      const handle = await connectedTo(await closedUdpPort())
      const byte = Buffer.from('x')
      expect(backend.send(handle, byte, 0)).toBe(1)
      expect((await bench.ready(handle, READABLE)) & ERROR).toBe(ERROR)
      expect(receiveText(handle)).toBe(-E.ECONNREFUSED)
      expect(receiveText(handle)).toBe(-E.EAGAIN)
      expect(backend.send(handle, byte, 0)).toBe(1)
      expect((await bench.ready(handle, READABLE)) & ERROR).toBe(ERROR)
      expect(backend.send(handle, byte, 0)).toBe(-E.ECONNREFUSED)
      expect(backend.send(handle, byte, 0)).toBe(1)
    })

    it('nobody there, and told to finishConnect() where that is the next to ask', async () => {
      const { bench, backend } = kit()
      const handle = await connectedTo(await closedUdpPort())
      expect(backend.send(handle, Buffer.from('x'), 0)).toBe(1)
      await bench.ready(handle, READABLE)
      expect(backend.finishConnect(handle)).toBe(-E.ECONNREFUSED)
      expect(backend.finishConnect(handle)).toBe(CONNECTED)
    })

    async function closedUdpPort(): Promise<SocketAddress> {
      const handle = bound()
      const at = kit().backend.localAddress(handle)
      kit().backend.close(handle, 'graceful')
      if (at === undefined) throw new Error('not bound')
      return at
    }

    it('broadcast needs its option', () => {
      const { bench, backend } = kit()
      const handle = bench.open('inet', 'dgram')
      const everybody = { family: 'inet', address: '127.255.255.255', port: 9 } as const
      expect(backend.connect(handle, everybody)).toBe(-E.EACCES)
      expect(backend.setOption(handle, 'broadcast', true)).toBe(0)
      expect(backend.connect(handle, everybody)).toBe(0)
    })
  })

  describe('local addresses', () => {
    it('a port of choice, of the system, and one that is taken', async () => {
      const { bench, backend } = kit()
      const server = await kit().serve()
      const first = bench.open()
      expect(backend.bind(first, inet(0))).toBe(0)
      const local = backend.localAddress(first)
      expect(local).toMatchObject({ family: 'inet', address: '127.0.0.1' })
      const second = bench.open()
      if (local === undefined) throw new Error('not bound')
      expect(backend.bind(second, local)).toBe(-E.EADDRINUSE)
      expect(backend.connect(first, server.at)).toBe(-E.EINPROGRESS)
      await bench.ready(first, WRITABLE)
      expect(backend.finishConnect(first)).toBe(CONNECTED)
      expect((await server.accepted()).remotePort).toBe(portOf(local))
      expect(backend.bind(first, inet(0))).toBe(-E.EINVAL)
    })

    it('one that is not ours, and one that is none', () => {
      const { bench, backend } = kit()
      const handle = bench.open()
      const bind = (address: string) =>
        backend.bind(handle, { family: address.includes(':') ? 'inet6' : 'inet', address, port: 0 })
      expect(bind('192.0.2.1')).toBe(-E.EADDRNOTAVAIL)
      expect(bind('::1')).toBe(-E.EAFNOSUPPORT)
      expect(bind('localhost')).toBe(-E.EINVAL)
      const six = bench.open('inet6')
      expect(backend.bind(six, { family: 'inet6', address: '::1%lo', port: 0 })).toBe(0)
      expect(backend.localAddress(six)).toMatchObject({ family: 'inet6', address: '::1' })
    })

    it('with bindAddressNoPort the port comes with connect()', async () => {
      const { bench, backend } = kit()
      const server = await kit().serve()
      const handle = bench.open()
      expect(backend.setOption(handle, 'bindAddressNoPort', true)).toBe(0)
      expect(backend.bind(handle, { family: 'inet', address: '127.0.0.9', port: 0 })).toBe(0)
      expect(backend.localAddress(handle)).toBeUndefined()
      backend.connect(handle, server.at)
      await bench.ready(handle, WRITABLE)
      expect(backend.finishConnect(handle)).toBe(CONNECTED)
      expect((await server.accepted()).remoteAddress).toBe('127.0.0.9')
    })

    it('unix: a path, an abstract name, and a name of the system', () => {
      const { bench, backend, folder } = kit()
      const path = join(folder, 'bound')
      const abstract = `\0pollout-bind-${process.pid}`
      for (const name of [path, abstract]) {
        const handle = bench.open('unix', 'dgram')
        expect(backend.localAddress(handle)).toEqual({ family: 'unix', path: '' })
        expect(backend.bind(handle, { family: 'unix', path: name })).toBe(0)
        expect(backend.localAddress(handle)).toEqual({ family: 'unix', path: name })
        const second = bench.open('unix', 'dgram')
        expect(backend.bind(second, { family: 'unix', path: name })).toBe(-E.EADDRINUSE)
      }
      expect(existsSync(path)).toBe(true)
      const handle = bench.open('unix', 'dgram')
      expect(backend.bind(handle, { family: 'unix', path: '' })).toBe(0)
      // unix(7): a NUL and five hexadecimal digits.
      expect(backend.localAddress(handle)).toEqual({
        family: 'unix',
        path: expect.stringMatching(/^\0[0-9a-f]{5}$/),
      })
    })
  })

  describe('unix', () => {
    it('datagrams: a default peer, both ways, and an end to it', async () => {
      const { bench, backend, folder } = kit()
      const at = { family: 'unix', path: join(folder, 'peer') } as const
      const peer = bench.open('unix', 'dgram')
      expect(backend.bind(peer, at)).toBe(0)
      const handle = bench.open('unix', 'dgram')
      expect(backend.bind(handle, { family: 'unix', path: '' })).toBe(0)
      expect(backend.connect(handle, at)).toBe(0)
      await bench.ready(handle, WRITABLE)
      expect(backend.finishConnect(handle)).toBe(CONNECTED)
      expect(backend.peerAddress(handle)).toEqual(at)
      expect(backend.send(handle, Buffer.from('Hello'), 0)).toBe(5)
      expect(receiveText(peer)).toBe('Hello')
      const back = backend.localAddress(handle)
      if (back === undefined) throw new Error('no address')
      expect(backend.connect(peer, back)).toBe(0)
      expect(backend.send(peer, Buffer.from('Hello back'), 0)).toBe(10)
      expect(receiveText(handle)).toBe('Hello back')
      expect(backend.disconnect(handle)).toBe(0)
      expect(backend.peerAddress(handle)).toBeUndefined()
      expect(backend.send(handle, Buffer.from('x'), 0)).toBe(-E.ENOTCONN)
    })

    it('datagrams: a peer that is gone, or deaf to us', () => {
      const { bench, backend, folder } = kit()
      const at = { family: 'unix', path: join(folder, 'gone') } as const
      const peer = bench.open('unix', 'dgram')
      backend.bind(peer, at)
      const handle = bench.open('unix', 'dgram')
      expect(backend.connect(handle, at)).toBe(0)
      const stranger = bench.open('unix', 'dgram')
      const other = { family: 'unix', path: join(folder, 'other') } as const
      backend.bind(stranger, other)
      expect(backend.connect(peer, other)).toBe(0)
      expect(backend.send(handle, Buffer.from('x'), 0)).toBe(-E.EPERM)
      backend.close(peer, 'graceful')
      expect(backend.send(handle, Buffer.from('x'), 0)).toBe(-E.ECONNREFUSED)
      const late = bench.open('unix', 'dgram')
      expect(backend.connect(late, at)).toBe(-E.ECONNREFUSED)
      expect(backend.finishConnect(late)).toBe(-E.ENOTCONN)
    })

    it('the wrong type of socket for the peer is EPROTOTYPE', async () => {
      const { bench, backend, folder } = kit()
      const server = await kit().serve({ path: join(folder, 'stream') })
      for (const type of ['dgram', 'seqpacket'] as const) {
        expect(backend.connect(bench.open('unix', type), server.at)).toBe(-E.EPROTOTYPE)
      }
      const datagrams = bench.open('unix', 'dgram')
      const at = { family: 'unix', path: join(folder, 'dgram') } as const
      backend.bind(datagrams, at)
      expect(backend.connect(bench.open('unix'), at)).toBe(-E.EPROTOTYPE)
    })

    it('a stream cannot be disconnected', async () => {
      const { bench, backend, folder } = kit()
      const server = await kit().serve({ path: join(folder, 'stream') })
      const handle = await bench.connected(server.at)
      expect(backend.disconnect(handle)).toBe(-E.EINVAL)
      expect(backend.peerAddress(handle)).toEqual(server.at)
    })

    it.skipIf(!has('python3'))('packets: each read whole, and an end', async () => {
      const { bench, backend, folder } = kit()
      const path = join(folder, 'packets')
      const server = spawn('python3', ['-c', PACKET_SERVER, path], {
        stdio: ['ignore', 'pipe', 'inherit'],
      })
      const ended = once(server, 'close')
      await once(createInterface(server.stdout), 'line')
      const handle = bench.open('unix', 'seqpacket')
      expect(backend.connect(handle, { family: 'unix', path })).toBe(0)
      await bench.ready(handle, WRITABLE)
      expect(backend.finishConnect(handle)).toBe(CONNECTED)
      expect(backend.connect(handle, { family: 'unix', path })).toBe(-E.EISCONN)
      for (const text of ['one', 'two']) backend.send(handle, Buffer.from(text), 0)
      const heard: (string | number)[] = []
      while (heard.at(-1) !== '') {
        await bench.ready(handle, READABLE)
        heard.push(receiveText(handle))
      }
      expect(heard).toEqual(['ONE', 'TWO', ''])
      await ended
    })
  })

  it('vsock: opened, bound and told, where the kernel has it', (ctx) => {
    const { bench, backend } = kit()
    const handle = backend.open({ family: 'vsock', type: 'stream' })
    if (handle === -E.EAFNOSUPPORT) return ctx.skip('this kernel has no vsock')
    expect(backend.localAddress(handle as Handle)).toBeUndefined()
    const at = { family: 'vsock', cid: 0xffff_ffff, port: 4_000_000_000 } as const
    expect(backend.bind(handle as Handle, at)).toBe(0)
    expect(backend.localAddress(handle as Handle)).toEqual(at)
    expect(backend.peerAddress(handle as Handle)).toBeUndefined()
    expect(backend.finishConnect(handle as Handle)).toBe(-E.ENOTCONN)
    expect(backend.connect(bench.open(), at)).toBe(-E.EAFNOSUPPORT)
    expect(backend.connect(handle as Handle, inet(1))).toBe(-E.EINVAL)
  })
})

function portOf(address: SocketAddress | undefined): number {
  return address !== undefined && 'port' in address ? address.port : 0
}

/** Answers two packets in capitals. */
const PACKET_SERVER = `
import socket, sys
server = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
server.bind(sys.argv[1])
server.listen(1)
print('listening', flush=True)
peer, _ = server.accept()
for _ in range(2):
    peer.send(peer.recv(100).upper())
`
