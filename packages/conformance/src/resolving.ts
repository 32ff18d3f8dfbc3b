/** Conformance of `connect()` to host names: addresses in order, and resolvers that fail or are late. */

import assert from 'node:assert/strict'
import { setTimeout as delay } from 'node:timers/promises'
import { boundedResolver, ConnectError, type Endpoint, type Resolver } from '@pollout/core'
import { firstValueFrom } from 'rxjs'
import { turns } from './raw-backend.js'
import { addressOf, type Define, rejection } from './trial.js'

function resolving(addresses: Readonly<Record<string, readonly string[]>>): Resolver {
  return { resolve: async (host) => addresses[host] ?? [] }
}

function portOf(endpoint: Endpoint): number {
  assert.ok(endpoint.scheme === 'tcp')
  return endpoint.port
}

export function defineResolvingTests(test: Define): void {
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

  test('a name that waits for its turn loses none of its time', async (t) => {
    const good = t.world.endpoint('echo')
    assert.ok(good.scheme === 'tcp')
    const { host } = good
    // The first is not answered before the second has waited for longer than the time that both have.
    const slow: Resolver = {
      async resolve(name) {
        await delay(name === 'first.test' ? 400 : 0)
        return [host]
      },
    }
    const reactor = t.reactor({ resolver: boundedResolver(slow, { concurrency: 1 }) })
    const connect = (name: string) =>
      firstValueFrom(reactor.connect(`tcp://${name}:${good.port}`, { timeoutMs: 300 }))
    const [first, second] = await Promise.allSettled([
      connect('first.test'),
      connect('second.test'),
    ])
    assert.equal(first.status, 'rejected')
    assert.equal(second.status, 'fulfilled', String((second as PromiseRejectedResult).reason))
    assert.ok((second.value.timeline.queuedMs ?? 0) > 300)
    second.value.reset()
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
      assert.equal(error.syscall, 'resolve')
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
}

function dnsError(): Error {
  return Object.assign(new Error('getaddrinfo ENOTFOUND'), { code: 'ENOTFOUND', errno: -3008 })
}
