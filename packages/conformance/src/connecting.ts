/** Conformance of `connect()`: every way in which it ends, alike on every backend. */

import assert from 'node:assert/strict'
import { ConnectError, type Connection, type Endpoint, errno } from '@pollout/core'
import { firstValueFrom } from 'rxjs'
import { turns } from './raw-backend.js'
import { addressOf, type Define, rejection, type Trial } from './trial.js'
import { TRANSPORTS } from './world.js'

/** The error of one connect, with what is alike for all of them looked at. */
async function connectError(
  t: Trial,
  ...request: Parameters<ReturnType<Trial['reactor']>['connect']>
): Promise<ConnectError> {
  const error = await rejection(firstValueFrom(t.reactor().connect(...request)))
  assert.ok(error instanceof ConnectError)
  assert.notEqual(error.message, '')
  assert.ok(error.message.includes(error.code), error.message)
  return error
}

export function defineConnectTests(test: Define): void {
  for (const transport of TRANSPORTS) {
    test(
      `connects over ${transport}, and emits in a later turn`,
      async (t) => {
        const reactor = t.reactor()
        const endpoint = t.world.endpoint('echo', transport)
        let subscribing = true
        const connection = await new Promise<Connection>((resolve, reject) => {
          reactor.connect(endpoint).subscribe({
            next: (emitted) => {
              assert.ok(!subscribing, 'emitted inside subscribe()')
              resolve(emitted)
            },
            error: reject,
          })
          subscribing = false
        })
        assert.deepEqual(connection.endpoint, endpoint)
        assert.deepEqual(connection.peerAddress, addressOf(endpoint))
        assert.deepEqual(connection.failedAttempts, [])
        assert.equal(connection.backend, reactor.backend)
        if (endpoint.scheme === 'tcp') assert.notEqual(connection.localAddress, undefined)
        assert.equal(reactor.stats().open, 1)
        await connection.close()
        assert.ok(connection.closed)
        assert.equal(connection.localAddress, undefined)
        assert.equal(reactor.stats().connected, 1)
      },
      { transport },
    )

    test(
      `is refused over ${transport}: one error, the same everywhere`,
      async (t) => {
        const endpoint = t.world.endpoint('refused', transport)
        const error = await connectError(t, endpoint)
        const { code, phase, localFault, syscall, timedOutBy } = error
        assert.deepEqual(
          { code, phase, localFault, syscall, timedOutBy, errno: error.errno },
          {
            code: 'ECONNREFUSED',
            phase: 'connect',
            localFault: false,
            syscall: 'connect',
            timedOutBy: undefined,
            errno: -errno.ECONNREFUSED,
          },
        )
        const address = addressOf(endpoint)
        assert.equal(error.address, address.family === 'unix' ? address.path : address.address)
        assert.equal(error.port, address.family === 'unix' ? undefined : address.port)
        assert.equal(error.attempts.length, 1)
        assert.equal(error.attempts[0]?.result, 'ECONNREFUSED')
      },
      { transport },
    )
  }

  test(
    'a unix path where nothing is: ENOENT, told in a later turn',
    async (t) => {
      const reactor = t.reactor()
      let subscribing = true
      const error = await new Promise<ConnectError>((resolve) => {
        reactor.connect({ scheme: 'unix', path: t.world.noSuchPath }).subscribe({
          error: (failure) => {
            assert.ok(!subscribing, 'failed inside subscribe()')
            resolve(failure)
          },
        })
        subscribing = false
      })
      assert.deepEqual([error.code, error.phase, error.localFault], ['ENOENT', 'connect', false])
    },
    { transport: 'unix' },
  )

  test('no answer within timeoutMs: ETIMEDOUT by the deadline', async (t) => {
    const error = await connectError(t, t.world.endpoint('silent'), { timeoutMs: 30 })
    assert.deepEqual(
      [error.code, error.errno, error.phase, error.localFault, error.timedOutBy],
      ['ETIMEDOUT', -errno.ETIMEDOUT, 'connect', false, 'deadline'],
    )
    assert.equal(error.attempts.length, 1)
    assert.ok((error.attempts[0]?.elapsedMs ?? 0) >= 29)
  })

  test('is cold: each subscription is a connect of its own', async (t) => {
    const reactor = t.reactor()
    const connecting = reactor.connect(t.world.endpoint('echo'))
    await turns(3)
    assert.equal(reactor.stats().started, 0)
    const [a, b] = await Promise.all([firstValueFrom(connecting), firstValueFrom(connecting)])
    assert.notEqual(a, b)
    assert.equal(reactor.stats().open, 2)
    a.reset()
    b.reset()
  })

  test(
    'a full unix backlog is waited for',
    async (t) => {
      const { endpoint, release } = await t.world.fullBacklog()
      const reactor = t.reactor()
      const connecting = firstValueFrom(reactor.connect(endpoint, { timeoutMs: 5_000 }))
      await turns()
      assert.equal(reactor.stats().inFlight, 1)
      await release()
      const connection = await connecting
      assert.equal(reactor.stats().connected, 1)
      connection.reset()
    },
    { transport: 'unix' },
  )

  test(
    'a unix backlog that stays full: ETIMEDOUT by the deadline, never a false success',
    async (t) => {
      const { endpoint, release } = await t.world.fullBacklog()
      const error = await connectError(t, endpoint, { timeoutMs: 60 })
      assert.deepEqual([error.code, error.timedOutBy], ['ETIMEDOUT', 'deadline'])
      await release()
    },
    { transport: 'unix' },
  )

  for (const [times, code] of [
    [1, undefined],
    [2, undefined],
    [3, 'EADDRNOTAVAIL'],
  ] as const) {
    test(
      `connected to itself ${times} times: ${code ?? 'tried anew'}`,
      async (t) => {
        const endpoint = t.world.selfConnecting?.(times) as Endpoint
        if (code === undefined) return (await firstValueFrom(t.reactor().connect(endpoint))).reset()
        const error = await connectError(t, endpoint)
        assert.deepEqual([error.code, error.localFault], [code, true])
      },
      { selfConnect: true },
    )
  }

  test('what can not be meant is thrown at once', async (t) => {
    const reactor = t.reactor()
    assert.throws(() => reactor.connect('example.net:80'), { code: 'ERR_INVALID_ENDPOINT' })
    const endpoint = t.world.endpoint('echo')
    assert.throws(() => reactor.connect(endpoint, { timeoutMs: 0 }), RangeError)
    assert.throws(() => reactor.connect(endpoint, { signal: {} as AbortSignal }), TypeError)
  })

  test('on a destroyed reactor: ERR_REACTOR_DESTROYED, in a later turn', async (t) => {
    const reactor = t.reactor()
    await reactor.destroy()
    await reactor.destroy()
    const error = await rejection(firstValueFrom(reactor.connect(t.world.endpoint('echo'))))
    assert.equal((error as ConnectError).code, 'ERR_REACTOR_DESTROYED')
  })
}
