/** Conformance of what `connectMany()` takes its targets from. */

import assert from 'node:assert/strict'
import type { Outcome, Target } from '@pollout/core'
import { concat, from, lastValueFrom, type Observable, take, throwError, toArray } from 'rxjs'
import { turns } from './raw-backend.js'
import type { Define } from './trial.js'

export function all<T>(outcomes: Observable<T>): Promise<T[]> {
  return lastValueFrom(outcomes.pipe(toArray()), { defaultValue: [] })
}

export function* repeat<T>(value: T, count: number): Generator<T> {
  for (let i = 0; i < count; i++) yield value
}

export function defineSourceTests(test: Define): void {
  test('pulls an endless source only as far as it has to, and tells it when to stop', async (t) => {
    const reactor = t.reactor()
    let pulled = 0
    let stopped = false
    function* endless() {
      try {
        for (;;) {
          pulled++
          yield t.world.endpoint('refused')
        }
      } finally {
        stopped = true
      }
    }
    const outcomes = await all(reactor.connectMany(endless(), { concurrency: 10 }).pipe(take(30)))
    assert.equal(outcomes.length, 30)
    // What a bulk lane is given ahead of its time: `FanOutLimits.concurrency`.
    const ahead = t.hasBulkLane ? 64 : 0
    assert.ok(pulled <= 30 + 10 + ahead, `${pulled} pulled`)
    assert.ok(stopped)
    assert.equal(reactor.stats().inFlight, 0)
  })

  test('takes async iterables and observables', async (t) => {
    const reactor = t.reactor()
    const target = t.world.endpoint('refused')
    let pulled = 0
    async function* later() {
      for (; pulled < 30; pulled++) {
        await turns(1)
        yield target
      }
    }
    assert.equal((await all(reactor.connectMany(later(), { concurrency: 5 }))).length, 30)
    assert.equal((await all(reactor.connectMany(from(repeat(target, 30))))).length, 30)
    assert.deepEqual(await all(reactor.connectMany([])), [])
  })

  const target = { scheme: 'tcp', host: '127.0.0.1', port: 1 } as const
  const boom = new Error('boom')
  type Source = Iterable<typeof target> | AsyncIterable<typeof target> | Observable<typeof target>
  const sources: Readonly<Record<string, () => Source>> = {
    'an iterable': function* () {
      yield* [target, target, target]
      throw boom
    },
    'an async iterable': async function* () {
      yield* [target, target, target]
      throw boom
    },
    'an observable': () =>
      concat(
        from([target, target, target]),
        throwError(() => boom),
      ),
  }
  for (const [what, source] of Object.entries(sources)) {
    test(`${what} that throws: first all outcomes of what it gave, then its error`, async (t) => {
      const outcomes: Outcome<Target>[] = []
      const ended = new Promise<unknown>((resolve) => {
        t.reactor()
          .connectMany(source(), { timeoutMs: 1_000 })
          .subscribe({ next: (outcome) => outcomes.push(outcome), error: resolve })
      })
      assert.equal(await ended, boom)
      assert.equal(outcomes.length, 3)
    })
  }

  test('a source that can not even be opened fails in a later turn', async (t) => {
    const broken = {
      [Symbol.iterator](): Iterator<string> {
        throw boom
      },
    }
    let subscribing = true
    const error = await new Promise<unknown>((resolve) => {
      t.reactor()
        .connectMany(broken)
        .subscribe({
          error: (failure) => {
            assert.ok(!subscribing, 'failed inside subscribe()')
            resolve(failure)
          },
        })
      subscribing = false
    })
    assert.equal(error, boom)
  })
}
