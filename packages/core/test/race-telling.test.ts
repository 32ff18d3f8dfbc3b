/** What is told of a race: on the connection, in the error, in outcomes, by callback and on a diagnostics channel. */
import { AsyncLocalStorage } from 'node:async_hooks'
import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import type { AttemptRecord, ConnectAttemptMessage, ConnectError, Connection } from '@pollout/core'
import { describe, expect, it, onTestFinished } from 'vitest'
import { record, uncaughtErrors } from './harness.js'
import { SlowResolver, scene, slowScene, whole } from './race-scene.js'

const [V6, V6B] = ['2001:db8::1', '2001:db8::2'] as const
const [V4, V4B] = ['192.0.2.1', '192.0.2.2'] as const

function line({ address, result }: AttemptRecord): string {
  return `${(address as { address: string }).address} ${result}`
}

describe('what is told of a race', () => {
  it('the connection has the others, in the order of their starts, each with its timeline', async () => {
    const set = scene(whole(V6, V4, V6B, V4B), {
      [V4]: ['ECONNREFUSED', 50],
      [V4B]: ['connects', 10],
    })
    const connecting = set.connect()
    await set.pass(600)
    const [connection] = connecting.values as Connection[]
    expect(
      connection?.failedAttempts.map(({ address, result, elapsedMs, timeline }) => [
        (address as { address: string }).address,
        result,
        elapsedMs,
        timeline.startedAt,
        timeline.finishedAt,
      ]),
    ).toEqual([
      [V6, 'ABORT_ERR', 560, 0, 560],
      [V4, 'ECONNREFUSED', 50, 250, 300],
      [V6B, 'ABORT_ERR', 260, 300, 560],
    ])
    expect(connection?.timeline).toMatchObject({ startedAt: 0, sentAt: 550, readyAt: 560 })
    connection?.reset()
  })

  it('connectMany() tells them too', async () => {
    const set = scene(whole(V6, V4), { [V4]: ['connects', 10] })
    const many = record(set.reactor.connectMany(['tcp://peer.test:80'], { attemptDelayMs: 100 }))
    await set.pass(200)
    expect(many.values).toMatchObject([
      { kind: 'connected', elapsedMs: 110, failedAttempts: [{ result: 'ABORT_ERR' }] },
    ])
  })

  it('the error has all, and is about the one whose failure it tells', async () => {
    const set = scene(whole(V6, V4, V6B), {
      [V6]: 'ENETUNREACH',
      [V4]: ['ECONNREFUSED', 5],
      [V6B]: 'ENETUNREACH',
    })
    const connecting = set.connect()
    await set.pass(20)
    const error = connecting.ended as ConnectError
    expect([error.code, error.address]).toEqual(['ECONNREFUSED', V4])
    expect(error.attempts.map(({ result }) => result)).toEqual([
      'ENETUNREACH',
      'ECONNREFUSED',
      'ENETUNREACH',
    ])
  })

  it.each([
    ['a name', 'tcp://peer.test:80', [`${V6} ECONNREFUSED`, `${V4} connected`]],
    ['a literal', `tcp://${V4}:80`, [`${V4} connected`]],
    ['a literal that is refused', `tcp://[${V6}]:80`, [`${V6} ECONNREFUSED`]],
  ])('%s: a diagnostics channel tells of each attempt', async (_what, uri, expected) => {
    const set = scene(whole(V6, V4), { [V6]: ['ECONNREFUSED', 5], [V4]: ['connects', 10] })
    const messages: ConnectAttemptMessage[] = []
    const listen = (message: unknown): void => void messages.push(message as ConnectAttemptMessage)
    subscribe('pollout:connect:attempt', listen)
    onTestFinished(() => void unsubscribe('pollout:connect:attempt', listen))
    const told: string[] = []
    const connecting = record(
      set.reactor.connect(uri, { onAttempt: (attempt) => void told.push(line(attempt)) }),
    )
    await set.pass(50)
    expect(messages.map(({ attempt }) => line(attempt))).toEqual(expected)
    expect(told).toEqual(expected)
    expect(new Set(messages.map(({ request }) => request)).size).toBe(1)
    expect(messages[0]).toMatchObject({ backend: 'scripted', endpoint: { scheme: 'tcp' } })
    connecting.values[0]?.reset()
  })

  it('onAttempt runs in the async context of the subscriber, and what it throws is reported', async () => {
    const uncaught = uncaughtErrors()
    const storage = new AsyncLocalStorage<string>()
    const set = scene(whole(V6, V4), { [V6]: ['ECONNREFUSED', 5], [V4]: ['connects', 10] })
    const contexts: (string | undefined)[] = []
    const options = {
      onAttempt() {
        contexts.push(storage.getStore())
        throw new Error('a listener')
      },
    }
    const connecting = storage.run('mine', () => set.connect(options))
    await set.pass(50)
    await new Promise((resolve) => setImmediate(resolve))
    expect([connecting.outcome, contexts, uncaught.length]).toEqual([
      'complete',
      ['mine', 'mine'],
      2,
    ])
    ;(connecting.values[0] as Connection).reset()
  })

  it('a deadline while a name is being looked up, and nothing is connecting, is one of phase resolve', async () => {
    const held = slowScene(new SlowResolver([999, [V6]], [5, [V4]]), {})
    const early = held.connect({ timeoutMs: 30 })
    await held.pass(40)
    expect(early.ended).toMatchObject({ code: 'ETIMEDOUT', phase: 'resolve', attempts: [] })

    const between = slowScene(new SlowResolver([999, [V6]], [5, [V4]]), { [V4]: 'ENETUNREACH' })
    const late = between.connect({ timeoutMs: 200 })
    await between.pass(210)
    expect(late.ended).toMatchObject({ code: 'ETIMEDOUT', phase: 'resolve' })
    expect((late.ended as ConnectError).attempts).toHaveLength(1)
  })
})
