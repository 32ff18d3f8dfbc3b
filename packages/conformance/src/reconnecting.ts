/** Conformance of `reconnecting()`: how the peer's ends look to it, and what it leaves behind. */

import assert from 'node:assert/strict'
import { type Backoff, backoff, type Connection, type ReconnectState } from '@pollout/core'
import { firstValueFrom, lastValueFrom, type Observable, take, toArray } from 'rxjs'
import { codeOf } from './transfer-tools.js'
import type { Define } from './trial.js'

/** Short, as the time is real. */
const SOON: Backoff = backoff({ firstMs: 1, longestMs: 5 })

/** The kinds of the states until the session is over, and the codes of their errors. */
function states(state$: Observable<ReconnectState>): string[] {
  const told: string[] = []
  state$.subscribe((state) => {
    const error = 'error' in state ? ` ${(state.error as { code: string }).code}` : ''
    told.push(`${state.kind}${error}`)
  })
  return told
}

export function defineReconnectTests(test: Define): void {
  test("reconnecting(): after the peer's end, until it is left", async (t) => {
    const reactor = t.reactor()
    const read = (connection: Connection) => connection.received
    const session = reactor.reconnecting(t.world.endpoint('greeter'), read, { backoff: SOON })
    const told = states(session.state$)
    const chunks = await lastValueFrom(session.pipe(take(3), toArray()))
    assert.equal(chunks.map(String).join(' '), 'hello hello hello')
    assert.deepEqual(told, [
      ...['connecting', 'connected', 'waiting ERR_PEER_ENDED'],
      ...['connecting', 'connected', 'waiting ERR_PEER_ENDED'],
      ...['connecting', 'connected', 'ended'],
    ])
    assert.equal(reactor.stats().open, 0)
  })

  test('reconnecting(): after an async function has read to the end, and after a reset', async (t) => {
    for (const [peer, code] of [
      ['greeter', 'ERR_PEER_ENDED'],
      ['resetter', 'ECONNRESET'],
    ] as const) {
      const reactor = t.reactor()
      let uses = 0
      const session = reactor.reconnecting(
        t.world.endpoint(peer),
        async (connection) => {
          uses++
          await connection.send('anything')
          for await (const _ of connection);
        },
        { backoff: SOON, maxAttempts: 3 },
      )
      assert.equal(await codeOf(lastValueFrom(session)), code)
      assert.equal(uses, 3)
    }
  })

  test('reconnecting(): idleTimeoutMs ends the connection to a peer that fell silent', async (t) => {
    const options = { idleTimeoutMs: 30, backoff: SOON, maxAttempts: 2 }
    const read = (connection: Connection) => connection.received
    const session = t.reactor().reconnecting(t.world.endpoint('witness'), read, options)
    assert.equal(await codeOf(lastValueFrom(session)), 'ERR_IDLE_TIMEOUT')
    for (let i = 0; i < 2; i++) assert.equal((await t.world.nextRecord()).end, 'reset')
  })

  test('reconnecting(): gives up, with the error of the last connect', async (t) => {
    const options = { backoff: SOON, maxAttempts: 3 }
    const reactor = t.reactor()
    const session = reactor.reconnecting(t.world.endpoint('refused'), () => [], options)
    const told = states(session.state$)
    assert.equal(await codeOf(lastValueFrom(session)), 'ECONNREFUSED')
    assert.equal(told.filter((state) => state === 'connecting').length, 3)
    assert.equal(told.at(-1), 'failed ECONNREFUSED')
    assert.equal(reactor.stats().failed, 3)
  })

  test('reconnecting(): completes with what is done on a connection that stands', async (t) => {
    const session = t.reactor().reconnecting(
      t.world.endpoint('recorder'),
      async (connection) => {
        await connection.send('Hello, Server!')
        return 'said'
      },
      { backoff: SOON },
    )
    assert.equal(await lastValueFrom(session), 'said')
    const { bytes, end } = await t.world.nextRecord()
    assert.deepEqual([bytes, end], [14, 'fin'])
  })

  test('reconnecting(): its signal ends it while it waits', async (t) => {
    const controller = new AbortController()
    const { signal } = controller
    const options = { backoff: backoff({ firstMs: 30_000, jitter: 'none' }), signal }
    const session = t.reactor().reconnecting(t.world.endpoint('refused'), () => [], options)
    session.state$.subscribe(({ kind }) => {
      if (kind === 'waiting') controller.abort()
    })
    assert.equal(await codeOf(firstValueFrom(session)), 'ABORT_ERR')
  })
}
