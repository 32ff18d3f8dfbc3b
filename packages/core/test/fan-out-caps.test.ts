/** Caps per host and per prefix: nobody over them, nobody else held up, and everybody gets there. */
import type { ConnectManyOptions } from '@pollout/core'
import { describe, expect, it } from 'vitest'
import { LANES, record, type Stage, stage } from './harness.js'

/** Connects one random socket after the other, and tells how many were open at once, by key. */
function most(
  set: Stage,
  targets: string[],
  options: ConnectManyOptions,
  keyOf: (host: string) => string,
) {
  const { script, clock, reactor } = set
  const many = record(reactor.connectMany(targets, { onConnected: 'reset', ...options }))
  const peaks = new Map<string, number>()
  let together = 0
  for (let step = 0; step < 5_000 && many.outcome === 'open'; step++) {
    clock.settle()
    const counts = new Map<string, number>()
    together = Math.max(together, script.open.length)
    for (const { connects } of script.open) {
      const [to] = connects
      const key = to && 'address' in to ? keyOf(to.address) : ''
      counts.set(key, (counts.get(key) ?? 0) + 1)
    }
    for (const [key, count] of counts) peaks.set(key, Math.max(peaks.get(key) ?? 0, count))
    script.deliverAll(script.open.slice(0, 3))
  }
  expect(many.outcome).toBe('complete')
  expect(many.values).toHaveLength(targets.length)
  expect(new Set(many.values.map(({ target }) => target)).size).toBe(targets.length)
  return { peaks, together }
}

describe.each(LANES)('%s', (_lane, bulk) => {
  it('maxPerHost: whatever the port', () => {
    const targets = Array.from({ length: 300 }, (_, i) => `tcp://192.0.2.${i % 3}:${i + 1}`)
    const { peaks } = most(stage({ bulk }), targets, { maxPerHost: 4 }, (host) => host)
    expect([...peaks.values()]).toEqual([4, 4, 4])
  })

  it('an IPv4 address is one host and in one network, also where it is written as an IPv6 one', () => {
    const hosts = ['192.0.2.1', '[::ffff:192.0.2.1]', '[::ffff:c000:201]']
    const targets = Array.from({ length: 60 }, (_, i) => `tcp://${hosts[i % 3]}:${i + 1}`)
    for (const caps of [{ maxPerHost: 4 }, { maxPerPrefix: 4 }]) {
      expect(most(stage({ bulk }), targets, caps, () => 'all').peaks).toEqual(new Map([['all', 4]]))
    }
  })

  it('maxPerPrefix: 24 bits of IPv4, 48 of IPv6', () => {
    const targets = Array.from({ length: 400 }, (_, i) =>
      i % 2
        ? `tcp://10.0.${i % 8}.${i % 250}:${i + 1}`
        : `tcp://[2001:db8:${i % 8}::${i}]:${i + 1}`,
    )
    const keyOf = (host: string): string => host.split(/[.:]/).slice(0, 3).join('.')
    const { peaks, together } = most(stage({ bulk }), targets, { maxPerPrefix: 5 }, keyOf)
    expect(peaks.size).toBe(8)
    expect([...peaks.values()]).toEqual(Array(8).fill(5))
    expect(together).toBe(40)
  })

  it.each([
    [{ inet: 9 }, 'tcp://10.0.0.1:1', 'tcp://10.127.0.1:2', 'tcp://10.128.0.1:3'],
    [{ inet: 32 }, 'tcp://10.0.0.1:1', 'tcp://10.0.0.1:2', 'tcp://10.0.0.2:3'],
    [{ inet6: 1 }, 'tcp://[::1]:1', 'tcp://[7fff::1]:2', 'tcp://[8000::1]:3'],
    [
      { inet6: 33 },
      'tcp://[2001:db8::1]:1',
      'tcp://[2001:db8:7fff::1]:2',
      'tcp://[2001:db8:8000::1]:3',
    ],
    [{ inet6: 128 }, 'tcp://[::1]:1', 'tcp://[::1]:2', 'tcp://[::2]:3'],
  ])(
    'prefixLengths %j: the first two together, the third apart',
    (prefixLengths: ConnectManyOptions['prefixLengths'], ...targets: string[]) => {
      const { script, clock, reactor } = stage({ bulk })
      const many = record(
        reactor.connectMany(targets, { maxPerPrefix: 1, prefixLengths, onConnected: 'reset' }),
      )
      clock.settle()
      const ports = script.open.map(({ connects: [to] }) => to && 'port' in to && to.port)
      expect(ports).toEqual([1, 3])
      while (script.open.length > 0) {
        script.deliverAll(script.open)
        clock.settle()
      }
      expect(many.outcome).toBe('complete')
    },
  )

  it('both at once, and one host that has all the turns', () => {
    const targets = Array.from({ length: 300 }, (_, i) => `tcp://192.0.2.${i % 5 ? 1 : i}:${i + 1}`)
    const options = { maxPerHost: 2, maxPerPrefix: 6, concurrency: 50 }
    const { peaks } = most(stage({ bulk }), targets, options, (host) => host)
    expect(Math.max(...peaks.values())).toBe(2)
  })

  it('a host over its cap holds nobody up; the source waits when 10,000 wait', () => {
    let pulled = 0
    function* source() {
      for (;;) {
        pulled++
        yield { scheme: 'tcp', host: pulled % 50 ? '192.0.2.1' : '192.0.2.2', port: 80 } as const
      }
    }
    const { script, clock, reactor } = stage({ bulk })
    const many = record(reactor.connectMany(source(), { maxPerHost: 1, concurrency: 100 }))
    clock.settle()
    expect(script.open).toHaveLength(2)
    expect(pulled).toBeGreaterThan(10_000)
    expect(pulled).toBeLessThan(10_010)
    many.subscription.unsubscribe()
  })
})

it('names are hosts of their own, besides what they stand for', async () => {
  const resolver = {
    resolve: async (host: string) => [host === 'b.test' ? '198.51.100.1' : '192.0.2.2'],
  }
  const { script, clock, reactor } = stage({ resolver })
  const targets = ['tcp://a.test:1', 'tcp://A.test:2', 'tcp://b.test:3', 'tcp://192.0.2.1:4']
  const many = record(
    reactor.connectMany(targets, { maxPerHost: 1, maxPerPrefix: 1, onConnected: 'reset' }),
  )
  for (let i = 0; i < 20; i++) {
    clock.settle()
    await Promise.resolve()
  }
  const ports = script.open.map(({ connects: [to] }) => to && 'port' in to && to.port)
  // One a name, and one a network: whoever of a.test and 192.0.2.1 came first.
  expect(ports.sort()).toEqual([3, 4])
  many.subscription.unsubscribe()
})

it.each([
  { maxPerHost: 0 },
  { maxPerPrefix: 1.5 },
  { prefixLengths: { inet: 0 } },
  { prefixLengths: { inet6: 129 } },
  { prefixLengths: { inet4: 8 } },
  { adaptive: 1 },
])('%j is thrown at once', (options) => {
  expect(() => stage().reactor.connectMany([], options as ConnectManyOptions)).toThrow(
    /must be|no option/,
  )
})
