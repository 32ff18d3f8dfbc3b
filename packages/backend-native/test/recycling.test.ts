/** Sockets that connect again, to the same peer, where they were reset inside the sink: native/recycler.cc. */
import { once } from 'node:events'
import type { Handle, SocketAddress, Token } from '@pollout/core'
import { unusedPort } from '@pollout/test-servers'
import { beforeEach, describe, expect, it } from 'vitest'
import { recyclingKit } from './recycling-kit.js'
import { type Bench, describeNative, E, inet, type Kit, turn, turns } from './support.js'

const READABLE = 1
const WRITABLE = 2
const ERROR = 4
const HANGUP = 8
const CONNECTED = 0
const PENDING = 1

describeNative('recycling', (kit) => {
  let bench: Bench
  beforeEach(() => {
    bench = kit().bench
  })
  const serve = (where?: Parameters<Kit['serve']>[0]) => kit().serve(where)
  const { connectAnd, whenReady, makeKnown, knownPeers, added, taken } = recyclingKit(kit)

  describe.each(['127.0.0.1', '::1'])('%s', (host) => {
    it('the peer gets its RST, and the socket connects to it again', async () => {
      const { backend } = bench
      const server = await serve({ host })
      await makeKnown(server.at)
      await server.accepted()
      const handle = await bench.connected(server.at)
      const old = await server.accepted()
      const { remotePort: oldPort } = old
      const error = once(old, 'error') as Promise<[NodeJS.ErrnoException]>
      const next = await whenReady(handle, () => {
        expect(added(() => backend.close(handle, 'reset'))).toBe(0)
        expect(backend.openHandles).toBe(0)
        let next = -1 as Handle
        expect(added(() => (next = bench.open(server.at.family)))).toBe(0)
        expect(next).not.toBe(handle)
        expect(backend.openHandles).toBe(1)
        expect(backend.peerAddress(next)).toBeUndefined()
        expect(backend.localAddress(next)).toBeUndefined()
        expect(backend.finishConnect(handle)).toBe(-E.EBADF)
        return next
      })
      expect((await error)[0].code).toBe('ECONNRESET')

      expect(backend.connect(next, server.at)).toBe(-E.EINPROGRESS)
      expect(await bench.ready(next, WRITABLE)).toBe(WRITABLE)
      expect(backend.finishConnect(next)).toBe(CONNECTED)
      const peer = await server.accepted()
      expect(peer.remotePort).not.toBe(oldPort)
      expect(backend.localAddress(next)).toMatchObject({ address: host, port: peer.remotePort })
      expect(backend.peerAddress(next)).toEqual(server.at)
      peer.write('x')
      expect(await bench.ready(next, READABLE)).toBe(READABLE)
      const into = new Uint8Array(8)
      expect(backend.receive(next, into)).toBe(1)
      expect(backend.receive(next, into)).toBe(-E.EAGAIN)
      expect(backend.send(next, into, 0)).toBe(8)
      expect(((await once(peer, 'data')) as [Buffer])[0].length).toBe(8)
    })

    it('goes to the same address and port only, and not on first sight', async () => {
      const [first, second] = [await serve({ host }), await serve({ host })]
      expect(await taken(first.at, first.at)).toBe(1)
      expect(await taken(first.at, first.at)).toBe(0)
      // The other one gets a new socket, while the spare waits for its own peer.
      expect(await taken(first.at, second.at)).toBe(1)
      expect(await taken(second.at, first.at)).toBe(1)
      expect(await taken(second.at, second.at)).toBe(0)
    })
  })

  it('a refused one connects again', async () => {
    const at = inet(await unusedPort())
    await makeKnown(at)
    const next = await connectAnd(at, (handle, status) => {
      expect(status).toBe(-E.ECONNREFUSED)
      bench.backend.close(handle, 'reset')
      let next = -1 as Handle
      expect(added(() => (next = bench.open()))).toBe(0)
      expect(bench.backend.connect(next, at)).toBe(-E.EINPROGRESS)
      return next
    })
    expect(await bench.ready(next, WRITABLE)).toBe(WRITABLE | ERROR | HANGUP)
    expect(bench.backend.finishConnect(next)).toBe(-E.ECONNREFUSED)
  })

  it('one among several peers gets its own', async () => {
    const peers = await knownPeers(['127.0.0.1', '127.0.0.1', '127.0.0.1'])
    const handles = peers.map((peer) => {
      const handle = bench.open()
      bench.backend.connect(handle, peer)
      return handle
    })
    await turns(2)
    await whenReady(handles[0] as Handle, () => {
      // The others have not reported, and are closed.
      expect(added(() => bench.backend.close(handles[0] as Handle, 'reset'))).toBe(0)
      expect(added(() => bench.backend.close(handles[1] as Handle, 'reset'))).toBe(-1)
      expect(added(() => bench.backend.close(handles[2] as Handle, 'reset'))).toBe(-1)
    })
    const open = peers.map((peer) => {
      const handle = bench.open()
      bench.backend.connect(handle, peer)
      return handle
    })
    const tokens = open.map(() => bench.token())
    open.forEach((handle, i) => {
      bench.backend.register(handle, tokens[i] as Token, WRITABLE)
    })
    // None yet: it takes until all have ended, so that they stand in one batch.
    bench.sink.onBatch = (events) => {
      bench.sink.onBatch = () => {}
      expect(events.length).toBe(3)
      expect(
        added(() => {
          for (const handle of open) bench.backend.close(handle, 'reset')
          for (const peer of [peers[0], peers[2], peers[1], peers[1]] as SocketAddress[]) {
            const handle = bench.open()
            expect(bench.backend.connect(handle, peer)).toBe(-E.EINPROGRESS)
            expect(bench.backend.localAddress(handle)).toBeDefined()
          }
        }),
      ).toBe(1)
    }
    for (const token of tokens) await bench.sink.readinessOf(token)
    expect(bench.backend.openHandles).toBe(4)
  })

  it('an address of another family finds no spare of that family', async () => {
    const { backend } = bench
    const peers = await knownPeers(['127.0.0.1', '::1'])
    const [v4, v6] = peers as [SocketAddress, SocketAddress]
    const handles = peers.map((peer) => {
      const handle = bench.open(peer.family)
      backend.connect(handle, peer)
      return handle
    })
    const tokens = handles.map(() => bench.token())
    handles.forEach((handle, i) => {
      backend.register(handle, tokens[i] as Token, WRITABLE)
    })
    bench.sink.onBatch = (events) => {
      bench.sink.onBatch = () => {}
      expect(events.length).toBe(2)
      for (const handle of handles) expect(added(() => backend.close(handle, 'reset'))).toBe(0)
      expect(backend.connect(bench.open('inet'), v6)).toBe(-E.EAFNOSUPPORT)
      expect(backend.connect(bench.open('inet6'), v4)).toBe(-E.EINVAL)
    }
    for (const token of tokens) await bench.sink.readinessOf(token)
    expect(backend.openHandles).toBe(2)
  })

  it('not where something would be left over: zones, mapped addresses, data, a second peer', async () => {
    const { backend } = bench
    const server = await serve({ host: '::1' })
    const v4 = await serve()
    const { port } = server.at
    for (const address of ['::1%lo', '::1%1', '::ffff:127.0.0.1']) {
      const at: SocketAddress = {
        family: 'inet6',
        address,
        port: address.includes('f') ? v4.at.port : port,
      }
      await makeKnown(at)
      expect(await connectAnd(at, (handle) => added(() => backend.close(handle, 'reset')))).toBe(-1)
    }
    await makeKnown(server.at)
    for (const touch of [
      (handle: Handle) => backend.send(handle, new Uint8Array(1), 0),
      (handle: Handle) => backend.receive(handle, new Uint8Array(1)),
      (handle: Handle) => backend.shutdown(handle),
    ]) {
      const closed = await connectAnd(server.at, (handle) => {
        touch(handle)
        return added(() => backend.close(handle, 'reset'))
      })
      expect(closed).toBe(-1)
    }
    const refusing: SocketAddress = { family: 'inet6', address: '::1', port: await unusedPort() }
    const handle = bench.open('inet6')
    backend.connect(handle, refusing)
    await bench.ready(handle, WRITABLE)
    expect(backend.finishConnect(handle)).toBe(-E.ECONNREFUSED)
    // The kernel tells first that the attempt before has ended.
    expect(backend.connect(handle, server.at)).toBe(-E.ECONNABORTED)
    expect(backend.connect(handle, server.at)).toBe(-E.EINPROGRESS)
    expect(await whenReady(handle, () => added(() => backend.close(handle, 'reset')))).toBe(-1)
  })

  it("not 'graceful', not in flight, not outside of the sink", async () => {
    const { backend } = bench
    const server = await serve()
    await makeKnown(server.at)
    const closed = (handle: Handle, mode: 'graceful' | 'reset' = 'reset') =>
      added(() => backend.close(handle, mode))
    expect(await connectAnd(server.at, (handle) => closed(handle, 'graceful'))).toBe(-1)
    const armed = (handle: Handle) => {
      backend.register(handle, bench.token(), READABLE)
      return closed(handle)
    }
    expect(await connectAnd(server.at, armed)).toBe(-1)
    const disarmed = (handle: Handle) => {
      backend.register(handle, bench.token(), READABLE)
      backend.deregister(handle)
      return closed(handle)
    }
    expect(await connectAnd(server.at, disarmed)).toBe(-1)
    // In the microtasks that follow the sink, in a later turn, and where it was never registered.
    expect(await connectAnd(server.at, (handle) => handle).then((handle) => closed(handle))).toBe(
      -1,
    )
    const later = await connectAnd(server.at, (handle) => handle)
    await turn()
    expect(closed(later)).toBe(-1)
    const fresh = bench.open()
    backend.connect(fresh, server.at)
    const other = await connectAnd(server.at, () => closed(fresh))
    expect(other).toBe(-1)
  })

  it('one that is registered before it connects is a new one', async () => {
    const server = await serve()
    await makeKnown(server.at)
    const next = await connectAnd(server.at, (handle) => {
      bench.backend.close(handle, 'reset')
      const next = bench.open()
      expect(added(() => bench.backend.register(next, bench.token(), WRITABLE))).toBe(1)
      return next
    })
    await turn()
    expect(bench.backend.connect(next, (await serve()).at)).toBe(-E.EINPROGRESS)
    expect(await bench.ready(next, WRITABLE)).toBe(WRITABLE)
    expect(bench.backend.finishConnect(next)).toBe(CONNECTED)
  })

  it('nothing of the old life shows in the new one', async () => {
    const { backend, sink } = bench
    const servers = [await serve(), await serve({ host: '::1' })] as const
    const refused = await unusedPort()
    const success = { status: CONNECTED, readiness: WRITABLE }
    const refusal = { status: -E.ECONNREFUSED, readiness: WRITABLE | ERROR | HANGUP }
    const targets: readonly { at: SocketAddress; status: number; readiness: number }[] = [
      { at: servers[0].at, ...success },
      { at: servers[1].at, ...success },
      { at: inet(refused), ...refusal },
      { at: { family: 'inet6', address: '::1', port: refused }, ...refusal },
    ]
    const total = 8_000
    const attempts = new Map<Token, { handle: Handle; target: (typeof targets)[number] }>()
    const wrong: unknown[] = []
    let begun = 0
    let recycled = 0
    let random = 1
    const begin = () => {
      random = (random * 48_271) % 0x7fffffff
      const target = targets[random % targets.length] as (typeof targets)[number]
      const handle = bench.open(target.at.family)
      const token = bench.token()
      const bound = backend.localAddress(handle)
      const result = backend.connect(handle, target.at)
      if (bound !== undefined || result !== -E.EINPROGRESS) wrong.push({ token, bound, result })
      backend.register(handle, token, WRITABLE)
      attempts.set(token, { handle, target })
      begun++
    }
    const cancel = () => {
      const [first] = attempts
      if (first === undefined) return
      attempts.delete(first[0])
      backend.close(first[1].handle, 'reset')
    }
    const done = new Promise<void>((resolve) => {
      sink.onBatch = (events) => {
        const cancelled = new Set<Token>()
        for (const [index, { token, readiness }] of events.entries()) {
          const attempt = attempts.get(token)
          attempts.delete(token)
          if (attempt === undefined) {
            // Cancelled by an earlier one of the batch: it had been gathered by then.
            if (!cancelled.has(token)) wrong.push({ token, readiness })
            continue
          }
          const { handle, target } = attempt
          const status = backend.finishConnect(handle)
          if (status !== target.status || readiness !== target.readiness) {
            wrong.push({ token, readiness, status, target })
          }
          const close = () => backend.close(handle, 'reset')
          if (index > 0) close()
          else if (added(close) === 0) recycled++
          if (begun < total) begin()
          if (token % 16 === 0) {
            const [next] = attempts.keys()
            if (next !== undefined) cancelled.add(next)
            cancel()
          }
        }
        if (begun < total) for (let i = attempts.size; i < 64; i++) setImmediate(begin)
        else if (attempts.size === 0) resolve()
      }
    })
    for (let i = 0; i < 64; i++) begin()
    await done
    sink.onBatch = (events) => wrong.push(events)
    await turns(5)
    expect(wrong).toEqual([])
    expect(recycled).toBeGreaterThan(50)
  })

  it('one that hangs in its handshake is not taken for what it was before', async () => {
    const { backend, sink } = bench
    const server = await serve({ backlog: 1 })
    await makeKnown(server.at)
    const hanging = await connectAnd(server.at, (handle) => {
      // The loop accepts nothing meanwhile, so these fill the backlog.
      for (let i = 0; i < 4; i++) backend.connect(bench.open(), server.at)
      backend.close(handle, 'reset')
      let next = -1 as Handle
      expect(added(() => (next = bench.open()))).toBe(0)
      expect(backend.connect(next, server.at)).toBe(-E.EINPROGRESS)
      expect(backend.connect(next, server.at)).toBe(-E.EALREADY)
      expect(backend.finishConnect(next)).toBe(PENDING)
      backend.register(next, bench.token(), WRITABLE)
      return next
    })
    const seen = sink.events.length
    backend.poll()
    await turns(3)
    expect(sink.events.length).toBe(seen)
    expect(added(() => backend.close(hanging, 'reset'))).toBe(-1)
  })
})
