/** Sockets that connect again, to the same peer, where they were reset inside the sink: native/recycler.cc. */
import { spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { constants } from 'node:os'
import { Worker } from 'node:worker_threads'
import type { Handle, SocketAddress, Token } from '@pollout/core'
import { unusedPort } from '@pollout/test-servers'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import {
  ADDON,
  availability,
  Bench,
  descriptors,
  listen,
  runChild,
  type TestServer,
  title,
  turn,
  turns,
} from './support.js'

const E = constants.errno
const READABLE = 1
const WRITABLE = 2
const ERROR = 4
const HANGUP = 8
const CONNECTED = 0
const PENDING = 1

describe.skipIf(!availability.available)(`native addon, recycling${title}`, () => {
  let before: Set<number>
  let bench: Bench
  const servers: TestServer[] = []

  const serve = async (where?: Parameters<typeof listen>[0]) => {
    const server = await listen(where)
    servers.push(server)
    return server
  }
  const inet = (port: number): SocketAddress => ({ family: 'inet', address: '127.0.0.1', port })

  beforeEach(() => {
    before = descriptors()
    bench = new Bench()
  })

  afterEach(async () => {
    await bench.backend.destroy()
    for (const server of servers.splice(0)) await server.close()
    expect(bench.backend.openHandles).toBe(0)
    expect(descriptors()).toEqual(before)
  })

  /** Connects, and calls `within` inside the sink when that has ended. */
  async function connectAnd<T>(
    to: SocketAddress,
    within: (handle: Handle, status: number) => T,
  ): Promise<T> {
    const handle = bench.open(to.family)
    expect(bench.backend.connect(handle, to)).toBe(-E.EINPROGRESS)
    return whenReady(handle, () => within(handle, bench.backend.finishConnect(handle)))
  }

  /** Registers, and calls `within` inside the sink. What it throws, the caller gets. */
  async function whenReady<T>(handle: Handle, within: (readiness: number) => T): Promise<T> {
    const token = bench.token()
    expect(bench.backend.register(handle, token, WRITABLE)).toBe(0)
    return new Promise((resolve, reject) => {
      bench.sink.onBatch = (events) => {
        const event = events.find((one) => one.token === token)
        if (event === undefined) return
        bench.sink.onBatch = () => {}
        try {
          resolve(within(event.readiness))
        } catch (error) {
          reject(error)
        }
      }
    })
  }

  /** The backend expects a peer to come again once it has seen it. */
  async function makeKnown(peer: SocketAddress): Promise<void> {
    await connectAnd(peer, (handle) => bench.backend.close(handle, 'reset'))
    await turns(2)
  }

  /**
   * Peers on these hosts that the backend expects again, all at once. Its memory has 64 places, and two of them may share one: who
   * comes last is remembered then. Such a choice, which the random ports make now and then, is made anew.
   */
  async function knownPeers(hosts: readonly string[]): Promise<SocketAddress[]> {
    for (let tries = 0; tries < 20; tries++) {
      const peers: SocketAddress[] = []
      for (const host of hosts) peers.push((await serve({ host })).at)
      for (const peer of peers) await makeKnown(peer)
      let forgotten = 0
      for (const peer of peers) {
        forgotten -= await connectAnd(peer, (handle) =>
          added(() => bench.backend.close(handle, 'reset')),
        )
        await turns(2)
      }
      if (forgotten === 0) return peers
    }
    throw new Error('no peers with places of their own')
  }

  /** How many descriptors `action` adds. */
  function added(action: () => void): number {
    const count = descriptors().size
    action()
    return descriptors().size - count
  }

  /** Resets `first` inside the sink, connects to `next`, and tells how many descriptors that took. */
  async function taken(first: SocketAddress, next: SocketAddress): Promise<number> {
    return connectAnd(first, (handle) => {
      bench.backend.close(handle, 'reset')
      return added(() => {
        const another = bench.open(next.family)
        expect(bench.backend.connect(another, next)).toBe(-E.EINPROGRESS)
      })
    })
  }

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

  it('what nobody takes is closed within the turn', async () => {
    const server = await serve()
    await makeKnown(server.at)
    const count = descriptors().size
    let inCheckPhase = -1
    await connectAnd(server.at, (handle) => {
      bench.backend.close(handle, 'reset')
      setImmediate(() => {
        inCheckPhase = descriptors().size - count
      })
    })
    await turn()
    // The one, and the server's end of it.
    expect(inCheckPhase).toBeGreaterThanOrEqual(1)
    await server.accepted()
    await turns(3)
    const peers = [...descriptors()].length - count
    expect(peers).toBeLessThanOrEqual(1)
    await server.close()
    servers.length = 0
    await turns(2)
    // The poller's own.
    expect(descriptors().size - before.size).toBeLessThanOrEqual(1)
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

  it('no more than 256 are kept', async () => {
    const { backend, sink } = bench
    const at = inet(await unusedPort())
    await makeKnown(at)
    const handles = Array.from({ length: 400 }, () => bench.open())
    for (const handle of handles) backend.connect(handle, at)
    const closed = new Promise<number>((resolve) => {
      // All of the first batch and, for the rest, within its call of the sink.
      const pending = new Map(handles.map((handle) => [bench.token(), handle]))
      let count = 0
      sink.onBatch = (events) => {
        count += added(() => {
          for (const { token } of events) {
            backend.close(pending.get(token) as Handle, 'reset')
            pending.delete(token)
          }
        })
        if (pending.size === 0) resolve(count)
      }
      for (const [token, handle] of pending) backend.register(handle, token, WRITABLE)
    })
    // Several batches of one turn.
    backend.poll()
    expect(await closed).toBe(-(400 - 256))
    await turns(2)
    expect(descriptors().size - before.size).toBe(1)
  })

  it('destroy() gives the spares back, from inside the sink and after it', async () => {
    const at = inet(await unusedPort())
    for (const when of ['inside', 'after']) {
      const other = new Bench()
      const count = descriptors().size
      const handles = Array.from({ length: 40 }, () => other.open())
      const tokens = new Map(handles.map((handle) => [other.token(), handle]))
      for (const [token, handle] of tokens) {
        other.backend.connect(handle, at)
        other.backend.register(handle, token, WRITABLE)
      }
      let destroyed: Promise<void> | undefined
      other.sink.onBatch = (events) => {
        const closed = added(() => {
          for (const { token } of events) other.backend.close(tokens.get(token) as Handle, 'reset')
        })
        // The first one was not known yet.
        expect(closed).toBe(-1)
        if (when === 'inside') destroyed = other.backend.destroy()
        expect(descriptors().size - count).toBe(when === 'inside' ? -1 : 39)
      }
      other.backend.poll()
      destroyed ??= other.backend.destroy()
      expect(other.sink.events.length).toBe(40)
      expect(descriptors().size - count).toBe(-1)
      await destroyed
    }
  })

  it('with spares and nothing armed, a process ends', async () => {
    const { lines, code, stderr } = await runChild(`
      ${KEEPING_CHILD(await unusedPort())}
      keep(20, () => say('kept ' + (descriptors() - before)))
      process.on('exit', () => say('exit ' + backend.openHandles()))
    `)
    expect({ lines, code, stderr }).toEqual({ lines: ['kept 19', 'exit 0'], code: 0, stderr: '' })
  })

  it('spares are gone before the loop sleeps', async () => {
    const { lines, code } = await runChild(`
      ${KEEPING_CHILD(await unusedPort())}
      keep(20, () => {
        say('kept ' + (descriptors() - before))
        setTimeout(() => say('left ' + (descriptors() - before)), 50)
      })
    `)
    expect({ lines, code }).toEqual({ lines: ['kept 19', 'left 0'], code: 0 })
  })

  it('spares never are the reason for EMFILE', async () => {
    const { lines, stderr, code } = await runChild(
      `
      ${KEEPING_CHILD(await unusedPort())}
      const fill = () => {
        const held = []
        try { for (;;) held.push(fs.openSync('/dev/null')) } catch (error) { say(error.code) }
        return held
      }
      keep(8, () => {
        // Another family: all of them go.
        const held = fill()
        say('other ' + (backend.open(10, 1) >= 0))
        say('free ' + (fill().length))
        for (const fd of held) fs.closeSync(fd)
        keep(3, () => {
          const held = fill()
          const [first, second, third] = [backend.open(2, 1), backend.open(2, 1), backend.open(2, 1)]
          say('taken ' + (first >= 0) + ' ' + (second >= 0) + ' ' + (third >= 0))
          say('full ' + backend.open(2, 1))
          // Another peer: each makes room for its own successor.
          say('connect ' + backend.connect(first, 2, '127.0.0.1', 1))
          say('connect ' + backend.connect(second, 2, '127.0.0.1', 1))
          say('local ' + (backend.localAddress(first) !== undefined))
          process.exit()
        })
      })
      `,
      { wrap: ['sh', '-c', 'ulimit -n 64; exec "$0" "$@"'] },
    )
    expect({ lines, stderr, code }).toEqual({
      lines: [
        'EMFILE',
        'other true',
        'EMFILE',
        'free 6',
        'EMFILE',
        'taken true true true',
        'full -24',
        'connect -115',
        'connect -115',
        'local true',
      ],
      stderr: '',
      code: 0,
    })
  })

  it('Workers that are terminated with spares leave no descriptor behind', async () => {
    const code = (last: string) => `
      const { parentPort } = require('node:worker_threads')
      const { createBackend } = require(${JSON.stringify(ADDON)})
      const fs = require('node:fs')
      const descriptors = () => fs.readdirSync('/proc/self/fd').length
      ${KEEPING_CHILD(port)}
      keep(20, () => {
        parentPort.postMessage('kept')
        ${last}
      })
    `
    const port = await unusedPort()
    const run = async (last: string) => {
      const worker = new Worker(code(last), { eval: true })
      const exit = once(worker, 'exit')
      await once(worker, 'message')
      if (last.includes('for')) await worker.terminate()
      await exit
    }
    await run('')
    const count = descriptors()
    for (let i = 0; i < 5; i++) {
      await run('for (;;);')
      await run('process.exit()')
      await run('backend.destroy(() => {}); for (;;);')
      await run('setImmediate(() => { for (;;); })')
      await run('')
    }
    expect(descriptors()).toEqual(count)
  })

  // A router that says "no such host" while connect(2) is still on: a soft error for SO_ERROR, ERR
  // alone for epoll, a copy in the error queue, and a socket in SYN_SENT.
  const setUp = `
    unshare -n sleep 10 </dev/null >/dev/null 2>&1 & router=$!
    ip link set lo up && ip link add v0 type veth peer name v1 &&
    while [ "$(readlink /proc/$router/ns/net)" = "$(readlink /proc/self/ns/net)" ]; do :; done &&
    ip link set v1 netns $router &&
    ip address add 10.9.0.1/24 dev v0 && ip link set v0 up && ip route add default via 10.9.0.2 &&
    nsenter -n -t $router sh -c '
      ip address add 10.9.0.2/24 dev v1 && ip link set v1 up &&
      echo 1 > /proc/sys/net/ipv4/ip_forward && ip route add unreachable 10.10.0.0/24' &&
    exec "$0" "$@"`
  const namespace = ['unshare', '-rn', 'sh', '-c', setUp]
  const canUnshare =
    spawnSync('unshare', [...namespace.slice(1), 'true'], { stdio: 'ignore' }).status === 0
  const why = canUnshare ? '' : ' (skipped: needs unshare -rn, nsenter and ip)'

  it.skipIf(!canUnshare)(`an ICMP error of the old life stays there${why}`, async () => {
    const { lines, stderr } = await runChild(
      `
      const { spawnSync } = require('node:child_process')
      const server = require('node:net').createServer(socket => socket.on('error', () => {}))
      let handle, onReady
      const ready = (tokens, readiness) => onReady(tokens[0], readiness[0])
      const backend = createBackend(ready, ready)
      const address = '10.10.0.7'
      server.listen(0, '0.0.0.0', () => {
        const { port } = server.address()
        const begin = token => {
          handle = backend.open(2, 1)
          backend.connect(handle, 2, address, port)
          backend.register(handle, token, 2)
        }
        begin(1)
        onReady = (token, readiness) => {
          // Not asked the second time, so that the soft error stays.
          const status = token === 2 ? '' : backend.finishConnect(handle)
          say(token + ' ' + readiness + ' ' + status)
          if (token === 1) {
            backend.close(handle, true)
            return begin(2)
          }
          if (token === 2) {
            // The address gets ours while the loop stands still.
            const { status, stderr } = spawnSync('ip', ['address', 'add', address, 'dev', 'lo'])
            if (status !== 0) say(String(stderr))
            const count = descriptors()
            backend.close(handle, true)
            handle = backend.open(2, 1)
            say('no error ' + backend.finishConnect(handle) + ' ' + backend.finishConnect(handle))
            backend.close(handle, true)
            begin(3)
            say('recycled ' + (descriptors() === count))
            return
          }
          backend.register(handle, 4, 1)
          setTimeout(() => { say('quiet'); process.exit() }, 50)
        }
      })
      `,
      { wrap: namespace },
    )
    expect({ lines, stderr }).toEqual({
      lines: [
        `1 ${ERROR} -${E.EHOSTUNREACH}`,
        `2 ${ERROR} `,
        // What a socket that never connected answers.
        `no error -${E.ENOTCONN} -${E.ENOTCONN}`,
        'recycled true',
        `3 ${WRITABLE} ${CONNECTED}`,
        'quiet',
      ],
      stderr: '',
    })
  })
})

/** `keep(count, then)`: connects so many, resets all in one call of the sink, and calls `then` there. */
const KEEPING_CHILD = (port: number) => `
  let kept = 0
  let then = () => {}
  const handles = new Map()
  const ready = (tokens, readiness, count) => {
    for (let i = 0; i < count; i++) backend.close(handles.get(tokens[i]), true)
    then()
  }
  const backend = createBackend(ready, ready)
  const before = descriptors()
  const keep = (count, callback) => {
    then = callback
    for (let i = 0; i < count; i++) {
      const handle = backend.open(2, 1)
      backend.connect(handle, 2, '127.0.0.1', ${port})
      handles.set(++kept, handle)
      backend.register(handle, kept, 2)
    }
  }
`
