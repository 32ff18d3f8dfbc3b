/** Conformance of `reactor.socket()` and `reactor.readiness()`: POSIX names, POSIX answers. */

import assert from 'node:assert/strict'
import { ConnectError, Interest, Readiness } from '@pollout/core'
import { firstValueFrom } from 'rxjs'
import { addressOf, type Define, rejection } from './trial.js'

const { READABLE, WRITABLE } = Interest

export function defineLowLevelTests(test: Define): void {
  test('connects, sends, receives and closes by hand', async (t) => {
    const reactor = t.reactor()
    const to = addressOf(t.world.endpoint('echo'))
    const socket = reactor.socket('inet')
    assert.equal(reactor.stats().open, 1)
    assert.equal(socket.connect(to), 'EINPROGRESS')
    assert.equal(await firstValueFrom(reactor.readiness(socket, WRITABLE)), Readiness.WRITABLE)
    assert.equal(socket.finishConnect(), 'OK')
    // Linux says 0 the first time it is asked after the end: inet_stream_connect().
    assert.ok(['EISCONN', 'OK'].includes(socket.connect(to)))
    assert.equal(socket.connect(to), 'EISCONN')
    assert.deepEqual(socket.peerAddress, to)
    assert.equal(socket.localAddress?.family, 'inet')
    const into = new Uint8Array(100)
    assert.equal(socket.receive(into), 'EAGAIN')
    assert.equal(socket.send(Buffer.from('-hello'), 1), 5)
    await firstValueFrom(reactor.readiness(socket, READABLE))
    assert.equal(socket.receive(into), 5)
    assert.equal(socket.shutdown(), 'OK')
    await firstValueFrom(reactor.readiness(socket, READABLE))
    assert.equal(socket.receive(into), 0)
    socket.close()
    socket.close()
    assert.ok(socket.closed)
  })

  test('a refused connect: reported, told once', async (t) => {
    const reactor = t.reactor()
    const socket = reactor.socket('inet')
    assert.equal(socket.connect(addressOf(t.world.endpoint('refused'))), 'EINPROGRESS')
    const readiness = await firstValueFrom(reactor.readiness(socket, WRITABLE))
    assert.ok(readiness & Readiness.ERROR)
    assert.equal(socket.finishConnect(), 'ECONNREFUSED')
    assert.notEqual(socket.finishConnect(), 'OK')
    socket.close()
  })

  test('in SYN_SENT: EALREADY, and EINPROGRESS from finishConnect()', async (t) => {
    const socket = t.reactor().socket('inet')
    const to = addressOf(t.world.endpoint('silent'))
    assert.equal(socket.connect(to), 'EINPROGRESS')
    assert.equal(socket.connect(to), 'EALREADY')
    assert.equal(socket.finishConnect(), 'EINPROGRESS')
    socket.close('reset')
  })

  test('a closed socket answers EBADF, and so does its readiness', async (t) => {
    const reactor = t.reactor()
    const socket = reactor.socket('inet')
    socket.connect(addressOf(t.world.endpoint('silent')))
    const waiting = firstValueFrom(reactor.readiness(socket, WRITABLE))
    const failing = rejection(waiting)
    socket.close()
    assert.equal(((await failing) as ConnectError).code, 'EBADF')
    assert.equal(socket.send(Buffer.from('x')), 'EBADF')
    const late = await rejection(firstValueFrom(reactor.readiness(socket, READABLE)))
    assert.equal((late as ConnectError).code, 'EBADF')
  })

  test('one waits at a time: EEXIST; leaving makes room', async (t) => {
    const reactor = t.reactor()
    const socket = reactor.socket('inet')
    socket.connect(addressOf(t.world.endpoint('silent')))
    const first = reactor.readiness(socket, WRITABLE).subscribe()
    const second = await rejection(firstValueFrom(reactor.readiness(socket, READABLE)))
    assert.equal((second as ConnectError).code, 'EEXIST')
    first.unsubscribe()
    assert.equal(reactor.stats().registrations, 0)
    const third = reactor.readiness(socket, WRITABLE).subscribe()
    assert.equal(reactor.stats().registrations, 1)
    third.unsubscribe()
    socket.close()
  })

  test('readiness is aborted by its signal, before and during', async (t) => {
    const reactor = t.reactor()
    const socket = reactor.socket('inet')
    socket.connect(addressOf(t.world.endpoint('silent')))
    const controller = new AbortController()
    const { signal } = controller
    const waiting = rejection(firstValueFrom(reactor.readiness(socket, WRITABLE, { signal })))
    controller.abort(new Error('enough'))
    assert.equal(((await waiting) as ConnectError).code, 'ABORT_ERR')
    const late = await rejection(firstValueFrom(reactor.readiness(socket, WRITABLE, { signal })))
    assert.equal((late as ConnectError).code, 'ABORT_ERR')
    socket.close()
  })

  test('what the backend can not do is ERR_UNSUPPORTED', async (t) => {
    const reactor = t.reactor()
    for (const type of ['dgram', 'seqpacket'] as const) {
      if (reactor.capabilities.sockets.inet.includes(type)) continue
      assert.throws(
        () => reactor.socket('inet', type),
        (error) => error instanceof ConnectError && error.code === 'ERR_UNSUPPORTED',
      )
    }
    assert.throws(() => reactor.socket('ax25' as 'inet'), { code: 'ERR_UNSUPPORTED' })
  })

  test('destroying the reactor closes it and tells who waits', async (t) => {
    const reactor = t.reactor()
    const socket = reactor.socket('inet')
    socket.connect(addressOf(t.world.endpoint('silent')))
    const waiting = rejection(firstValueFrom(reactor.readiness(socket, WRITABLE)))
    await reactor.destroy()
    assert.equal(((await waiting) as ConnectError).code, 'ERR_REACTOR_DESTROYED')
    assert.ok(socket.closed)
    assert.throws(() => reactor.socket('inet'), { code: 'ERR_REACTOR_DESTROYED' })
  })
}
