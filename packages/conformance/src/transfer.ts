/** Conformance of connections and sessions: bytes in both directions, and every way to end. */

import assert from 'node:assert/strict'
import { ConnectError } from '@pollout/core'
import { firstValueFrom, lastValueFrom, tap, toArray } from 'rxjs'
import { blockLoop, turns } from './raw-backend.js'
import { bytes, codeOf, connected, cutShort, MEBIBYTE, sha1 } from './transfer-tools.js'
import { type Define, rejection } from './trial.js'

export function defineConnectionTests(test: Define): void {
  for (const transport of ['tcp4', 'unix'] as const) {
    test(
      `echoes 1 MiB over ${transport}, then both sides end`,
      async (t) => {
        const connection = await connected(t, 'echo', transport)
        const data = bytes(MEBIBYTE)
        const received = lastValueFrom(connection.received.pipe(toArray()))
        await connection.send(data)
        await connection.end()
        assert.equal(sha1(Buffer.concat(await received)), sha1(data))
        await connection.close()
      },
      { transport },
    )
  }

  test('iterates over what comes, and keeps the connection when the loop is left', async (t) => {
    const connection = await connected(t, 'echo')
    await connection.send('one')
    for await (const chunk of connection) {
      assert.equal(chunk.toString(), 'one')
      break
    }
    assert.ok(!connection.closed)
    await connection.send('two')
    await connection.end()
    const rest: Buffer[] = []
    for await (const chunk of connection) rest.push(chunk)
    assert.equal(Buffer.concat(rest).toString(), 'two')
    await connection[Symbol.asyncDispose]()
    assert.ok(connection.closed)
  })

  test('one reader at a time; leaving makes room', async (t) => {
    const connection = await connected(t, 'echo')
    const reading = connection.received.subscribe()
    assert.equal(await codeOf(firstValueFrom(connection.received)), 'ERR_ALREADY_READING')
    reading.unsubscribe()
    const next = firstValueFrom(connection.received)
    await connection.send('x')
    assert.equal((await next).toString(), 'x')
    await connection.close()
  })

  test(
    'a peer that takes nothing makes send() wait, and gets all of it in the end',
    async (t) => {
      const connection = await connected(t, 'deaf')
      const data = bytes(8 * MEBIBYTE)
      let settled = false
      const sending = Promise.all([connection.send(data), connection.send('end')]).then(() => {
        settled = true
      })
      await turns()
      assert.ok(!settled && connection.unsentBytes > 0)
      const closing = connection.close()
      assert.equal(await codeOf(connection.send('late')), 'ERR_CONNECTION_CLOSED')
      await t.world.listenUp()
      await Promise.all([sending, closing])
      assert.equal(connection.unsentBytes, 0)
      const record = await t.world.nextRecord()
      assert.deepEqual(record, {
        bytes: data.length + 3,
        digest: sha1(Buffer.concat([data, Buffer.from('end')])),
        end: 'fin',
      })
    },
    { timeoutMs: 20_000 },
  )

  test(
    'close() delivers everything although a later send is taken back',
    async (t) => {
      const connection = await connected(t, 'deaf')
      const data = bytes(8 * MEBIBYTE)
      const sending = connection.send(data)
      const controller = new AbortController()
      const taken = codeOf(connection.send('taken back', { signal: controller.signal }))
      const closing = connection.close()
      controller.abort()
      assert.equal(await taken, 'ABORT_ERR')
      await t.world.listenUp()
      await Promise.all([sending, closing])
      const record = await t.world.nextRecord()
      assert.deepEqual([record.bytes, record.end], [data.length, 'fin'])
    },
    { timeoutMs: 20_000 },
  )

  test('this side ends, the peer goes on', async (t) => {
    const connection = await connected(t, 'echo')
    const received = lastValueFrom(connection.received.pipe(toArray()))
    await connection.send('last words')
    await connection.end()
    assert.equal(Buffer.concat(await received).toString(), 'last words')
    assert.equal(await codeOf(connection.send('more')), 'EPIPE')
    await connection.close()
  })

  for (const transport of ['tcp4', 'unix'] as const) {
    test(
      `the peer ends over ${transport}, this side goes on`,
      async (t) => {
        const connection = await connected(t, 'greeter', transport)
        const hello = await lastValueFrom(connection.received.pipe(toArray()))
        assert.equal(Buffer.concat(hello).toString(), 'hello')
        const data = bytes(100_000)
        await connection.send(data)
        await connection.close()
        const record = await t.world.nextRecord()
        assert.deepEqual(record, { bytes: data.length, digest: sha1(data), end: 'fin' })
      },
      { transport },
    )
  }

  test('reset() reaches the peer as RST, and ends the reader', async (t) => {
    const connection = await connected(t, 'witness')
    const received = connection.received.pipe(
      tap(() => connection.reset()),
      toArray(),
    )
    assert.equal(Buffer.concat(await lastValueFrom(received)).toString(), 'hello')
    connection.reset()
    assert.equal((await t.world.nextRecord()).end, 'reset')
    assert.equal(await codeOf(connection.send('late')), 'ERR_CONNECTION_CLOSED')
  })

  test('reset() rejects what waits to be sent', async (t) => {
    const connection = await connected(t, 'deaf')
    const sending = codeOf(connection.send(bytes(8 * MEBIBYTE)))
    await turns()
    connection.reset()
    assert.equal(await sending, 'ERR_CONNECTION_CLOSED')
    await cutShort(t)
  })

  test('a peer that resets: ECONNRESET of phase receive', async (t) => {
    const connection = await connected(t, 'resetter')
    const received = lastValueFrom(connection.received.pipe(toArray()))
    await connection.send('x')
    const error = await rejection(received)
    assert.ok(error instanceof ConnectError)
    assert.deepEqual([error.code, error.phase, error.localFault], ['ECONNRESET', 'receive', false])
    await connection.close()
  })

  test('a peer that resets while this side sends and reads: the reader is told of no clean end', async (t) => {
    const reactor = t.reactor()
    for (const lateMs of [0, 20]) {
      const connection = await firstValueFrom(reactor.connect(t.world.endpoint('resetter')))
      const received = codeOf(lastValueFrom(connection.received.pipe(toArray())))
      await connection.send('x')
      // With the loop held up, the next send finds out before the poller does.
      blockLoop(lateMs)
      const sending = codeOf(connection.send(Buffer.alloc(8 * MEBIBYTE)))
      assert.equal(await received, 'ECONNRESET')
      assert.ok(['ECONNRESET', 'EPIPE'].includes(await sending))
      await connection.close()
    }
  })

  for (const transport of ['tcp4', 'unix'] as const) {
    for (const reader of ['that was read', 'that nobody has read']) {
      test(
        `a writer that waits over ${transport} does not spin at the peer's end ${reader}`,
        async (t) => {
          const reactor = t.reactor()
          const endpoint = t.world.endpoint('curt', transport)
          const connection = await firstValueFrom(reactor.connect(endpoint))
          if (reader === 'that was read') {
            await lastValueFrom(connection.received, { defaultValue: undefined })
          }
          const sending = codeOf(connection.send(Buffer.alloc(8 * MEBIBYTE)))
          await turns(50)
          const { events } = reactor.stats()
          await turns(200)
          const more = reactor.stats().events - events
          assert.ok(more <= 10, `${more} events`)
          assert.ok(connection.unsentBytes > 0)
          connection.reset()
          assert.equal(await sending, 'ERR_CONNECTION_CLOSED')
          await cutShort(t)
        },
        { transport },
      )
    }
  }

  test('a send that waits is taken back by its signal; one partly sent resets', async (t) => {
    const connection = await connected(t, 'deaf')
    const partly = new AbortController()
    const waiting = new AbortController()
    const first = codeOf(connection.send(bytes(8 * MEBIBYTE), { signal: partly.signal }))
    const second = codeOf(connection.send('waits', { signal: waiting.signal }))
    const unsent = connection.unsentBytes
    waiting.abort()
    assert.equal(await second, 'ABORT_ERR')
    assert.equal(connection.unsentBytes, unsent - 5)
    assert.ok(!connection.closed)
    partly.abort()
    assert.equal(await first, 'ABORT_ERR')
    assert.ok(connection.closed)
    await cutShort(t)
  })

  test('chunks() are aborted by their signal, and the connection stays open', async (t) => {
    const connection = await connected(t, 'echo')
    const controller = new AbortController()
    const next = codeOf(connection.chunks({ signal: controller.signal }).next())
    await turns()
    controller.abort()
    assert.equal(await next, 'ABORT_ERR')
    assert.ok(!connection.closed)
    await connection.send('x')
    assert.equal((await firstValueFrom(connection.received)).toString(), 'x')
    await connection.close()
  })

  test('destroying the reactor resets it and tells the reader and the sender why', async (t) => {
    const reactor = t.reactor()
    const connection = await firstValueFrom(reactor.connect(t.world.endpoint('deaf')))
    const reading = codeOf(firstValueFrom(connection.received))
    const sending = codeOf(connection.send(bytes(8 * MEBIBYTE)))
    await turns()
    await reactor.destroy()
    assert.equal(await reading, 'ERR_REACTOR_DESTROYED')
    assert.equal(await sending, 'ERR_REACTOR_DESTROYED')
    await cutShort(t)
  })
}
