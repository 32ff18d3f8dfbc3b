/** Conformance of `pool()`: what an idle connection shows of its peer before it is lent again. */

import assert from 'node:assert/strict'
import { stat } from 'node:fs'
import type { Connection, ConnectionPool, Lease } from '@pollout/core'
import { turns } from './raw-backend.js'
import { bytes, codeOf, sha1 } from './transfer-tools.js'
import { type Define, rejection } from './trial.js'
import type { PeerKind } from './world.js'

/** One question and its answer, of an echo. */
async function ask(connection: Connection, question: Buffer): Promise<Buffer> {
  const chunks = connection.chunks()
  const sent = connection.send(question)
  const answer: Buffer[] = []
  for (let missing = question.length; missing > 0; ) {
    const { value } = await chunks.next()
    assert.ok(value, 'the echo ended')
    answer.push(value)
    missing -= value.length
  }
  await chunks.return()
  await sent
  return Buffer.concat(answer)
}

/** Waits until the peer's news of an idle connection must have arrived: until another connection has heard as much. */
async function arrived(pool: ConnectionPool): Promise<void> {
  const lease = await pool.acquire()
  await lease.connection.chunks().next()
  await turns()
  lease.discard()
}

export function definePoolTests(test: Define): void {
  test('pool(): many conversations on few connections, none mixed up', async (t) => {
    const reactor = t.reactor()
    const pool = reactor.pool(t.world.endpoint('echo'), { maxConnections: 3 })
    const used = new Set<Connection>()
    const all = Array.from({ length: 60 }, (_, i) =>
      pool.use(async (connection) => {
        used.add(connection)
        const question = bytes(1 + ((i * 7_919) % 50_000))
        assert.equal(sha1(await ask(connection, question)), sha1(question))
      }),
    )
    await Promise.all(all)
    assert.equal(used.size, 3)
    const { registrations, deadlines, inFlight, open } = reactor.stats()
    assert.deepEqual([registrations, deadlines, inFlight, open], [0, 0, 0, 3])
    await pool.close()
    assert.equal(reactor.stats().open, 0)
  })

  const news: readonly (readonly [string, PeerKind])[] = [
    ["the peer's end", 'curt'],
    ['data that nobody asked for', 'witness'],
    ['data, and an end behind it', 'greeter'],
  ]
  for (const [what, peer] of news) {
    test(`pool(): ${what} on an idle connection is noticed before it is lent`, async (t) => {
      const pool = t.reactor().pool(t.world.endpoint(peer))
      const first = await pool.acquire()
      await arrived(pool)
      first.release()
      assert.equal(pool.stats().idle, 1)
      const second = await pool.acquire()
      assert.notEqual(second.connection, first.connection)
      assert.equal(first.connection.closed, true)
      second.release()
      await t.world.listenUp()
      await pool.close()
    })
  }

  /** Where in the loop the question is asked. */
  const phases: Readonly<Record<string, (callback: () => void) => void>> = {
    'a timer': (callback) => setTimeout(callback, 1),
    'the poll phase': (callback) => stat('/', callback),
    'the check phase': (callback) => setImmediate(callback),
  }
  for (const [phase, within] of Object.entries(phases)) {
    test(`pool(): the peer's end is noticed from ${phase}, too`, async (t) => {
      const pool = t.reactor().pool(t.world.endpoint('curt'))
      const first = await pool.acquire()
      await arrived(pool)
      first.release()
      const second = await new Promise<Lease>((resolve) => within(() => resolve(pool.acquire())))
      assert.notEqual(second.connection, first.connection)
      second.release()
      await t.world.listenUp()
      await pool.close()
    })
  }

  test('pool(): a reset is noticed, on loan and after that', async (t) => {
    const pool = t.reactor().pool(t.world.endpoint('resetter'))
    const error = await rejection(
      pool.use(async (connection) => {
        await connection.send('anything')
        await connection.chunks().next()
      }),
    )
    assert.equal((error as { code?: string }).code, 'ECONNRESET')
    assert.equal(pool.stats().idle, 0)
    const lease = await pool.acquire()
    await lease.connection.send('anything')
    // Seen by a reader, and then given back as if nothing had been.
    await rejection(lease.connection.chunks().next())
    lease.release()
    const next = await pool.acquire()
    assert.notEqual(next.connection, lease.connection)
    next.release()
    await pool.close()
  })

  test('pool(): a connect that fails rejects who waits', async (t) => {
    const pool = t.reactor().pool(t.world.endpoint('refused'), { maxConnections: 1 })
    const codes = await Promise.all([codeOf(pool.acquire()), codeOf(pool.acquire())])
    assert.deepEqual(codes, ['ECONNREFUSED', 'ECONNREFUSED'])
    await pool.close()
  })

  test('pool(): close() ends what is looked at as it ends what is idle', async (t) => {
    const reactor = t.reactor()
    let asked = (): void => {}
    const isAsked = new Promise<void>((resolve) => {
      asked = resolve
    })
    const check = (): Promise<boolean> => {
      asked()
      return new Promise(() => {})
    }
    const pool = reactor.pool(t.world.endpoint('recorder'), { check })
    await pool.use((connection) => connection.send('once'))
    const waiting = codeOf(pool.acquire())
    await isAsked
    await pool.close()
    assert.equal(await waiting, 'ERR_POOL_CLOSED')
    const { bytes, end } = await t.world.nextRecord()
    assert.deepEqual([bytes, end, reactor.stats().open], [4, 'fin', 0])
  })

  test('pool(): idleTimeoutMs gives the descriptors back', async (t) => {
    const reactor = t.reactor()
    const pool = reactor.pool(t.world.endpoint('recorder'), { idleTimeoutMs: 20 })
    await pool.use((connection) => connection.send('once'))
    assert.deepEqual([pool.stats().idle, reactor.stats().open], [1, 1])
    assert.equal((await t.world.nextRecord()).end, 'fin')
    assert.deepEqual([pool.stats().idle, reactor.stats().open], [0, 0])
    await pool.close()
  })
}
