/** Conformance of the backend interface itself, without a reactor: backend.ts says all that is tested here. */

import assert from 'node:assert/strict'
import { type Backend, ConnectStatus, errno, type Handle, Interest, Readiness } from '@pollout/core'
import { footprint } from './leaks.js'
import { peerElsewhere } from './peers-elsewhere.js'
import { blockLoop, turns } from './raw-backend.js'
import { addressOf, type Define } from './trial.js'
import { TRANSPORTS } from './world.js'

const { READABLE, WRITABLE } = Interest

export function defineBackendInterfaceTests(test: Define): void {
  for (const transport of TRANSPORTS) {
    test(
      `connects over ${transport}: started, EALREADY, reported, CONNECTED, EISCONN`,
      async (t) => {
        const raw = t.raw()
        const to = addressOf(t.world.endpoint('echo', transport))
        const handle = raw.open(to)
        const started = raw.backend.connect(handle, to)
        assert.ok(started === 0 || started === -errno.EINPROGRESS, `connect: ${started}`)
        const again = raw.backend.connect(handle, to)
        // Linux answers 0, once, where the connect has ended meanwhile: inet_stream_connect().
        const expected = [-errno.EALREADY, -errno.EISCONN, 0]
        assert.ok(expected.includes(again), `the second connect: ${again}`)
        const readiness = await raw.ready(handle, WRITABLE)
        assert.equal(readiness, Readiness.WRITABLE)
        assert.equal(raw.backend.finishConnect(handle), ConnectStatus.CONNECTED)
        assert.ok([-errno.EISCONN, 0].includes(raw.backend.connect(handle, to)))
        assert.equal(raw.backend.connect(handle, to), -errno.EISCONN)
        assert.deepEqual(raw.backend.peerAddress(handle), to)
        const local = raw.backend.localAddress(handle)
        if (to.family === 'unix') assert.deepEqual(local, { family: 'unix', path: '' })
        else assert.ok(local?.family === to.family && local.port > 0, JSON.stringify(local))
        raw.backend.close(handle, 'reset')
        assert.equal(raw.backend.openHandles, 0)
      },
      { transport },
    )
  }

  test('a connect in SYN_SENT: EALREADY, no report, PENDING', async (t) => {
    const raw = t.raw()
    const to = addressOf(t.world.endpoint('silent'))
    const handle = raw.connecting(to)
    assert.equal(raw.backend.connect(handle, to), -errno.EALREADY)
    raw.arm(handle, WRITABLE)
    await turns()
    assert.deepEqual(raw.events, [])
    assert.equal(raw.backend.finishConnect(handle), ConnectStatus.PENDING)
    assert.equal(raw.backend.peerAddress(handle), undefined)
  })

  for (const transport of ['tcp4', 'tcp6'] as const) {
    test(
      `a refused connect over ${transport} is reported with ERROR, its errno told once`,
      async (t) => {
        const raw = t.raw()
        const to = addressOf(t.world.endpoint('refused', transport))
        const handle = raw.connecting(to)
        const readiness = await raw.ready(handle, WRITABLE)
        assert.ok(readiness & Readiness.ERROR, `readiness ${readiness}`)
        assert.equal(raw.backend.finishConnect(handle), -errno.ECONNREFUSED)
        assert.equal(raw.backend.finishConnect(handle), -errno.ECONNRESET)
      },
      { transport },
    )
  }

  test('a connection that was lost since: LOST, however often it is asked for; its errno once', async (t) => {
    const raw = t.raw()
    const handle = await raw.connected(addressOf(t.world.endpoint('resetter')))
    raw.backend.send(handle, Buffer.from('x'), 0)
    await raw.ready(handle, READABLE)
    assertLost(raw.backend, handle, errno.ECONNRESET)
    assert.equal(raw.backend.receive(handle, Buffer.alloc(1)), -errno.ECONNRESET)
    assertLost(raw.backend, handle, errno.ECONNRESET)
    assert.equal(raw.backend.receive(handle, Buffer.alloc(1)), 0)
    assert.equal(raw.backend.send(handle, Buffer.from('x'), 0), -errno.EPIPE)
  })

  const losses = { reset: errno.ECONNRESET, endAndReset: errno.EPIPE } as const
  for (const [how, number] of Object.entries(losses)) {
    test(
      `a connection that was lost before anybody looked, by ${how}: the same`,
      async (t) => {
        const peer = await peerElsewhere(how as keyof typeof losses)
        const raw = t.raw()
        const handle = raw.connecting({ family: 'inet', address: '127.0.0.1', port: peer.port })
        // Node calls connect(2) in a tick of its own.
        await new Promise<void>((resolve) => process.nextTick(resolve))
        peer.holdUp(10, () => peer.gone === 1)
        assert.ok((await raw.ready(handle, WRITABLE)) & Readiness.ERROR)
        assertLost(raw.backend, handle, number)
        const into = Buffer.alloc(1)
        // An end came first, and is one for who reads; who sends is told.
        if (number === errno.EPIPE) {
          assert.deepEqual(
            [0, 1].map(() => raw.backend.receive(handle, into)),
            [0, 0],
          )
          assertLost(raw.backend, handle, number)
          assert.equal(raw.backend.send(handle, Buffer.from('x'), 0), -errno.EPIPE)
        } else assert.equal(raw.backend.receive(handle, into), -number)
        assertLost(raw.backend, handle, errno.ECONNRESET)
        assert.equal(raw.backend.receive(handle, into), 0)
        assert.equal(raw.backend.send(handle, Buffer.from('x'), 0), -errno.EPIPE)
        await peer.close()
      },
      { transport: 'tcp4', realNetwork: true },
    )
  }

  test('nothing is delivered inside a call; a level that is there is reported later', async (t) => {
    const raw = t.raw()
    const handle = await raw.connected(addressOf(t.world.endpoint('echo')))
    const before = raw.batches.length
    const token = raw.arm(handle, WRITABLE)
    assert.equal(raw.batches.length, before)
    await raw.reported(token)
    assert.equal(raw.batches.length, before + 1)
  })

  test('a registration reports once', async (t) => {
    const raw = t.raw()
    const handle = await raw.connected(addressOf(t.world.endpoint('echo')))
    await raw.ready(handle, WRITABLE)
    const count = raw.events.length
    await turns()
    assert.equal(raw.events.length, count)
  })

  test('what comes after the report is not reported', async (t) => {
    const raw = t.raw()
    const to = addressOf(t.world.endpoint('echo'))
    const [handle, other] = await Promise.all([raw.connected(to), raw.connected(to)])
    const echo = (over: Handle): Promise<number> => {
      raw.backend.send(over, Buffer.from('x'), 0)
      return raw.ready(over, READABLE)
    }
    await echo(handle)
    const count = raw.events.length
    raw.backend.receive(handle, Buffer.alloc(10))
    raw.backend.send(handle, Buffer.from('x'), 0)
    // When this one's echo is back, so is the one before it.
    await echo(other)
    await turns()
    assert.equal(raw.events.length, count + 1)
  })

  test('a second registration takes the place of the first, token and interest', async (t) => {
    const raw = t.raw()
    const handle = await raw.connected(addressOf(t.world.endpoint('echo')))
    const first = raw.arm(handle, READABLE)
    const second = raw.arm(handle, WRITABLE)
    assert.equal(await raw.reported(second), Readiness.WRITABLE)
    raw.backend.send(handle, Buffer.from('x'), 0)
    await turns()
    assert.ok(!raw.events.some(({ token }) => token === first))
  })

  test('a registration taken back reports nothing; what came meanwhile is seen by the next', async (t) => {
    const raw = t.raw()
    const handle = await raw.connected(addressOf(t.world.endpoint('greeter')))
    await raw.ready(handle, READABLE)
    const token = raw.arm(handle, READABLE)
    raw.backend.deregister(handle)
    await turns()
    assert.ok(!raw.events.some((event) => event.token === token))
    assert.ok((await raw.ready(handle, READABLE)) & Readiness.READABLE)
    assert.equal((await raw.readAll(handle)).toString(), 'hello')
    raw.backend.close(handle, 'graceful')
    assert.equal((await t.world.nextRecord()).end, 'fin')
  })

  test('what is ready in one turn comes in one batch', async (t) => {
    const raw = t.raw()
    const to = addressOf(t.world.endpoint('refused'))
    const tokens = Array.from({ length: 20 }, () => raw.arm(raw.connecting(to), WRITABLE))
    blockLoop(50)
    await Promise.all(tokens.map((token) => raw.reported(token)))
    const sizes = raw.batches.map((batch) => batch.length)
    assert.equal(
      sizes.reduce((sum, size) => sum + size, 0),
      tokens.length,
    )
    assert.ok(sizes.length <= 2, `batches of ${sizes}`)
  })

  test('poll() delivers what is ready at once, and does nothing inside the sink', async (t) => {
    const raw = t.raw()
    const handle = await raw.connected(addressOf(t.world.endpoint('echo')))
    const token = raw.arm(handle, WRITABLE)
    const before = raw.batches.length
    raw.inSink = () => {
      raw.inSink = () => {}
      raw.arm(handle, WRITABLE)
      raw.backend.poll()
      assert.equal(raw.batches.length, before + 1)
    }
    raw.backend.poll()
    assert.deepEqual(raw.batches[before], [{ token, readiness: Readiness.WRITABLE }])
    while (raw.batches.length < before + 2) await turns(1)
    await turns()
    assert.equal(raw.batches.length, before + 2)
  })

  test('sockets closed and opened inside the sink harm nobody else', async (t) => {
    const raw = t.raw()
    const to = addressOf(t.world.endpoint('refused'))
    const handles = Array.from({ length: 10 }, () => raw.connecting(to))
    for (const handle of handles) raw.arm(handle, WRITABLE)
    const next = new Promise<number>((resolve) => {
      raw.inSink = () => {
        raw.inSink = () => {}
        for (const handle of handles) raw.backend.close(handle, 'reset')
        const handle = raw.connecting(to)
        const reported = raw.reported(raw.arm(handle, WRITABLE))
        resolve(reported.then(() => raw.backend.finishConnect(handle)))
      }
    })
    blockLoop(20)
    assert.equal(await next, -errno.ECONNREFUSED)
    assert.equal(raw.backend.openHandles, 1)
  })

  test('a handle is not used again, and a closed one answers EBADF', async (t) => {
    const raw = t.raw()
    const to = addressOf(t.world.endpoint('echo'))
    const handle = await raw.connected(to)
    raw.backend.close(handle, 'graceful')
    const seen = new Set<Handle>([handle])
    for (let i = 0; i < 100; i++) {
      const next = raw.open(to)
      assert.ok(!seen.has(next) && Number.isSafeInteger(next))
      seen.add(next)
      raw.backend.close(next, 'reset')
    }
    const { backend } = raw
    assert.equal(backend.connect(handle, to), -errno.EBADF)
    assert.equal(backend.register(handle, raw.token(), WRITABLE), -errno.EBADF)
    assert.equal(backend.finishConnect(handle), -errno.EBADF)
    assert.equal(backend.receive(handle, Buffer.alloc(1)), -errno.EBADF)
    assert.equal(backend.send(handle, Buffer.alloc(1), 0), -errno.EBADF)
    assert.equal(backend.shutdown(handle), -errno.EBADF)
    assert.equal(backend.localAddress(handle), undefined)
    assert.equal(backend.peerAddress(handle), undefined)
    backend.deregister(handle)
    backend.close(handle, 'reset')
    assert.equal(backend.openHandles, 0)
  })

  test('bytes that were read before they were reported do not keep the end from being reported', async (t) => {
    const raw = t.raw()
    const handle = await raw.connected(addressOf(t.world.endpoint('greeter')))
    await raw.ready(handle, Interest.READABLE)
    const token = raw.arm(handle, Interest.READABLE)
    assert.equal(raw.backend.receive(handle, Buffer.alloc(64)), 'hello'.length)
    await raw.reported(token)
    assert.equal(raw.backend.receive(handle, Buffer.alloc(64)), 0)
  })

  test('what the capabilities leave out is refused by open()', async (t) => {
    const { backend } = t.raw()
    for (const family of ['inet', 'inet6', 'unix', 'vsock'] as const) {
      const types = backend.capabilities.sockets[family]
      for (const type of ['stream', 'dgram', 'seqpacket'] as const) {
        if (types.includes(type)) continue
        const refusal = types.length === 0 ? -errno.EAFNOSUPPORT : -errno.EPROTONOSUPPORT
        assert.equal(backend.open({ family, type }), refusal)
      }
    }
    assert.equal(backend.openHandles, 0)
  })

  test('destroy() closes all, is idempotent, and nothing is delivered or opened after it', async (t) => {
    const { descriptors } = footprint()
    const raw = t.raw()
    const to = addressOf(t.world.endpoint('refused'))
    for (let i = 0; i < 50; i++) raw.arm(raw.connecting(to), WRITABLE)
    const destroyed = raw.backend.destroy()
    assert.equal(raw.backend.openHandles, 0)
    await Promise.all([destroyed, raw.backend.destroy()])
    assert.equal(footprint().descriptors, descriptors)
    await turns()
    assert.deepEqual(raw.events, [])
    assert.ok(raw.backend.open({ family: 'inet', type: 'stream' }) < 0)
    raw.backend.poll()
    raw.backend.ref()
    raw.backend.unref()
  })
}

function assertLost(backend: Backend, handle: Handle, number: number): void {
  for (let times = 0; times < 3; times++) {
    assert.equal(backend.finishConnect(handle), ConnectStatus.LOST + number)
  }
}
