/** Conformance of timelines: the moments of a connect in their order, and whose time is whose. */

import assert from 'node:assert/strict'
import { performance } from 'node:perf_hooks'
import type { ConnectError, ConnectTimeline } from '@pollout/core'
import { firstValueFrom, toArray } from 'rxjs'
import { blockLoop } from './raw-backend.js'
import { type Define, rejection } from './trial.js'
import { TRANSPORTS } from './world.js'

const BLOCKED_MS = 100

export function defineTimelineTests(test: Define): void {
  for (const transport of TRANSPORTS) {
    test(
      `over ${transport}: all moments are there, in order, on the clock of performance.now()`,
      async (t) => {
        const reactor = t.reactor()
        const before = performance.now()
        const connection = await firstValueFrom(
          reactor.connect(t.world.endpoint('echo', transport)),
        )
        const refused = await rejection(
          firstValueFrom(reactor.connect(t.world.endpoint('refused', transport))),
        )
        const after = performance.now()
        const { timeline } = refused as ConnectError
        assert.ok(timeline)
        for (const each of [connection.timeline, timeline]) {
          assertInOrder([before, ...moments(each), after])
          assert.ok((each.queuedMs ?? -1) >= 0)
          assert.ok((each.handshakeMs ?? -1) >= 0)
          assert.ok((each.loopMs ?? -1) >= 0)
        }
        const [attempt] = (refused as ConnectError).attempts
        assert.equal(attempt?.timeline.readyAt, timeline.readyAt)
        connection.reset()
      },
      { transport },
    )
  }

  test('on every outcome of connectMany()', async (t) => {
    const targets = [t.world.endpoint('echo'), t.world.endpoint('refused'), 'nonsense']
    const before = performance.now()
    const outcomes = await firstValueFrom(
      t.reactor().connectMany(targets, { onConnected: 'reset' }).pipe(toArray()),
    )
    const after = performance.now()
    assert.deepEqual(outcomes.map(({ kind }) => kind).sort(), ['connected', 'invalid', 'refused'])
    for (const { kind, timeline } of outcomes) {
      const all = moments(timeline)
      if (kind === 'invalid') assert.deepEqual(all.slice(1, 4), [undefined, undefined, undefined])
      else assertInOrder([before, ...all, after])
    }
  })

  test('no answer until the deadline: sent, and never ready', async (t) => {
    const connecting = t.reactor().connect(t.world.endpoint('silent'), { timeoutMs: 20 })
    const { timeline } = (await rejection(firstValueFrom(connecting))) as ConnectError
    assert.ok(timeline)
    assert.notEqual(timeline.sentAt, undefined)
    assert.deepEqual([timeline.readyAt, timeline.handshakeMs], [undefined, undefined])
    assert.ok(timeline.finishedAt - (timeline.sentAt ?? 0) >= 19)
  })

  test(
    `a loop that is blocked for ${BLOCKED_MS} ms: its own time, and not the handshake's`,
    async (t) => {
      const reactor = t.reactor()
      const connecting = firstValueFrom(reactor.connect(t.world.endpoint('echo')))
      blockLoop(BLOCKED_MS)
      const connection = await connecting
      const { startedAt, handshakeMs, loopMs, finishedAt } = connection.timeline
      connection.reset()
      assert.ok(handshakeMs !== undefined && loopMs !== undefined && startedAt !== undefined)
      assert.ok(finishedAt - startedAt >= BLOCKED_MS - 1)
      // Without the capability the handshake ends when JavaScript sees it, so there is nothing to ask for.
      if (reactor.capabilities.eventTimes) {
        assert.ok(handshakeMs < BLOCKED_MS / 2, `the handshake took ${handshakeMs} ms`)
        assert.ok(loopMs > BLOCKED_MS / 2, `it lay there for ${loopMs} ms`)
      }
    },
    // On loopback the kernel answers within connect(2); a simulated peer needs the loop that is blocked.
    { transport: 'tcp4', realNetwork: true },
  )
}

function moments({ queuedAt, startedAt, sentAt, readyAt, finishedAt }: ConnectTimeline) {
  return [queuedAt, startedAt, sentAt, readyAt, finishedAt]
}

function assertInOrder(times: readonly (number | undefined)[]): void {
  for (const [i, time] of times.entries()) {
    assert.equal(typeof time, 'number', `moment ${i} of ${times}`)
    assert.ok(i === 0 || Number(time) >= Number(times[i - 1]), `moment ${i} of ${times}`)
  }
}
