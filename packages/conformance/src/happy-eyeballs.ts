/** Conformance of connects to names with several addresses: the first to connect wins, and the others are closed. */

import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:net'
import type { AttemptRecord } from '@pollout/core'
import { firstValueFrom } from 'rxjs'
import { connectErrorOf, type Define, type Trial } from './trial.js'

/** An address of loopback that the real world does not use. */
const ELSEWHERE = '127.0.0.3'

/** A reactor for which every name has these addresses. */
function reactorFor(t: Trial, ...addresses: string[]) {
  return t.reactor({ resolver: { resolve: async () => addresses } })
}

function silent(t: Trial): { host: string; port: number } {
  return t.world.endpoint('silent') as { host: string; port: number }
}

function results(attempts: readonly AttemptRecord[]): readonly string[] {
  return attempts.map(
    ({ address, result }) => `${(address as { address: string }).address} ${result}`,
  )
}

export function defineHappyEyeballsTests(test: Define): void {
  test(
    'a silent address is joined by the next after the attempt delay, and closed when that connects',
    async (t) => {
      const { host, port } = silent(t)
      const server = createServer((socket) => socket.on('error', () => {}).resume())
      server.listen(port, ELSEWHERE)
      await once(server, 'listening')
      try {
        const reactor = reactorFor(t, host, ELSEWHERE)
        const options = { attemptDelayMs: 30, timeoutMs: 20_000 }
        const connection = await firstValueFrom(reactor.connect(`tcp://peer.test:${port}`, options))
        assert.deepEqual(results(connection.failedAttempts), [`${host} ABORT_ERR`])
        const [first] = connection.failedAttempts
        const { sentAt = 0, finishedAt } = connection.timeline
        assert.ok(sentAt - (first?.timeline.startedAt ?? 0) >= 30, 'the second began too early')
        assert.ok(finishedAt - sentAt < 10_000)
        connection.reset()
        const targets = [`tcp://peer.test:${port}`]
        const outcome = await firstValueFrom(reactor.connectMany(targets, options))
        assert.ok(outcome.kind === 'connected')
        assert.deepEqual(results(outcome.failedAttempts), [`${host} ABORT_ERR`])
      } finally {
        server.close()
        await once(server, 'close')
      }
    },
    { realNetwork: true },
  )

  test('a silent address is not given up when the others have failed: the deadline ends it', async (t) => {
    const { host, port } = silent(t)
    const reactor = reactorFor(t, host, t.world.deserted)
    const options = { attemptDelayMs: 10, timeoutMs: 150 }
    const error = await connectErrorOf(reactor, `tcp://peer.test:${port}`, options)
    assert.deepEqual([error.code, error.timedOutBy, error.address], ['ETIMEDOUT', 'deadline', host])
    assert.deepEqual(results(error.attempts), [
      `${host} ETIMEDOUT`,
      `${t.world.deserted} ECONNREFUSED`,
    ])
  })

  test('a refused address is followed by the next at once', async (t) => {
    const good = t.world.endpoint('echo') as { host: string; port: number }
    const reactor = reactorFor(t, t.world.deserted, good.host)
    const options = { attemptDelayMs: 20_000 }
    const connection = await firstValueFrom(
      reactor.connect(`tcp://peer.test:${good.port}`, options),
    )
    assert.deepEqual(results(connection.failedAttempts), [`${t.world.deserted} ECONNREFUSED`])
    connection.reset()
  })

  test('unsubscribing in the middle closes all sockets', async (t) => {
    const { host, port } = silent(t)
    const reactor = reactorFor(t, host, t.world.deserted)
    const told: AttemptRecord[] = []
    await new Promise<void>((resolve) => {
      const subscription = reactor
        .connect(`tcp://peer.test:${port}`, {
          attemptDelayMs: 10,
          onAttempt(record) {
            told.push(record)
            subscription.unsubscribe()
            resolve()
          },
        })
        .subscribe()
    })
    assert.deepEqual(results(told), [`${t.world.deserted} ECONNREFUSED`])
    const { inFlight, cancelled, deadlines, registrations } = reactor.stats()
    assert.deepEqual(
      { inFlight, cancelled, deadlines, registrations },
      { inFlight: 0, cancelled: 1, deadlines: 0, registrations: 0 },
    )
  })

  test('destroying the reactor in the middle closes all sockets', async (t) => {
    const { host, port } = silent(t)
    const reactor = reactorFor(t, host, t.world.deserted)
    const error = await connectErrorOf(reactor, `tcp://peer.test:${port}`, {
      attemptDelayMs: 10,
      onAttempt: () => void reactor.destroy(),
    })
    assert.equal(error.code, 'ERR_REACTOR_DESTROYED')
    assert.deepEqual(results(error.attempts), [
      `${host} ABORT_ERR`,
      `${t.world.deserted} ECONNREFUSED`,
    ])
  })
}
