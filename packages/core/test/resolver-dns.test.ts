/** dnsResolver() against a DNS server on loopback; and with it, and a cache, a whole connect to a name. */
import { cachedResolver, dnsResolver, hostsResolver } from '@pollout/core'
import { describe, expect, it } from 'vitest'
import { dnsServer } from './dns-server.js'
import { record, stage } from './harness.js'

const V6 = '2001:db8:0:0:0:0:0:1'
const quick = { timeoutMs: 100, tries: 1 }

describe('dnsResolver()', () => {
  it('asks for each family, and tells for how long the answers hold', async () => {
    const server = await dnsServer((_name, type) =>
      type === 'A'
        ? { ttl: 30, addresses: ['192.0.2.1', '192.0.2.2'] }
        : { ttl: 60, addresses: [V6] },
    )
    const resolver = dnsResolver({ servers: [server.address] })
    expect(await resolver.resolveFamily('peer.test', 'inet')).toEqual([
      { address: '192.0.2.1', ttlMs: 30_000 },
      { address: '192.0.2.2', ttlMs: 30_000 },
    ])
    expect(await resolver.resolveFamily('PEER.test', 'inet6')).toEqual([
      { address: '2001:db8::1', ttlMs: 60_000 },
    ])
    expect(server.questions).toEqual(['peer.test A', 'peer.test AAAA'])
  })

  it('resolve(): both families, IPv6 first', async () => {
    const server = await dnsServer((_name, type) => ({
      ttl: 1,
      addresses: [type === 'A' ? '192.0.2.1' : V6],
    }))
    const found = await dnsResolver({ servers: [server.address] }).resolve('peer.test')
    expect(found).toMatchObject([{ address: '2001:db8::1' }, { address: '192.0.2.1' }])
  })

  it.each([
    ['neither has an address', 0, 0, 'ENODATA'],
    ['there is no such name', 3, 3, 'ENOTFOUND'],
    ['one server failure', 2, 0, 'ESERVFAIL'],
    ['another server failure', 0, 2, 'ESERVFAIL'],
  ])('%s: rejects', async (_what, forA, forAaaa, code) => {
    const server = await dnsServer((_name, type) => ({ code: type === 'A' ? forA : forAaaa }))
    const resolver = dnsResolver({ servers: [server.address], ...quick })
    await expect(resolver.resolve('peer.test')).rejects.toMatchObject({ code })
  })

  it('one family failing is no failure', async () => {
    const server = await dnsServer((_name, type) =>
      type === 'A' ? { ttl: 1, addresses: ['192.0.2.1'] } : { code: 2 },
    )
    const resolver = dnsResolver({ servers: [server.address], ...quick })
    expect(await resolver.resolve('peer.test')).toMatchObject([{ address: '192.0.2.1' }])
  })

  it.each([
    ['A', '192.0.2.1', '192.0.2.1'],
    ['AAAA', V6, '2001:db8::1'],
  ])(
    'a server that answers only for %s: its addresses, well before the other question is given up',
    async (only, said, found) => {
      const server = await dnsServer((name, type) =>
        name === 'peer.test' && type === only ? { ttl: 1, addresses: [said] } : undefined,
      )
      const servers = [server.address]
      const looking = dnsResolver({ servers, timeoutMs: 5_000, tries: 1 }).resolve('peer.test')
      const silence = dnsResolver({ servers, timeoutMs: 2_000, tries: 1 }).resolve('silent.test')
      expect(await Promise.race([looking, silence])).toMatchObject([{ address: found }])
      await expect(silence).rejects.toMatchObject({ code: 'ETIMEOUT' })
    },
  )

  it('no answer in time: ETIMEOUT', async () => {
    const server = await dnsServer(() => undefined)
    const resolver = dnsResolver({ servers: [server.address], ...quick })
    await expect(resolver.resolve('peer.test')).rejects.toMatchObject({ code: 'ETIMEOUT' })
  })

  it('cancel() ends what is under way', async () => {
    const server = await dnsServer(() => undefined)
    const resolver = dnsResolver({ servers: [server.address] })
    const looking = resolver.resolve('peer.test')
    resolver.cancel()
    await expect(looking).rejects.toMatchObject({ code: 'ECANCELLED' })
  })

  it('localhost is this machine, and no server is asked', async () => {
    const server = await dnsServer(() => ({ code: 3 }))
    const resolver = dnsResolver({ servers: [server.address] })
    for (const name of ['localhost', 'LocalHost.', 'app.localhost']) {
      expect(await resolver.resolve(name)).toEqual([{ address: '::1' }, { address: '127.0.0.1' }])
    }
    expect(server.questions).toEqual([])
  })

  it.each([
    [{ timeoutMs: 0 }, RangeError],
    [{ timeoutMs: 1.5 }, RangeError],
    [{ tries: 0 }, RangeError],
    [{ server: ['127.0.0.1'] }, TypeError],
    [{ servers: [] }, TypeError],
    [{ servers: '127.0.0.1' }, TypeError],
    ...[
      ...['nonsense', '', ' 127.0.0.1', '127.0.0', '127.0.0.1:', '127.0.0.1:0', '127.0.0.1:70000'],
      ...['dns.test:53', 'fe80::1%lo', '[fe80::1%lo]:53', '[::1]:0', '[127.0.0.1]:53', '::1:x', 1],
    ].map((server) => [{ servers: ['127.0.0.1', server] }, TypeError] as const),
  ] as const)('%j is refused at once', (options, kind) => {
    expect(() => dnsResolver(options as never)).toThrow(kind)
  })
})

it('takes addresses of either family, with and without a port', () => {
  const servers = ['127.0.0.1', '127.0.0.1:5353', '::1', '[::1]', '[::1]:5353']
  expect(() => dnsResolver({ servers })).not.toThrow()
})

describe('who was asked', () => {
  /** As a look-up that fails tells it, and one that takes too long. */
  async function told(servers: readonly string[]) {
    const resolver = cachedResolver(hostsResolver({}, dnsResolver({ servers, ...quick })))
    const { clock, reactor } = stage({ resolver })
    const failed = record(reactor.connect('tcp://peer.test:80'))
    await expect.poll(() => failed.outcome).not.toBe('open')
    const late = record(reactor.connect('tcp://late.test:80', { timeoutMs: 50 }))
    clock.advance(50)
    return [failed, late].map(({ ended }) => (ended as Error).message)
  }

  it('a server that is not there is named, with the name that it was asked for', async () => {
    // Nobody listens on port 1.
    const [failed, late] = await told(['127.0.0.1:1', '[::1]:1'])
    expect(failed).toMatch(
      /^query(A|Aaaa) ECONNREFUSED tcp:\/\/peer\.test:80: the name peer\.test /,
    )
    expect(failed).toMatch(
      /: DNS servers 127\.0\.0\.1:1, \[::1\]:1 could not be reached, asked for A(AAA)? of peer\.test$/,
    )
    expect(late).toBe(
      'query ETIMEDOUT tcp://late.test:80: no answer within 50 ms from DNS servers 127.0.0.1:1, [::1]:1',
    )
  })

  it('one that is silent, or fails, too', async () => {
    const silent = await dnsServer(() => undefined)
    expect((await told([silent.address]))[0]).toContain(
      `DNS server ${silent.address} did not answer`,
    )
    const failing = await dnsServer(() => ({ code: 2 }))
    expect((await told([failing.address]))[0]).toContain(
      `DNS server ${failing.address} failed at it (SERVFAIL), asked for`,
    )
  })
})

describe('connect() with DNS', () => {
  const NAME = 'tcp://peer.test:80'

  it('a connect begins with the first family that answers, and the cache saves the second look-up', async () => {
    const server = await dnsServer((_name, type) => ({
      ttl: 60,
      addresses: [type === 'A' ? '192.0.2.1' : V6],
    }))
    const resolver = cachedResolver(dnsResolver({ servers: [server.address] }))
    const { script, reactor } = stage({ resolver })
    for (const round of [1, 2]) {
      const connecting = record(reactor.connect(NAME))
      await expect.poll(() => script.sockets.length).toBe(round)
      expect(script.sockets.at(-1)?.connects).toMatchObject([{ address: '2001:db8::1', port: 80 }])
      script.deliverAll(script.open)
      connecting.values[0]?.reset()
    }
    expect(server.questions.toSorted()).toEqual(['peer.test A', 'peer.test AAAA'])
  })

  it.each([
    ['no such name', 3, 'ENOTFOUND', 'the name peer.test has no address'],
    ['no address', 0, 'ENODATA', 'the name peer.test has no address'],
    ['a server failure', 2, 'ESERVFAIL', 'the name peer.test could not be resolved'],
  ])('%s: an error of phase resolve that says so', async (_what, code, name, reason) => {
    const server = await dnsServer(() => ({ code }))
    const servers = [server.address]
    const resolver = hostsResolver({}, dnsResolver({ servers, ...quick }))
    const { reactor } = stage({ resolver })
    const connecting = record(reactor.connect(NAME))
    await expect.poll(() => connecting.outcome).toBe(name)
    expect(connecting.ended).toMatchObject({ phase: 'resolve', localFault: false, attempts: [] })
    expect((connecting.ended as Error).message).toMatch(/^queryA(aaa)? E/)
    expect((connecting.ended as Error).message).toContain(reason)
  })
})
