/** cachedResolver(): what is kept, for how long, and what is asked once. */
import { type Addresses, cachedResolver, type Resolver } from '@pollout/core'
import { manualClock } from '@pollout/testing'
import { describe, expect, it } from 'vitest'
import { microtasks } from './harness.js'

/** Counts the questions; each answer is the next of the list, the last for ever. */
class Source implements Resolver {
  readonly asked: string[] = []
  readonly #answers: readonly (Addresses | Error)[]

  constructor(...answers: readonly (Addresses | Error)[]) {
    this.#answers = answers
  }

  async resolve(host: string): Promise<Addresses> {
    const answer = this.#answers[Math.min(this.asked.push(host), this.#answers.length) - 1]
    if (answer instanceof Error) throw answer
    return answer ?? []
  }
}

const failure = (code: string): Error => Object.assign(new Error(code), { code })
const ttl = (ttlMs: number, address = '192.0.2.1') => [{ address, ttlMs }]

describe('what is kept', () => {
  const cases: readonly (readonly [string, Addresses | Error, number, object?])[] = [
    ['for its TTL', ttl(3_000), 3_000],
    ['for the shortest TTL of an answer', [...ttl(3_000), ...ttl(700, '192.0.2.2')], 700],
    ['no longer than maxTtlMs', ttl(1e9), 300_000],
    ['no longer than a maxTtlMs of its own', ttl(1e9), 90, { maxTtlMs: 90 }],
    ['for ten seconds without a TTL', ['192.0.2.1'], 10_000],
    ['for ttlMs without a TTL', ['192.0.2.1'], 50, { ttlMs: 50 }],
    ['"no such name" for five seconds', failure('ENOTFOUND'), 5_000],
    ['"no such address" for negativeTtlMs', failure('ENODATA'), 40, { negativeTtlMs: 40 }],
    ['an empty answer for negativeTtlMs', [], 40, { negativeTtlMs: 40 }],
    ['a TTL of 0 not at all', ttl(0), 0],
    ['a TTL that is none not at all', ttl(Number.NaN), 0],
    ['a failure to ask not at all', failure('EAI_AGAIN'), 0],
    ['"no such name" not at all', failure('ENOTFOUND'), 0, { negativeTtlMs: 0 }],
    ['nothing without a TTL', ['192.0.2.1'], 0, { ttlMs: 0 }],
  ]

  for (const [what, answer, keptMs, options] of cases) {
    it(what, async () => {
      const clock = manualClock()
      const source = new Source(answer)
      const resolver = cachedResolver(source, { ...options, clock })
      const ask = async (): Promise<number> => {
        await resolver.resolve('peer.test').catch(() => {})
        return source.asked.length
      }
      await ask()
      clock.advance(keptMs)
      expect(await ask()).toBe(keptMs === 0 ? 2 : 1)
      clock.advance(1)
      expect(await ask()).toBe(keptMs === 0 ? 3 : 2)
      expect(clock.pendingTimers).toBe(0)
    })
  }

  it('the same failure is told again', async () => {
    const resolver = cachedResolver(new Source(failure('ENOTFOUND')))
    for (let i = 0; i < 2; i++) {
      await expect(resolver.resolve('peer.test')).rejects.toMatchObject({ code: 'ENOTFOUND' })
    }
  })

  it('takes memory for what it has, and not for what it might have', async () => {
    const source = new Source(['192.0.2.1'])
    const resolver = cachedResolver(source, { maxEntries: Number.MAX_SAFE_INTEGER })
    expect(await resolver.resolve('a.example')).toHaveLength(1)
  })

  it('the least recently used goes first, and the count never passes maxEntries', async () => {
    const source = new Source(['192.0.2.1'])
    const resolver = cachedResolver(source, { maxEntries: 2 })
    for (const name of ['a', 'b', 'a', 'c', 'a', 'b']) await resolver.resolve(name)
    expect(source.asked).toEqual(['a', 'b', 'c', 'b'])
    expect(resolver.size).toBe(2)
  })

  it('names are equal in any case, and in punycode; a final dot is another name', async () => {
    const source = new Source(['192.0.2.1'])
    const resolver = cachedResolver(source)
    for (const name of ['Bücher.test', 'BÜCHER.TEST', 'xn--bcher-kva.test', 'bücher.test.']) {
      await resolver.resolve(name)
    }
    expect(source.asked).toEqual(['Bücher.test', 'bücher.test.'])
  })

  it('what it gives holds as long as it is kept, so that caches before it keep it no longer', async () => {
    const clock = manualClock()
    const resolver = cachedResolver(new Source(ttl(1_000)), { clock })
    await resolver.resolve('peer.test')
    clock.advance(400)
    expect(await resolver.resolve('peer.test')).toEqual([{ address: '192.0.2.1', ttlMs: 600 }])
  })

  it('clear() forgets, and what is being asked at the moment is not kept', async () => {
    const source = new Source(['192.0.2.1'])
    const resolver = cachedResolver(source)
    await resolver.resolve('a')
    const asking = resolver.resolve('b')
    resolver.clear()
    expect(resolver.size).toBe(0)
    expect(await asking).toHaveLength(1)
    await resolver.resolve('a')
    await resolver.resolve('b')
    expect(source.asked).toEqual(['a', 'b', 'a', 'b'])
  })

  it('what is changed in an answer changes no other', async () => {
    const resolver = cachedResolver(new Source(['192.0.2.1']))
    const first = (await resolver.resolve('a')) as unknown[]
    first.length = 0
    expect(await resolver.resolve('a')).toHaveLength(1)
  })
})

describe('equal look-ups', () => {
  it('at the same time are one, and all get its answer', async () => {
    const source = new Source(['192.0.2.1'], ['192.0.2.2'])
    const resolver = cachedResolver(source, { ttlMs: 0 })
    const all = await Promise.all([1, 2, 3].map(() => resolver.resolve('peer.test')))
    expect(source.asked).toEqual(['peer.test'])
    expect(all).toMatchObject([1, 2, 3].map(() => [{ address: '192.0.2.1' }]))
    expect(await resolver.resolve('peer.test')).toMatchObject([{ address: '192.0.2.2' }])
  })

  it('at the same time fail together', async () => {
    const source = new Source(failure('EAI_AGAIN'), ['192.0.2.1'])
    const resolver = cachedResolver(source)
    const all = await Promise.allSettled([1, 2].map(() => resolver.resolve('peer.test')))
    expect(all.map(({ status }) => status)).toEqual(['rejected', 'rejected'])
    expect(await resolver.resolve('peer.test')).toHaveLength(1)
  })

  it('do not wait for one that never ends', async () => {
    const clock = manualClock()
    let asked = 0
    const never = { resolve: () => (asked++ === 0 ? new Promise<never>(() => {}) : answer()) }
    const answer = async () => ['192.0.2.1']
    const resolver = cachedResolver(never, { clock })
    void resolver.resolve('peer.test')
    clock.advance(9_999)
    const joined = resolver.resolve('peer.test')
    clock.advance(1)
    expect(await resolver.resolve('peer.test')).toHaveLength(1)
    expect(asked).toBe(2)
    let isOver = false
    void joined.then(() => {
      isOver = true
    })
    await microtasks()
    expect(isOver).toBe(false)
  })

  it('the families are kept apart, and are there only where the resolver has them', async () => {
    const asked: string[] = []
    const resolver = cachedResolver({
      resolve: async () => ['192.0.2.1'],
      resolveFamily: async (host, family) => {
        asked.push(`${host} ${family}`)
        return family === 'inet' ? ['192.0.2.1'] : []
      },
    })
    for (let i = 0; i < 2; i++) {
      expect(await resolver.resolveFamily?.('a', 'inet')).toMatchObject([{ address: '192.0.2.1' }])
      expect(await resolver.resolveFamily?.('a', 'inet6')).toEqual([])
    }
    expect(asked).toEqual(['a inet', 'a inet6'])
    expect(cachedResolver(new Source()).resolveFamily).toBeUndefined()
  })

  it.each([
    [
      'throws',
      () => {
        throw failure('EBUSY')
      },
    ],
    ['gives no list', () => undefined],
    ['gives a list of nothing', async () => [undefined]],
  ])('a resolver that %s rejects', async (_what, resolve) => {
    const resolver = cachedResolver({ resolve } as unknown as Resolver)
    await expect(resolver.resolve('a')).rejects.toBeInstanceOf(Error)
    expect(resolver.size).toBe(0)
  })
})

it.each([
  { maxEntries: 0 },
  { maxEntries: Number.POSITIVE_INFINITY },
  { maxTtlMs: -1 },
  { ttlMs: Number.POSITIVE_INFINITY },
  { negativeTtlMs: '5' },
])('%j is refused at once', (options) => {
  expect(() => cachedResolver(new Source(), options as never)).toThrow(RangeError)
})

it('a misspelt option is refused at once', () => {
  expect(() => cachedResolver(new Source(), { maxTtl: 1 } as never)).toThrow(/maxTtlMs/)
})
