/** Conformance of `connectMany()`: one outcome for each target, whatever happens. */

import assert from 'node:assert/strict'
import { ConnectError, formatEndpoint, type Outcome, type Target } from '@pollout/core'
import type { Subscription } from 'rxjs'
import { turns } from './raw-backend.js'
import { all, repeat } from './sources.js'
import { type Define, rejection } from './trial.js'

function kinds(outcomes: readonly Outcome<Target>[]): string[] {
  return outcomes.map(({ kind }) => kind).sort()
}

export function defineFanOutTests(test: Define): void {
  test(
    'every kind of outcome, each target once',
    async (t) => {
      const reactor = t.reactor()
      const targets = {
        connected: t.world.endpoint('echo'),
        refused: t.world.endpoint('refused'),
        'timed-out': t.world.endpoint('silent'),
        invalid: 'not an endpoint',
        other: { scheme: 'unix', path: t.world.noSuchPath },
      } as const
      const outcomes = await all(
        reactor.connectMany<Target>(Object.values(targets), { timeoutMs: 40 }),
      )
      assert.equal(outcomes.length, 5)
      for (const outcome of outcomes) {
        assert.equal(outcome.target, targets[outcome.kind as keyof typeof targets], outcome.kind)
        assert.ok(outcome.elapsedMs >= 0)
        if (outcome.kind === 'connected') continue
        assert.ok(outcome.error instanceof ConnectError)
        assert.equal(outcome.error.code, outcome.code)
        assert.equal(outcome.localFault, outcome.kind === 'invalid')
      }
      const timedOut = outcomes.find(({ kind }) => kind === 'timed-out')
      assert.ok(timedOut && 'timedOutBy' in timedOut && timedOut.timedOutBy === 'deadline')
    },
    { transport: 'unix' },
  )

  test('gives back targets with anything on them', async (t) => {
    const target = { ...t.world.endpoint('refused'), name: 'db-1' } as const
    const [outcome] = await all(t.reactor().connectMany([target]))
    assert.equal(outcome?.target, target)
    assert.equal(outcome?.target.name, 'db-1')
  })

  test('keeps the connections when told to', async (t) => {
    const reactor = t.reactor()
    const target = formatEndpoint(t.world.endpoint('echo'))
    const outcomes = await all(
      reactor.connectMany(repeat(target, 5), { onConnected: 'keep', concurrency: 2 }),
    )
    assert.equal(reactor.stats().open, 5)
    for (const outcome of outcomes) {
      assert.ok(outcome.kind === 'connected')
      await outcome.connection.send('x')
      await outcome.connection.close()
    }
  })

  for (const onConnected of ['close', 'reset'] as const) {
    test(`onConnected: ${onConnected}`, async (t) => {
      // A peer may find a reset before it accepts, and then never gets to see the connection: no record.
      const target = t.world.endpoint(onConnected === 'close' ? 'recorder' : 'echo')
      const outcomes = await all(t.reactor().connectMany(repeat(target, 3), { onConnected }))
      assert.deepEqual(kinds(outcomes), ['connected', 'connected', 'connected'])
      if (onConnected === 'reset') return
      for (let i = 0; i < 3; i++) assert.equal((await t.world.nextRecord()).end, 'fin')
    })
  }

  test('no more in flight than the concurrency allows', async (t) => {
    const reactor = t.reactor()
    let most = 0
    const outcomes = await all(
      reactor.connectMany(
        (function* () {
          for (let i = 0; i < 200; i++) {
            yield t.world.endpoint('refused')
            most = Math.max(most, reactor.stats().inFlight)
          }
        })(),
        { concurrency: 7 },
      ),
    )
    assert.equal(outcomes.length, 200)
    // A bulk lane may have been done with all that it had when its outcomes were told.
    const least = t.hasBulkLane ? 0 : 2
    assert.ok(most >= least && most <= 7, `${most} in flight`)
  })

  test('21 that never answer, 7 at once: one after the other, three timeouts long', async (t) => {
    const started = performance.now()
    const options = { concurrency: 7, timeoutMs: 60 }
    const targets = repeat(t.world.endpoint('silent'), 21)
    const outcomes = await all(t.reactor().connectMany(targets, options))
    const elapsedMs = performance.now() - started
    assert.deepEqual(kinds(outcomes), Array(21).fill('timed-out'))
    assert.ok(elapsedMs >= 3 * 60 - 3, `${elapsedMs} ms`)
    const starts = outcomes.map(({ timeline }) => timeline.startedAt ?? 0).sort((a, b) => a - b)
    for (let i = 7; i < 21; i++) {
      assert.ok(
        (starts[i] ?? 0) - (starts[i - 7] ?? 0) >= 59,
        'when the seventh before it had ended',
      )
    }
  })

  test('no faster than the rate', async (t) => {
    const started = performance.now()
    const targets = repeat(t.world.endpoint('refused'), 50)
    const outcomes = await all(t.reactor().connectMany(targets, { rate: 250 }))
    const elapsedMs = performance.now() - started
    assert.equal(outcomes.length, 50)
    // 49 intervals of 4 ms, less the 10 ms that may be made up for.
    assert.ok(elapsedMs > 49 * 4 - 12, `${elapsedMs} ms`)
  })

  test('unsubscribing stops all at once; so does the source when it leaves by itself', async (t) => {
    const reactor = t.reactor()
    const silent = t.world.endpoint('silent')
    const running = reactor.connectMany(repeat(silent, 500), { concurrency: 100 }).subscribe()
    while (reactor.stats().started < 100) await turns(1)
    running.unsubscribe()
    assert.deepEqual(
      [reactor.stats().inFlight, reactor.stats().cancelled, reactor.stats().deadlines],
      [0, 100, 0],
    )
    let leaving: Subscription | undefined
    leaving = reactor
      .connectMany(
        (function* () {
          yield silent
          leaving?.unsubscribe()
          yield silent
        })(),
      )
      .subscribe()
    await turns()
    assert.equal(reactor.stats().inFlight, 0)
  })

  test('is aborted by its signal, before and in the middle', async (t) => {
    const reactor = t.reactor()
    const controller = new AbortController()
    const { signal } = controller
    const silent = t.world.endpoint('silent')
    const running = rejection(all(reactor.connectMany(repeat(silent, 50), { signal })))
    await turns()
    controller.abort()
    assert.equal(((await running) as ConnectError).code, 'ABORT_ERR')
    const late = await rejection(all(reactor.connectMany([silent], { signal })))
    assert.equal((late as ConnectError).code, 'ABORT_ERR')
    assert.equal(reactor.stats().inFlight, 0)
  })

  test('ends with the reactor', async (t) => {
    const reactor = t.reactor()
    const running = rejection(all(reactor.connectMany(repeat(t.world.endpoint('silent'), 50))))
    await turns()
    await reactor.destroy()
    assert.equal(((await running) as ConnectError).code, 'ERR_REACTOR_DESTROYED')
  })

  test(
    '1,000 refused and 1,000 connected at a concurrency of 200',
    async (t) => {
      const refused = t.world.endpoint('refused')
      const echo = t.world.endpoint('echo')
      const targets = Array.from({ length: 2_000 }, (_, i) => (i % 2 ? refused : echo))
      const options = { concurrency: 200, onConnected: 'reset' } as const
      const outcomes = await all(t.reactor().connectMany(targets, options))
      const connected = outcomes.filter(({ kind }) => kind === 'connected')
      assert.deepEqual([outcomes.length, connected.length], [2_000, 1_000])
    },
    { timeoutMs: 20_000 },
  )
}
