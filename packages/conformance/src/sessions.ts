/** Conformance of `session()`: the connection ends with what is done on it. */

import assert from 'node:assert/strict'
import type { Connection } from '@pollout/core'
import { lastValueFrom, NEVER, of, throwError } from 'rxjs'
import { turns } from './raw-backend.js'
import { bytes, codeOf, cutShort, MEBIBYTE } from './transfer-tools.js'
import { type Define, rejection } from './trial.js'

export function defineSessionTests(test: Define): void {
  test('session(): completes after a graceful close', async (t) => {
    const reactor = t.reactor()
    const talk = reactor.session(t.world.endpoint('recorder'), async (connection) => {
      await connection.send('Hello, Server!')
      return 'said'
    })
    assert.equal(await lastValueFrom(talk), 'said')
    assert.equal(reactor.stats().open, 0)
    const record = await t.world.nextRecord()
    assert.deepEqual([record.bytes, record.end], [14, 'fin'])
  })

  const failing: readonly (readonly [string, () => ReturnType<typeof of>])[] = [
    ['errors', () => throwError(() => new Error('mine'))],
    [
      'throws',
      () => {
        throw new Error('mine')
      },
    ],
  ]
  for (const [how, use] of failing) {
    test(`session() that ${how}: the error as it is, and a reset`, async (t) => {
      const reactor = t.reactor()
      const error = await rejection(
        lastValueFrom(reactor.session(t.world.endpoint('recorder'), use)),
      )
      assert.equal(error.message, 'mine')
      assert.equal(reactor.stats().open, 0)
      assert.equal((await t.world.nextRecord()).end, 'reset')
    })
  }

  test('session(): unsubscribing closes, in the middle and while the rest is being sent', async (t) => {
    const reactor = t.reactor()
    const endpoint = t.world.endpoint('deaf')
    for (const inner of [NEVER, of('done')]) {
      let opened: Connection | undefined
      const session = reactor
        .session(endpoint, (connection) => {
          opened = connection
          connection.send(bytes(8 * MEBIBYTE)).catch(() => {})
          return inner
        })
        .subscribe()
      while (opened === undefined) await turns(1)
      await turns()
      session.unsubscribe()
      assert.equal(reactor.stats().open, 0)
    }
    await cutShort(t)
    await cutShort(t)
  })

  test('session(): fails as its connect does', async (t) => {
    const session = t.reactor().session(t.world.endpoint('refused'), () => NEVER)
    assert.equal(await codeOf(lastValueFrom(session)), 'ECONNREFUSED')
  })
}
