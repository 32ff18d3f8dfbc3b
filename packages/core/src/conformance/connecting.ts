/** Conformance of `connect()`: every way in which it ends, alike on every backend. */
import assert from 'node:assert/strict'
import { firstValueFrom } from 'rxjs'
import type { Connection } from '../connection.js'
import type { Endpoint } from '../endpoint.js'
import { errno } from '../errno.js'
import { ConnectError } from '../errors.js'
import type { Resolver } from '../resolver.js'
import { turns } from './raw-backend.js'
import { addressOf, type Define, rejection, type Trial } from './trial.js'
import { TRANSPORTS } from './world.js'

/** The error of one connect, with what is alike for all of them looked at. */
export async function connectError(
  t: Trial,
  ...request: Parameters<ReturnType<Trial['reactor']>['connect']>
): Promise<ConnectError> {
  const error = await rejection(firstValueFrom(t.reactor().connect(...request)))
  assert.ok(error instanceof ConnectError)
  assert.notEqual(error.message, '')
  assert.ok(error.message.includes(error.code), error.message)
  return error
}

function resolving(addresses: Readonly<Record<string, readonly string[]>>): Resolver {
  return { resolve: async (host) => addresses[host] ?? [] }
}

function portOf(endpoint: Endpoint): number {
  assert.ok(endpoint.scheme === 'tcp')
  return endpoint.port
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
        assert.equal(connection.endpoint, endpoint)
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

  test('a name is resolved, and its addresses are tried in order', async (t) => {
    const good = t.world.endpoint('echo')
    assert.ok(good.scheme === 'tcp')
    const resolver = resolving({ 'peer.test': [t.world.deserted, 'nonsense', good.host] })
    const reactor = t.reactor({ resolver })
    const endpoint = `tcp://peer.test:${portOf(good)}`
    const connection = await firstValueFrom(reactor.connect(endpoint))
    assert.deepEqual(connection.peerAddress, addressOf(good))
    assert.deepEqual(
      connection.failedAttempts.map(({ address, result }) => [address, result]),
      [[{ family: 'inet', address: t.world.deserted, port: portOf(good) }, 'ECONNREFUSED']],
    )
    connection.reset()
  })

  test('a name all of whose addresses fail: the last one, and every attempt', async (t) => {
    const { port } = t.world.endpoint('refused') as { port: number }
    const { host } = t.world.endpoint('refused') as { host: string }
    const reactor = t.reactor({ resolver: resolving({ 'peer.test': [t.world.deserted, host] }) })
    const error = await rejection(firstValueFrom(reactor.connect(`tcp://peer.test:${port}`)))
    assert.ok(error instanceof ConnectError)
    assert.equal(error.code, 'ECONNREFUSED')
    assert.deepEqual(
      error.attempts.map(({ result }) => result),
      ['ECONNREFUSED', 'ECONNREFUSED'],
    )
  })

  const failures: readonly (readonly [string, Resolver, string])[] = [
    ['rejects', { resolve: () => Promise.reject(dnsError()) }, 'ENOTFOUND'],
    ['rejects with anything', { resolve: () => Promise.reject('no') }, 'ERR_RESOLVE'],
    [
      'throws',
      {
        resolve: () => {
          throw dnsError()
        },
      },
      'ENOTFOUND',
    ],
    ['gives no address', resolving({}), 'ERR_RESOLVE'],
  ]
  for (const [how, resolver, code] of failures) {
    test(`a resolver that ${how}: an error of phase resolve, in a later turn`, async (t) => {
      const reactor = t.reactor({ resolver })
      let subscribing = true
      const error = await new Promise<ConnectError>((resolve) => {
        reactor.connect('tcp://nowhere.test:80').subscribe({
          error: (failure) => {
            assert.ok(!subscribing, 'failed inside subscribe()')
            resolve(failure)
          },
        })
        subscribing = false
      })
      assert.deepEqual([error.code, error.phase, error.localFault], [code, 'resolve', false])
      assert.equal(error.syscall, 'getaddrinfo')
      assert.deepEqual(error.attempts, [])
    })
  }

  test('a resolver that answers after the deadline, or after leaving, is not listened to', async (t) => {
    const answers: ((addresses: string[]) => void)[] = []
    const resolver = { resolve: () => new Promise<string[]>((resolve) => answers.push(resolve)) }
    const reactor = t.reactor({ resolver })
    const { host, port } = t.world.endpoint('echo') as { host: string; port: number }
    reactor.connect(`tcp://a.test:${port}`).subscribe().unsubscribe()
    const late = firstValueFrom(reactor.connect(`tcp://b.test:${port}`, { timeoutMs: 10 }))
    const error = await rejection(late)
    assert.equal((error as ConnectError).code, 'ETIMEDOUT')
    for (const answer of answers) answer([host])
    await turns()
    const { started, connected, cancelled, failed } = reactor.stats()
    assert.deepEqual(
      { started, connected, cancelled, failed },
      { started: 2, connected: 0, cancelled: 1, failed: 1 },
    )
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

function dnsError(): Error {
  return Object.assign(new Error('getaddrinfo ENOTFOUND'), { code: 'ENOTFOUND', errno: -3008 })
}
