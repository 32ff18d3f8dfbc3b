/** The addon against the real kernel, through the backend interface alone: connects, data, handles, arguments. */
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { ConnectStatus, type Handle } from '@pollout/core'
import { unusedPort } from '@pollout/test-servers'
import { beforeEach, describe, expect, it } from 'vitest'
import { type Bench, describeNative, E, inet, type Kit, turn, turns } from './support.js'

const READABLE = 1
const WRITABLE = 2
const ERROR = 4
const HANGUP = 8
const CONNECTED = 0
/** What of the package knows how long a name can be, and has no types. */
const BUILD_LOCK = new URL('../scripts/build-lock.mjs', import.meta.url).href

describeNative('addon', (kit) => {
  let bench: Bench
  let folder: string
  beforeEach(() => {
    const current = kit()
    bench = current.bench
    folder = current.folder
  })
  const serve = (where?: Parameters<Kit['serve']>[0]) => kit().serve(where)

  describe('connect', () => {
    it.each([
      ['127.0.0.1', 'inet'],
      ['::1', 'inet6'],
    ])('%s succeeds', async (host, family) => {
      const server = await serve({ host })
      const handle = bench.open(server.at.family)
      expect(bench.backend.connect(handle, server.at)).toBe(-E.EINPROGRESS)
      expect(await bench.ready(handle, WRITABLE)).toBe(WRITABLE)
      expect(bench.backend.finishConnect(handle)).toBe(CONNECTED)
      const peer = await server.accepted()
      expect(bench.backend.peerAddress(handle)).toEqual({
        family,
        address: host,
        port: server.at.port,
      })
      expect(bench.backend.localAddress(handle)).toEqual({
        family,
        address: host,
        port: peer.remotePort,
      })
    })

    it('takes an IPv6 zone by name and by number', async () => {
      const server = await serve({ host: '::1' })
      for (const address of ['::1%lo', '::1%1']) {
        await bench.connected({ family: 'inet6', address, port: server.at.port })
      }
      const handle = bench.open('inet6')
      const nowhere = { family: 'inet6', address: 'fe80::1%none', port: 1 } as const
      expect(bench.backend.connect(handle, nowhere)).toBe(-E.EINVAL)
    })

    it('refused: WRITABLE, ERROR and HANGUP, and the errno once', async () => {
      const handle = bench.open()
      expect(bench.backend.connect(handle, inet(await unusedPort()))).toBe(-E.EINPROGRESS)
      expect(await bench.ready(handle, WRITABLE)).toBe(WRITABLE | ERROR | HANGUP)
      expect(bench.backend.finishConnect(handle)).toBe(-E.ECONNREFUSED)
      expect(bench.backend.peerAddress(handle)).toBeUndefined()
    })

    it('EALREADY in progress, EISCONN once connected', async () => {
      const server = await serve({ backlog: 1 })
      const handles = Array.from({ length: 6 }, () => bench.open())
      for (const handle of handles) bench.backend.connect(handle, server.at)
      const last = handles.at(-1) as Handle
      expect(bench.backend.connect(last, server.at)).toBe(-E.EALREADY)
      expect(bench.backend.finishConnect(last)).toBe(1)
      const first = handles[0] as Handle
      await bench.ready(first, WRITABLE)
      expect(bench.backend.finishConnect(first)).toBe(CONNECTED)
      // The kernel tells the first caller 0: that is how it learns that the handshake has ended.
      expect(bench.backend.connect(first, server.at)).toBe(0)
      expect(bench.backend.connect(first, server.at)).toBe(-E.EISCONN)
    })

    it('what the kernel knows at once comes at once', async () => {
      const { backend } = bench
      const v4 = bench.open()
      expect(backend.connect(v4, { family: 'inet6', address: '::1', port: 1 })).toBe(
        -E.EAFNOSUPPORT,
      )
      expect(backend.connect(v4, { family: 'inet', address: '127.1', port: 1 })).toBe(-E.EINVAL)
      for (const address of [
        '127.0.0.1\0.example',
        `127.0.0.1${' '.repeat(99)}`,
        'localhost',
        '',
      ]) {
        expect(backend.connect(v4, { family: 'inet', address, port: 1 })).toBe(-E.EINVAL)
      }
      const local = bench.open('unix')
      const file = join(folder, 'file')
      writeFileSync(file, '')
      const answers = [
        [join(folder, 'absent'), E.ENOENT],
        [join(file, 'below'), E.ENOTDIR],
        [file, E.ECONNREFUSED],
        ['\0pollout-absent', E.ECONNREFUSED],
        ['x'.repeat(109), E.EINVAL],
        ['é'.repeat(70), E.EINVAL],
        ['x'.repeat(5000), E.EINVAL],
        ['', E.EINVAL],
        [`${file}\0other`, E.EINVAL],
      ] as const
      for (const [path, number] of answers) {
        expect([path, backend.connect(local, { family: 'unix', path })]).toEqual([path, -number])
      }
    })

    it('unix: a path, and an abstract name', async () => {
      // Node 20's listen() pads a shorter abstract name with NULs, which count.
      const { NAME_BYTES } = await import(BUILD_LOCK)
      const abstract = `\0pollout-${process.pid}-`.padEnd(NAME_BYTES, 'x')
      for (const path of [join(folder, 'söck'), abstract]) {
        const server = await serve({ path })
        const handle = bench.open('unix')
        expect(bench.backend.connect(handle, server.at)).toBe(0)
        expect(await bench.ready(handle, WRITABLE)).toBe(WRITABLE)
        expect(bench.backend.finishConnect(handle)).toBe(CONNECTED)
        expect(bench.backend.peerAddress(handle)).toEqual({ family: 'unix', path })
        expect(bench.backend.localAddress(handle)).toEqual({ family: 'unix', path: '' })
        bench.backend.close(handle, 'reset')
      }
    })

    it('unix: a full backlog is EAGAIN, and polling it no success', async () => {
      const server = await serve({ path: join(folder, 'full'), backlog: 1 })
      let handle: Handle
      let result: number
      do {
        handle = bench.open('unix')
        result = bench.backend.connect(handle, server.at)
      } while (result === 0)
      expect(result).toBe(-E.EAGAIN)
      expect(await bench.ready(handle, WRITABLE)).toBe(WRITABLE | HANGUP)
      expect(bench.backend.finishConnect(handle)).toBe(-E.ENOTCONN)
    })

    it('a fresh socket is writable and hung up, and not connected', async () => {
      const handle = bench.open()
      expect(await bench.ready(handle, WRITABLE)).toBe(WRITABLE | HANGUP)
      expect(bench.backend.finishConnect(handle)).toBe(-E.ENOTCONN)
    })

    it("the peer's FIN before the poll is a success", async () => {
      const server = await serve()
      const handle = bench.open()
      bench.backend.connect(handle, server.at)
      const peer = await server.accepted()
      await new Promise<void>((resolve) => peer.end('bye', resolve))
      await turn()
      expect(await bench.ready(handle, WRITABLE)).toBe(WRITABLE)
      expect(bench.backend.finishConnect(handle)).toBe(CONNECTED)
      expect(await bench.ready(handle, READABLE)).toBe(READABLE | HANGUP)
      const into = new Uint8Array(8)
      expect(bench.backend.receive(handle, into)).toBe(3)
      expect(bench.backend.receive(handle, into)).toBe(0)
    })

    it("the peer's RST before the poll: it was connected, and ECONNRESET is told once, later", async () => {
      const server = await serve()
      const handle = bench.open()
      bench.backend.connect(handle, server.at)
      const peer = await server.accepted()
      peer.resetAndDestroy()
      await once(peer, 'close')
      expect(await bench.ready(handle, WRITABLE)).toBe(WRITABLE | ERROR | HANGUP)
      expect(bench.backend.finishConnect(handle)).toBe(ConnectStatus.LOST + E.ECONNRESET)
      const into = new Uint8Array(1)
      expect(bench.backend.receive(handle, into)).toBe(-E.ECONNRESET)
      // However often it is asked how the connect went.
      expect(bench.backend.finishConnect(handle)).toBe(ConnectStatus.LOST + E.ECONNRESET)
      expect(bench.backend.receive(handle, into)).toBe(0)
    })
  })

  describe('data', () => {
    it('goes both ways, within the views', async () => {
      const server = await serve()
      const handle = await bench.connected(server.at)
      const peer = await server.accepted()
      expect(bench.backend.receive(handle, new Uint8Array(1))).toBe(-E.EAGAIN)
      const text = Buffer.from('xxHello, Server!')
      expect(bench.backend.send(handle, text, 2)).toBe(14)
      const [got] = (await once(peer, 'data')) as [Buffer]
      expect(got.toString()).toBe('Hello, Server!')
      peer.write('abc')
      expect(await bench.ready(handle, READABLE)).toBe(READABLE)
      const whole = new Uint8Array(8)
      expect(bench.backend.receive(handle, whole.subarray(2, 4))).toBe(2)
      expect([...whole]).toEqual([0, 0, 97, 98, 0, 0, 0, 0])
      expect(bench.backend.shutdown(handle)).toBe(0)
      peer.resume()
      await once(peer, 'end')
      expect(bench.backend.send(handle, text, 0)).toBe(-E.EPIPE)
      expect(bench.backend.send(handle, text, text.length)).toBeLessThanOrEqual(0)
    })

    it('a half-closed peer does not wake a writer that has no room', async () => {
      const server = await serve()
      const handle = await bench.connected(server.at)
      const peer = await server.accepted()
      const data = new Uint8Array(1 << 20)
      while (bench.backend.send(handle, data, 0) > 0);
      peer.end()
      await once(peer, 'finish')
      const seen = bench.sink.events.length
      expect(bench.backend.register(handle, bench.token(), WRITABLE)).toBe(0)
      await turns(20)
      expect(bench.sink.events.length).toBe(seen)
    })

    it("'reset' closes with RST, 'graceful' with FIN", async () => {
      const server = await serve()
      for (const [mode, event] of [
        ['reset', 'error'],
        ['graceful', 'end'],
      ] as const) {
        const handle = await bench.connected(server.at)
        const peer = await server.accepted()
        peer.resume()
        const heard = new Promise((resolve) => peer.once(event, resolve))
        bench.backend.close(handle, mode)
        await heard
      }
    })
  })

  describe('handles', () => {
    it.each([-1, 0.5, 2 ** 53, Number.NaN, Number.POSITIVE_INFINITY, 12345678])(
      '%d names no socket',
      (number) => {
        const { backend } = bench
        const handle = number as Handle
        expect(backend.connect(handle, inet(1))).toBe(-E.EBADF)
        expect(backend.register(handle, bench.token(), WRITABLE)).toBe(-E.EBADF)
        backend.deregister(handle)
        backend.close(handle, 'reset')
        expect(backend.finishConnect(handle)).toBe(-E.EBADF)
      },
    )

    it('are stale after close(), whoever has the descriptor', () => {
      const { backend } = bench
      const stale = bench.open()
      backend.close(stale, 'graceful')
      const fresh = bench.open()
      expect(fresh).not.toBe(stale)
      const bytes = new Uint8Array(1)
      expect(backend.connect(stale, inet(1))).toBe(-E.EBADF)
      expect(backend.connect(stale, { family: 'unix', path: '/x' })).toBe(-E.EBADF)
      expect(backend.register(stale, bench.token(), WRITABLE)).toBe(-E.EBADF)
      expect(backend.finishConnect(stale)).toBe(-E.EBADF)
      expect(backend.receive(stale, bytes)).toBe(-E.EBADF)
      expect(backend.send(stale, bytes, 0)).toBe(-E.EBADF)
      expect(backend.shutdown(stale)).toBe(-E.EBADF)
      expect(backend.localAddress(stale)).toBeUndefined()
      expect(backend.peerAddress(stale)).toBeUndefined()
      backend.deregister(stale)
      backend.close(stale, 'reset')
      expect(backend.openHandles).toBe(1)
    })

    it('never come back', () => {
      const seen = new Set<number>()
      for (let i = 0; i < 5000; i++) {
        const handle = bench.open()
        expect(Number.isSafeInteger(handle)).toBe(true)
        seen.add(handle)
        bench.backend.close(handle, 'reset')
      }
      expect(seen.size).toBe(5000)
    })

    it('are all void after destroy(), and there are no new ones', async () => {
      const handle = bench.open()
      await bench.backend.destroy()
      expect(bench.backend.connect(handle, inet(1))).toBe(-E.EBADF)
      expect(bench.backend.open({ family: 'inet', type: 'stream' })).toBe(-E.EBADF)
      expect(bench.backend.openHandles).toBe(0)
      bench.backend.ref()
      bench.backend.unref()
      bench.backend.poll()
    })
  })

  describe('arguments', () => {
    it('unsupported families and types have their errno', () => {
      const { backend } = bench
      expect(backend.open({ family: 'inet', type: 'seqpacket' })).toBe(-E.EPROTONOSUPPORT)
      expect(backend.open({ family: 'vsock', type: 'dgram' })).toBe(-E.EPROTONOSUPPORT)
      expect(backend.open({ family: 'x25' as 'inet', type: 'stream' })).toBe(-E.EAFNOSUPPORT)
    })

    it('of wrong types throw a TypeError, impossible values a RangeError', () => {
      const { backend } = bench
      const handle = bench.open()
      const token = bench.token()
      // biome-ignore lint/suspicious/noExplicitAny: wrong types are the point
      const wrong = (value: unknown) => value as any
      const types: (() => unknown)[] = [
        () => backend.open(wrong(undefined)),
        () => backend.connect(wrong('1'), inet(1)),
        () => backend.connect(handle, wrong({})),
        () => backend.connect(handle, wrong(undefined)),
        () => backend.connect(handle, wrong({ family: 'inet', address: 1, port: 1 })),
        () => backend.connect(handle, wrong({ family: 'inet', address: '::1', port: '1' })),
        () => backend.connect(handle, wrong({ family: 'unix' })),
        () => backend.register(wrong(undefined), token, 1),
        () => backend.register(handle, wrong(Symbol('x')), 1),
        () => backend.register(handle, token, wrong(undefined)),
        () => backend.deregister(wrong(null)),
        () => backend.finishConnect(wrong({})),
        () => backend.receive(handle, wrong(undefined)),
        () => backend.receive(handle, wrong(new Float64Array(1))),
        () => backend.receive(handle, wrong(new ArrayBuffer(1))),
        () => backend.receive(handle, wrong(new DataView(new ArrayBuffer(1)))),
        () => backend.receive(handle, new Uint8Array(0)),
        () => backend.receive(handle, detached()),
        () => backend.send(handle, detached(), 0),
        () => backend.send(handle, wrong('text'), 0),
        () => backend.send(handle, new Uint8Array(1), wrong(undefined)),
        () => backend.shutdown(wrong(1n)),
        () => backend.close(wrong('x'), 'reset'),
        () => backend.localAddress(wrong(undefined)),
        () => backend.peerAddress(wrong([])),
      ]
      for (const call of types) expect(call, String(call)).toThrow(TypeError)
      const ranges: (() => unknown)[] = [
        () => backend.connect(handle, inet(65536)),
        () => backend.connect(handle, inet(-1)),
        () => backend.connect(handle, inet(Number.NaN)),
        () => backend.register(handle, token, 0),
        () => backend.register(handle, token, 4),
        () => backend.send(handle, new Uint8Array(1), 2),
        () => backend.send(handle, new Uint8Array(1), -1),
        () => backend.send(handle, new Uint8Array(1), 0.5),
      ]
      for (const call of ranges) expect(call, String(call)).toThrow(RangeError)
    })
  })
})

function detached(): Uint8Array {
  const array = new Uint8Array(8)
  structuredClone(array, { transfer: [array.buffer] })
  return array
}
