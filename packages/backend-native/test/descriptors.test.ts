/** Descriptors from and to elsewhere: adopt() and detach(), against the real kernel. */
import { once } from 'node:events'
import { closeSync, constants, openSync } from 'node:fs'
import { type Server, Socket } from 'node:net'
import { join } from 'node:path'
import type { Handle } from '@pollout/core'
import { unusedPort } from '@pollout/test-servers'
import { describe, expect, it } from 'vitest'
import { loadAddon } from '../src/load-addon.js'
import {
  type Bench,
  describeNative,
  descriptors,
  E,
  flagsOf,
  has,
  inet,
  opened,
  runChild,
  turns,
  watchedDescriptors,
} from './support.js'

const READABLE = 1
const WRITABLE = 2
const CONNECTED = 0
const PENDING = 1

describeNative('descriptors', (kit) => {
  /** Gives a socket of one backend to another: a descriptor that the other knows nothing of. */
  function handOver(from: Bench, handle: Handle, to: Bench): Handle {
    const fd = from.kernel.detach(handle)
    expect(fd).toBeGreaterThanOrEqual(0)
    const adopted = to.kernel.adopt(fd)
    expect(adopted).toBeGreaterThanOrEqual(0)
    return adopted as Handle
  }

  describe('adopt()', () => {
    it('a connected one', async () => {
      const { bench, backend } = kit()
      const server = await kit().serve()
      const other = kit().another()
      const connected = await other.connected(server.at)
      const peer = await server.accepted()
      const handle = handOver(other, connected, bench)
      expect(other.backend.openHandles).toBe(0)
      expect(bench.kernel.specOf(handle)).toEqual({ family: 'inet', type: 'stream' })
      const times = new Float64Array([1, 2])
      expect(backend.finishConnect(handle, times)).toBe(CONNECTED)
      expect([...times]).toEqual([Number.NaN, Number.NaN])
      expect(backend.peerAddress(handle)).toEqual(server.at)
      backend.send(handle, Buffer.from('x'), 0)
      peer.resume()
      await once(peer, 'data')
      peer.write('hello')
      expect(await bench.ready(handle, READABLE)).toBe(READABLE)
      expect(backend.receive(handle, new Uint8Array(9))).toBe(5)
    })

    it('one that is connecting, and gets there', async () => {
      const { bench, backend } = kit()
      const server = await kit().serve()
      const other = kit().another()
      const connecting = other.open()
      expect(other.backend.connect(connecting, server.at)).toBe(-E.EINPROGRESS)
      const handle = handOver(other, connecting, bench)
      await bench.ready(handle, WRITABLE)
      expect(backend.finishConnect(handle)).toBe(CONNECTED)
      expect(backend.peerAddress(handle)).toEqual(server.at)
    })

    it('one that is still connecting', async () => {
      const { bench, backend } = kit()
      const server = await kit().busyServer()
      const other = kit().another()
      const connecting = other.open()
      other.backend.connect(connecting, server.at)
      const handle = handOver(other, connecting, bench)
      const times = new Float64Array([1, 2])
      expect(backend.finishConnect(handle, times)).toBe(PENDING)
      expect([...times]).toEqual([1, 2])
      expect(backend.connect(handle, server.at)).toBe(-E.EALREADY)
    })

    it('one that was refused, and told nobody yet', async () => {
      const { bench, backend } = kit()
      const other = kit().another()
      const refused = other.open()
      other.backend.connect(refused, inet(await unusedPort()))
      await other.ready(refused, WRITABLE)
      const handle = handOver(other, refused, bench)
      const times = new Float64Array(2)
      expect(backend.finishConnect(handle, times)).toBe(-E.ECONNREFUSED)
      expect([...times]).toEqual([Number.NaN, Number.NaN])
      expect(backend.finishConnect(handle)).toBe(-E.ECONNRESET)
    })

    it('one that was never connected, of any kind', () => {
      const { bench, backend } = kit()
      const other = kit().another()
      for (const [family, type] of [
        ['inet', 'dgram'],
        ['inet6', 'stream'],
        ['unix', 'stream'],
        ['unix', 'dgram'],
        ['unix', 'seqpacket'],
      ] as const) {
        const handle = handOver(other, other.open(family, type), bench)
        expect(bench.kernel.specOf(handle)).toEqual({ family, type })
        expect(backend.finishConnect(handle)).toBe(-E.ENOTCONN)
      }
    })

    it.skipIf(!has('python3'))('makes it non-blocking and close-on-exec', async () => {
      const { lines, stderr } = await runChild(ADOPT_INHERITED, { wrap: INHERITING })
      expect([lines, stderr]).toEqual([['before 0', 'adopted true', 'after all'], ''])
    })

    it.skipIf(!has('python3'))('knows TCP by its protocol: MPTCP is none', async (ctx) => {
      const code = "say('adopted ' + createBackend(() => {}, () => {}).adopt(200)); process.exit()"
      const { lines, code: status } = await runChild(code, { wrap: INHERITING_MPTCP })
      if (status === 9) return ctx.skip('this kernel has no MPTCP')
      expect(lines).toEqual([`adopted ${-E.EPROTONOSUPPORT}`])
    })

    it('what is no socket for us is left as it was', async () => {
      const { bench, folder } = kit()
      const server = await kit().serve()
      const listening = descriptorOf(server.server)
      const file = openSync(join(folder, 'file'), 'w+')
      const loaded = loadAddon()
      if (loaded.addon === undefined) throw new Error('no addon')
      const raw = loaded.addon.createBackend(
        () => {},
        () => {},
      )
      const AF_NETLINK = 16
      const SOCK_RAW = 3
      const netlink = raw.detach(raw.open(AF_NETLINK, SOCK_RAW))
      await new Promise<void>((resolve) => raw.destroy(resolve))
      const closed = openSync('/dev/null', 'r')
      closeSync(closed)
      const [set] = [...watchedDescriptors().keys()].slice(-1)
      for (const [fd, number] of [
        [listening, E.EINVAL],
        [file, E.ENOTSOCK],
        [set, E.ENOTSOCK],
        [netlink, E.EAFNOSUPPORT],
      ] as const) {
        if (fd === undefined) throw new Error('no such descriptor')
        const flags = flagsOf(fd)
        expect([fd, bench.kernel.adopt(fd)]).toEqual([fd, -number])
        expect(flagsOf(fd)).toBe(flags)
      }
      for (const fd of [closed, -1, 2 ** 31 - 1]) expect(bench.kernel.adopt(fd)).toBe(-E.EBADF)
      expect(bench.backend.openHandles).toBe(0)
      closeSync(file)
      closeSync(netlink)
      await bench.connected(server.at)
      await server.accepted()
    })

    it('one that it has already is EEXIST', () => {
      const { bench } = kit()
      const fd = opened(() => bench.open())
      expect(bench.kernel.adopt(fd)).toBe(-E.EEXIST)
      expect(bench.backend.openHandles).toBe(1)
    })

    it('is closed with the backend, and refused after its end', async () => {
      const { bench } = kit()
      const other = kit().another()
      const fd = other.kernel.detach(other.open())
      const late = other.kernel.detach(other.open())
      bench.kernel.adopt(fd)
      await bench.backend.destroy()
      expect(descriptors().has(fd)).toBe(false)
      expect(bench.kernel.adopt(late)).toBe(-E.EBADF)
      closeSync(late)
    })
  })

  describe('detach()', () => {
    it('for a net.Socket, which goes on with it', async () => {
      const { bench, backend } = kit()
      const server = await kit().serve()
      const handle = await bench.connected(server.at)
      const peer = await server.accepted()
      const fd = bench.kernel.detach(handle)
      expect(backend.openHandles).toBe(0)
      expect(backend.send(handle, Buffer.from('x'), 0)).toBe(-E.EBADF)
      expect(bench.kernel.detach(handle)).toBe(-E.EBADF)
      const socket = new Socket({ fd })
      expect(socket.remotePort).toBe(server.at.port)
      const heard = once(socket, 'data')
      peer.write('Hello')
      expect(String((await heard)[0])).toBe('Hello')
      socket.end('Goodbye')
      expect(String((await once(peer, 'data'))[0])).toBe('Goodbye')
      peer.end()
      await once(socket, 'close')
    })

    it.each(['armed', 'reported', 'disarmed'])(
      'the registration is gone before: %s',
      async (state) => {
        const { bench, backend } = kit()
        const server = await kit().serve()
        const handle = await bench.connected(server.at)
        const peer = await server.accepted()
        const token = bench.token()
        if (state === 'reported') await bench.ready(handle, WRITABLE)
        else backend.register(handle, token, READABLE)
        if (state === 'disarmed') backend.deregister(handle)
        const watched = () => [...watchedDescriptors().values()].flat()
        const fd = bench.kernel.detach(handle)
        expect(flagsOf(fd) & constants.O_NONBLOCK).toBe(constants.O_NONBLOCK)
        expect(watched()).not.toContain(fd)
        const events = bench.sink.events.length
        // Adopted by another set, it tells when the data is there; ours has to stay silent.
        const other = kit().another()
        const elsewhere = other.kernel.adopt(fd) as Handle
        peer.write('data')
        expect(await other.ready(elsewhere, READABLE)).toBe(READABLE)
        await turns(5)
        expect(bench.sink.events.length).toBe(events)
      },
    )

    it('a socket that did nothing yet, and one in the middle of a batch', async () => {
      const { bench, backend } = kit()
      closeSync(bench.kernel.detach(bench.open('unix', 'dgram')))
      const handles = [bench.open(), bench.open()]
      for (const handle of handles) backend.register(handle, bench.token(), WRITABLE)
      const given: number[] = []
      bench.sink.onBatch = () => {
        for (const handle of handles.splice(0)) given.push(bench.kernel.detach(handle))
      }
      while (given.length === 0) await turns(1)
      await turns(3)
      expect(bench.sink.events).toHaveLength(2)
      for (const fd of given) closeSync(fd)
      expect(backend.openHandles).toBe(0)
    })

    it('and adopt(), again and again: the same socket', async () => {
      const { bench, backend } = kit()
      const server = await kit().serve()
      let handle = await bench.connected(server.at)
      const peer = await server.accepted()
      for (let round = 0; round < 3; round++) {
        await bench.ready(handle, WRITABLE)
        const stale = handle
        handle = handOver(bench, handle, bench)
        expect(handle).not.toBe(stale)
        expect(backend.send(stale, Buffer.from('x'), 0)).toBe(-E.EBADF)
      }
      backend.send(handle, Buffer.from('still here'), 0)
      expect(String((await once(peer, 'data'))[0])).toBe('still here')
    })
  })
})

function descriptorOf(server: Server): number {
  return (server as unknown as { _handle: { fd: number } })._handle.fd
}

/**
 * Descriptor 200 of the child is a socket that blocks and would be inherited further. Node makes the ones that it finds at
 * its start close-on-exec, but stops at the first number above 15 that is not in use.
 */
const INHERITING = [
  'python3',
  '-c',
  `
import os, socket, sys
blocking = socket.socket()
os.dup2(blocking.fileno(), 200, inheritable=True)
os.execvp(sys.argv[1], sys.argv[1:])
`,
]

const INHERITING_MPTCP = [
  'python3',
  '-c',
  `
import os, socket, sys
try:
    mptcp = socket.socket(socket.AF_INET, socket.SOCK_STREAM, 262)
except OSError:
    sys.exit(9)
os.dup2(mptcp.fileno(), 200, inheritable=True)
os.execvp(sys.argv[1], sys.argv[1:])
`,
]

const ADOPT_INHERITED = `
  const { O_NONBLOCK } = fs.constants
  const O_CLOEXEC = 0o2000000
  const flags = () =>
    parseInt(/^flags:\\s*(\\d+)$/m.exec(fs.readFileSync('/proc/self/fdinfo/200', 'utf8'))[1], 8)
  const both = O_NONBLOCK | O_CLOEXEC
  say('before ' + (flags() & both))
  const backend = createBackend(() => {}, () => {})
  say('adopted ' + (backend.adopt(200) >= 0))
  say('after ' + ((flags() & both) === both ? 'all' : flags().toString(8)))
  backend.destroy(() => {})
`
