/** connect() and connectMany() to names: deadlines while resolving, resolvers not to be trusted, and which address is told. */
import { type ConnectError, errno, type Resolver } from '@pollout/core'
import { describe, expect, it } from 'vitest'
import { microtasks, record, stage } from './harness.js'

const NAME = 'tcp://peer.test:80'
const never: Resolver = { resolve: () => new Promise(() => {}) }

function resolving(...addresses: string[]): Resolver {
  return { resolve: async () => addresses }
}

describe('a name that is not resolved in time', () => {
  const failure = {
    code: 'ETIMEDOUT',
    phase: 'resolve',
    timedOutBy: 'deadline',
    localFault: false,
  }

  it('connect(): a deadline of phase resolve, and no attempt', () => {
    const { script, clock, reactor } = stage({ resolver: never })
    const connecting = record(reactor.connect(NAME, { timeoutMs: 50 }))
    clock.advance(49)
    expect(connecting.outcome).toBe('open')
    clock.advance(1)
    expect(connecting.ended).toMatchObject({ ...failure, syscall: 'resolve', attempts: [] })
    expect((connecting.ended as ConnectError).address).toBeUndefined()
    expect((connecting.ended as Error).message).toMatch(/^resolve ETIMEDOUT .*peer\.test/)
    expect(script.sockets).toEqual([])
  })

  it('connectMany(): says nothing about the target, so it is other', () => {
    const { clock, reactor } = stage({ resolver: never })
    const many = record(reactor.connectMany([NAME], { timeoutMs: 50 }))
    clock.advance(50)
    expect(many.values).toMatchObject([{ ...failure, kind: 'other', elapsedMs: 50 }])
  })

  it('once it is resolved, the deadline is one of phase connect', async () => {
    const { clock, reactor } = stage({ resolver: resolving('192.0.2.1') })
    const many = record(reactor.connectMany([NAME], { timeoutMs: 50 }))
    clock.settle()
    await microtasks()
    clock.advance(50)
    expect(many.values).toMatchObject([{ ...failure, phase: 'connect', kind: 'timed-out' }])
  })
})

describe('a resolver that gives garbage', () => {
  const garbage: readonly (readonly [string, unknown])[] = [
    ['undefined', undefined],
    ['null', null],
    ['a number', 42],
    ['a string', '192.0.2.1'],
    ['an object', { address: '192.0.2.1', family: 4 }],
    ['nothing', []],
    ['numbers', [1, 2]],
    ['undefined in a list', [undefined]],
    ['names and numbers in objects', [{ address: 'other.test' }, { address: 1, ttlMs: 1 }, null]],
    ['symbols', [Symbol('address')]],
    ['names', ['other.test', '']],
  ]
  const ways: Readonly<Record<string, (value: unknown) => unknown>> = {
    fulfilled: async (value) => value,
    'given at once': (value) => value,
  }
  for (const [way, give] of Object.entries(ways)) {
    it.each(garbage)(`%s, ${way}: an error of phase resolve`, async (_what, value) => {
      const resolver = { resolve: () => give(value) } as Resolver
      const { script, clock, reactor } = stage({ resolver })
      const connecting = record(reactor.connect(NAME))
      const many = record(reactor.connectMany([NAME]))
      clock.settle()
      await microtasks()
      clock.settle()
      const failure = { code: 'ERR_RESOLVE', phase: 'resolve', localFault: false }
      expect(connecting.ended).toMatchObject({ ...failure, syscall: 'resolve', attempts: [] })
      expect(many.values).toMatchObject([{ ...failure, kind: 'other' }])
      expect(script.sockets).toEqual([])
      // What it leaves unhandled is found, and fails the run.
      await new Promise((resolve) => setImmediate(resolve))
    })
  }
})

it('addresses may come with the time that they hold, or as dns.lookup() gives them', async () => {
  const resolve = async () => [
    { address: '192.0.2.1', ttlMs: 1_000 },
    { address: '2001:db8::1', family: 6 },
  ]
  const { script, clock, reactor } = stage({ resolver: { resolve } })
  const connecting = record(reactor.connect(NAME))
  await microtasks()
  clock.advance(250)
  expect(script.sockets.map(({ connects }) => connects)).toMatchObject([
    [{ address: '192.0.2.1', port: 80 }],
    [{ address: '2001:db8::1', port: 80 }],
  ])
  connecting.subscription.unsubscribe()
})

describe('several addresses', () => {
  const FIRST = '192.0.2.1'
  const SECOND = '192.0.2.2'

  /** Fails with one errno after the other; the code and the address told, and the addresses tried. */
  async function told(...errnos: (keyof typeof errno)[]) {
    const { script, clock, reactor } = stage({ resolver: resolving(FIRST, SECOND) })
    script.once('connect', ...errnos.map((name) => -errno[name]))
    const connecting = record(reactor.connect(NAME))
    await microtasks()
    clock.settle()
    const error = connecting.ended as ConnectError
    return {
      told: [error.code, error.address, error.port],
      message: error.message,
      tried: error.attempts.map(({ address, result }) => [
        address.family === 'inet' && address.address,
        result,
      ]),
    }
  }

  it.each([
    ['ECONNREFUSED', 'EHOSTUNREACH', 'ECONNREFUSED', FIRST],
    ['EHOSTUNREACH', 'ECONNREFUSED', 'ECONNREFUSED', SECOND],
    ['ECONNREFUSED', 'EADDRNOTAVAIL', 'ECONNREFUSED', FIRST],
    ['EADDRNOTAVAIL', 'ECONNREFUSED', 'ECONNREFUSED', SECOND],
    ['ENETUNREACH', 'EACCES', 'EACCES', SECOND],
    ['ECONNREFUSED', 'ECONNREFUSED', 'ECONNREFUSED', FIRST],
    ['ECONNREFUSED', 'EMFILE', 'ECONNREFUSED', FIRST],
  ] as const)(
    '%s, then %s: %s is told, with the address %s',
    async (first, second, code, address) => {
      const { told: error, message, tried } = await told(first, second)
      expect(error).toEqual([code, address, 80])
      expect(message).toMatch(`connect ${code} ${address}:80: `)
      expect(tried).toEqual([
        [FIRST, first],
        [SECOND, second],
      ])
    },
  )

  it('connectMany() tells the same address', async () => {
    const { script, clock, reactor } = stage({ resolver: resolving(FIRST, SECOND) })
    script.once('connect', -errno.ECONNREFUSED, -errno.EHOSTUNREACH)
    const many = record(reactor.connectMany([NAME]))
    clock.settle()
    await microtasks()
    clock.settle()
    expect(many.values).toMatchObject([{ kind: 'refused', error: { address: FIRST } }])
  })

  it('EADDRNOTAVAIL: the next address is tried', async () => {
    const { script, clock, reactor } = stage({ resolver: resolving('2001:db8::1', FIRST) })
    script.once('connect', -errno.EADDRNOTAVAIL)
    const connecting = record(reactor.connect(NAME))
    await microtasks()
    clock.settle()
    script.deliverAll(script.open)
    const [connection] = connecting.values
    expect(connection?.peerAddress).toMatchObject({ address: FIRST })
    expect(connection?.failedAttempts).toMatchObject([{ result: 'EADDRNOTAVAIL' }])
    connection?.reset()
  })

  it.each(['EMFILE', 'ENFILE', 'ENOBUFS', 'ENOMEM'] as const)(
    '%s: no other is tried',
    async (code) => {
      const { script, clock, reactor } = stage({ resolver: resolving(FIRST, SECOND) })
      script.once('open', -errno[code])
      const connecting = record(reactor.connect(NAME))
      await microtasks()
      clock.settle()
      expect(connecting.ended).toMatchObject({ code, address: FIRST, localFault: true })
      expect([script.sockets.length, connecting.values]).toEqual([0, []])
    },
  )
})
