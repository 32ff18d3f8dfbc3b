/** Conformance of what one can see from outside: counters, diagnostics channels, async context. */

import assert from 'node:assert/strict'
import { AsyncLocalStorage } from 'node:async_hooks'
import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { type Connection, Interest } from '@pollout/core'
import { firstValueFrom, lastValueFrom } from 'rxjs'
import { turns } from './raw-backend.js'
import { addressOf, type Define, rejection } from './trial.js'

interface Published {
  readonly channel: string
  readonly message: Readonly<Record<string, unknown>>
}

const CHANNELS = [
  'pollout:connect:start',
  'pollout:connect:connected',
  'pollout:connect:error',
  'pollout:connection:close',
]

/** Everything published while `run` runs. */
async function listen(run: () => Promise<void>): Promise<Published[]> {
  const published: Published[] = []
  const listener = (message: unknown, name: string | symbol): void => {
    published.push({ channel: String(name), message: message as Published['message'] })
  }
  for (const channel of CHANNELS) subscribe(channel, listener)
  try {
    await run()
  } finally {
    for (const channel of CHANNELS) unsubscribe(channel, listener)
  }
  return published
}

export function defineObservabilityTests(test: Define): void {
  test('stats() counts what was started and how it ended', async (t) => {
    const reactor = t.reactor()
    const connection = await firstValueFrom(reactor.connect(t.world.endpoint('echo')))
    await rejection(firstValueFrom(reactor.connect(t.world.endpoint('refused'))))
    reactor.connect(t.world.endpoint('silent')).subscribe().unsubscribe()
    const { backend, started, connected, failed, cancelled, open, batches, events } =
      reactor.stats()
    assert.deepEqual(
      { backend, started, connected, failed, cancelled, open },
      { backend: reactor.backend, started: 3, connected: 1, failed: 1, cancelled: 1, open: 1 },
    )
    assert.ok(events >= 2 && batches >= 1 && batches <= events)
    await connection.close()
  })

  test('what does not fit into a turn is queued', async (t) => {
    const reactor = t.reactor()
    const endpoint = t.world.endpoint('silent')
    const all = Array.from({ length: 200 }, () => reactor.connect(endpoint).subscribe())
    const { inFlight, queued, started } = reactor.stats()
    assert.equal(inFlight, 200)
    assert.ok(started > 0 && queued > 0 && started + queued === 200)
    for (const subscription of all) subscription.unsubscribe()
    await turns(10)
    assert.equal(reactor.stats().queued, 0)
    assert.equal(reactor.stats().started, started)
  })

  test('diagnostics: start, then connected or error, of one request; then close', async (t) => {
    const reactor = t.reactor()
    const echo = t.world.endpoint('echo')
    const refused = t.world.endpoint('refused')
    const published = await listen(async () => {
      const connection = await firstValueFrom(reactor.connect(echo))
      await connection.close()
      await rejection(firstValueFrom(reactor.connect(refused)))
      reactor.connect(t.world.endpoint('silent')).subscribe().unsubscribe()
    })
    assert.deepEqual(
      published.map(({ channel }) => channel),
      [
        'pollout:connect:start',
        'pollout:connect:connected',
        'pollout:connection:close',
        'pollout:connect:start',
        'pollout:connect:error',
        'pollout:connect:start',
        'pollout:connect:error',
      ],
    )
    const [start, connected, close, startRefused, failed, , cancelled] = published.map(
      ({ message }) => message,
    )
    assert.equal(start?.['request'], connected?.['request'])
    assert.notEqual(start?.['request'], startRefused?.['request'])
    assert.equal(start?.['backend'], reactor.backend)
    assert.deepEqual(start?.['endpoint'], echo)
    assert.deepEqual(connected?.['address'], addressOf(echo))
    assert.equal(close?.['mode'], 'graceful')
    assert.equal(failed?.['code'], 'ECONNREFUSED')
    assert.equal(cancelled?.['code'], 'ABORT_ERR')
  })

  test('async context follows the subscriber', async (t) => {
    const storage = new AsyncLocalStorage<string>()
    const reactor = t.reactor()
    const seen: Record<string, string | undefined> = {}
    const note = (what: string) => (): void => {
      seen[what] = storage.getStore()
    }
    const echo = t.world.endpoint('echo')
    const connection = await storage.run(
      'connect',
      () =>
        new Promise<Connection>((resolve) => {
          reactor.connect(echo).subscribe((emitted) => {
            note('connect')()
            resolve(emitted)
          })
        }),
    )
    const done = (what: string, start: (done: () => void) => void): Promise<void> =>
      storage.run(what, () => new Promise((resolve) => start(resolve)))
    const noting = (what: string, resolve: () => void) => (): void => {
      note(what)()
      resolve()
    }
    await done('error', (resolve) => {
      reactor.connect(t.world.endpoint('refused')).subscribe({ error: noting('error', resolve) })
    })
    await done('many', (resolve) => {
      reactor.connectMany([t.world.endpoint('refused')]).subscribe(noting('many', resolve))
    })
    await done('received', (resolve) => {
      connection.received.subscribe({ next: note('received'), complete: resolve })
      storage.run('sender', () => void connection.send('x').then(() => connection.end()))
    })
    const socket = reactor.socket('inet')
    socket.connect(addressOf(echo))
    await done('readiness', (resolve) => {
      reactor.readiness(socket, Interest.WRITABLE).subscribe(noting('readiness', resolve))
    })
    socket.close()
    await done('session', (resolve) => {
      const session = reactor.session(echo, async (inner) => {
        note('session')()
        await inner.send('x')
      })
      void lastValueFrom(session).then(resolve)
    })
    await connection.close()
    for (const [what, store] of Object.entries(seen)) assert.equal(store, what)
    assert.equal(Object.keys(seen).length, 6)
  })
}
