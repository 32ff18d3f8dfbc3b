/** Conformance where two things happen at once: in one batch, in one turn, or just before and after. */

import assert from 'node:assert/strict'
import type { ConnectError, Connection } from '@pollout/core'
import { firstValueFrom, lastValueFrom, type Subscription, tap, toArray } from 'rxjs'
import { blockLoop, turns } from './raw-backend.js'
import { type Define, rejection, type Trial } from './trial.js'

const MANY = 2_000

/** Starts so many connects and blocks the loop until the network is done with them: they come in one batch. */
async function inOneBatch(
  t: Trial,
  count: number,
  connected: (connection: Connection, index: number) => void,
): Promise<{ reactor: ReturnType<Trial['reactor']>; subscriptions: readonly Subscription[] }> {
  const reactor = t.reactor()
  const endpoint = t.world.endpoint('echo')
  const subscriptions = Array.from({ length: count }, (_, index) =>
    reactor.connect(endpoint).subscribe({
      next: (connection) => connected(connection, index),
      error: (error) => assert.fail(error),
    }),
  )
  blockLoop(50)
  return { reactor, subscriptions }
}

export function defineRaceTests(test: Define): void {
  test('unsubscribed in the turn of the subscribe: nothing is emitted, nothing left', async (t) => {
    const reactor = t.reactor()
    for (const kind of ['echo', 'refused', 'silent'] as const) {
      const subscription = reactor.connect(t.world.endpoint(kind)).subscribe(() => assert.fail())
      subscription.unsubscribe()
      subscription.unsubscribe()
    }
    assert.equal(reactor.stats().inFlight, 0)
    await turns()
    assert.equal(reactor.stats().cancelled, 3)
  })

  test('unsubscribed in flight: the socket is closed at once', async (t) => {
    const reactor = t.reactor()
    const subscription = reactor.connect(t.world.endpoint('silent')).subscribe()
    await turns(3)
    assert.equal(reactor.stats().registrations, 1)
    subscription.unsubscribe()
    const { inFlight, registrations, deadlines, cancelled } = reactor.stats()
    assert.deepEqual([inFlight, registrations, deadlines, cancelled], [0, 0, 0, 1])
  })

  test('unsubscribed after the emission: the connection is not touched', async (t) => {
    const reactor = t.reactor()
    let subscription: Subscription | undefined
    const connection = await new Promise<Connection>((resolve) => {
      subscription = reactor.connect(t.world.endpoint('echo')).subscribe(resolve)
    })
    subscription?.unsubscribe()
    await connection.send('x')
    assert.equal((await firstValueFrom(connection.received)).toString(), 'x')
    await connection.close()
  })

  test('a handler that unsubscribes the others of its batch', async (t) => {
    let emitted = 0
    const { reactor, subscriptions } = await inOneBatch(t, 20, (connection) => {
      emitted++
      for (const subscription of subscriptions) subscription.unsubscribe()
      connection.reset()
    })
    await turns()
    assert.equal(emitted, 1)
    assert.equal(reactor.stats().cancelled, 19)
  })

  test('a handler that closes the connections emitted before it in its batch', async (t) => {
    const open: Connection[] = []
    const { reactor } = await inOneBatch(t, 20, (connection) => {
      for (const other of open.splice(0)) other.reset()
      open.push(connection)
    })
    while (reactor.stats().inFlight > 0) await turns(1)
    assert.equal(reactor.stats().connected, 20)
    assert.equal(reactor.stats().open, 1)
    open[0]?.reset()
  })

  test('a handler that closes a connection whose data stands in the same batch', async (t) => {
    const reactor = t.reactor()
    const endpoint = t.world.endpoint('echo')
    const connections = await Promise.all(
      Array.from({ length: 10 }, () => firstValueFrom(reactor.connect(endpoint))),
    )
    let chunks = 0
    const ended = connections.map((connection) =>
      lastValueFrom(
        connection.received.pipe(
          tap(() => {
            chunks++
            for (const other of connections) other.reset()
          }),
          toArray(),
        ),
      ),
    )
    for (const connection of connections) await connection.send('x')
    blockLoop(20)
    await Promise.all(ended)
    assert.equal(chunks, 1)
  })

  test('a handler that destroys the reactor in the middle of its batch', async (t) => {
    let emitted = 0
    const codes: string[] = []
    const reactor = t.reactor()
    const destroyed = new Promise<void>((resolve) => {
      for (let i = 0; i < 20; i++) {
        reactor.connect(t.world.endpoint('echo')).subscribe({
          next: () => {
            emitted++
            resolve(reactor.destroy())
          },
          error: (error: ConnectError) => codes.push(error.code),
        })
      }
    })
    blockLoop(50)
    await destroyed
    assert.equal(emitted, 1)
    assert.deepEqual(codes, Array(19).fill('ERR_REACTOR_DESTROYED'))
  })

  test('a completion and its deadline in one turn: the completion wins', async (t) => {
    const reactor = t.reactor()
    const options = { timeoutMs: 20 }
    const connecting = firstValueFrom(reactor.connect(t.world.endpoint('echo'), options))
    const failing = rejection(firstValueFrom(reactor.connect(t.world.endpoint('refused'), options)))
    const silent = rejection(firstValueFrom(reactor.connect(t.world.endpoint('silent'), options)))
    assert.equal(reactor.stats().started, 3)
    blockLoop(60)
    const connection = await connecting
    assert.equal(((await failing) as ConnectError).code, 'ECONNREFUSED')
    assert.equal(((await silent) as ConnectError).timedOutBy, 'deadline')
    connection.reset()
  })

  test('the same for a fan-out, turn after turn', async (t) => {
    const targets = Array.from({ length: 300 }, () => t.world.endpoint('refused'))
    const many = t.reactor().connectMany(targets, { concurrency: 50, timeoutMs: 5 })
    const kinds = new Set<string>()
    let count = 0
    await new Promise<void>((resolve) => {
      many.subscribe({
        next: ({ kind }) => {
          kinds.add(kind)
          if (count++ % 50 === 0) blockLoop(12)
        },
        complete: resolve,
      })
    })
    assert.equal(count, 300)
    assert.deepEqual([...kinds], ['refused'])
  })

  test(`destroyed with ${MANY} connects in flight`, async (t) => {
    const reactor = t.reactor()
    const endpoint = t.world.endpoint('silent')
    const codes = new Map<string, number>()
    for (let i = 0; i < MANY; i++) {
      reactor.connect(endpoint).subscribe({
        error: ({ code }: ConnectError) => codes.set(code, (codes.get(code) ?? 0) + 1),
      })
    }
    while (reactor.stats().started < MANY / 2) await turns(1)
    await reactor.destroy()
    assert.deepEqual([...codes], [['ERR_REACTOR_DESTROYED', MANY]])
    assert.equal(reactor.stats().inFlight, 0)
  })

  test('aborted before the subscribe, in flight, and after the emission', async (t) => {
    const reactor = t.reactor()
    const silent = t.world.endpoint('silent')
    const early = AbortSignal.abort(new Error('early'))
    let subscribing = true
    const error = await new Promise<ConnectError>((resolve) => {
      reactor.connect(silent, { signal: early }).subscribe({
        error: (failure) => {
          assert.ok(!subscribing, 'failed inside subscribe()')
          resolve(failure)
        },
      })
      subscribing = false
    })
    assert.deepEqual([error.code, error.phase], ['ABORT_ERR', 'aborted'])
    assert.equal((error.cause as Error).message, 'early')
    assert.equal(reactor.stats().started, 0)

    const middle = new AbortController()
    const waiting = rejection(firstValueFrom(reactor.connect(silent, { signal: middle.signal })))
    await turns(2)
    middle.abort()
    assert.equal(((await waiting) as ConnectError).code, 'ABORT_ERR')
    assert.equal(reactor.stats().inFlight, 0)

    const late = new AbortController()
    const echo = t.world.endpoint('echo')
    const connection = await firstValueFrom(reactor.connect(echo, { signal: late.signal }))
    late.abort()
    assert.ok(!connection.closed)
    await connection.close()
  })
}
