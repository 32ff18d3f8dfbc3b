/** Look-ups that wait for their turn: nobody's time, no deadline; and those that nobody waits for any more are called off. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  type Addresses,
  boundedResolver,
  type ConnectError,
  cachedResolver,
  dnsResolver,
  hostsFileResolver,
  type LookUpContext,
  type Resolver,
  systemClock,
} from '@pollout/core'
import { manualClock } from '@pollout/testing'
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import { LocalNames } from '../src/names/hosts-file.js'
import { LookUpQueue } from '../src/names/look-up-queue.js'
import { candidates, parse } from '../src/names/search-list.js'
import { dnsServer } from './dns-server.js'
import { microtasks, record, stage } from './harness.js'

/** Answers when the test says so. */
class ByHand implements Resolver {
  readonly asked: string[] = []
  readonly calledOff: string[] = []
  readonly #answers = new Map<string, (addresses: Addresses) => void>()

  resolve(host: string, context?: LookUpContext): Promise<Addresses> {
    this.asked.push(host)
    context?.signal.addEventListener('abort', () => this.calledOff.push(host))
    return new Promise((resolve) => this.#answers.set(host, resolve))
  }

  async answer(host: string, ...addresses: string[]): Promise<void> {
    this.#answers.get(host)?.(addresses)
    await microtasks()
  }
}

const wrappers: readonly (readonly [string, (resolver: Resolver) => Resolver])[] = [
  ['bare', (resolver) => resolver],
  ['behind a cache', (resolver) => cachedResolver(resolver)],
  ['behind a hosts file', hostsFileResolver],
]

describe.each(wrappers)('one look-up at a time, %s', (_how, wrap) => {
  function set() {
    const source = new ByHand()
    const resolver = wrap(boundedResolver(source, { concurrency: 1 }))
    return { source, ...stage({ resolver }) }
  }

  it('a deadline begins with the look-up, and so does the time that is told', async () => {
    const { source, clock, reactor } = set()
    const first = record(reactor.connect('tcp://first.test:80', { timeoutMs: 50 }))
    const second = record(reactor.connect('tcp://second.test:80', { timeoutMs: 50 }))
    await microtasks()
    clock.advance(49)
    await source.answer('first.test', '192.0.2.1')
    await microtasks()
    expect(source.asked).toEqual(['first.test', 'second.test'])
    clock.advance(49)
    expect([first.outcome, second.outcome]).toEqual(['ETIMEDOUT', 'open'])
    clock.advance(1)
    const error = second.ended as ConnectError
    expect(error).toMatchObject({ code: 'ETIMEDOUT', phase: 'resolve', localFault: false })
    expect(error.timeline).toMatchObject({ queuedAt: 0, startedAt: 49, queuedMs: 49 })
  })

  it('connectMany(): however long they wait, all get there', async () => {
    const { source, script, clock, reactor } = set()
    const names = Array.from({ length: 20 }, (_, i) => `name${i}.test`)
    const targets = names.map((name) => `tcp://${name}:80`)
    const many = record(reactor.connectMany(targets, { timeoutMs: 50, onConnected: 'reset' }))
    for (const name of names) {
      clock.settle()
      await microtasks()
      clock.advance(40)
      await source.answer(name, '192.0.2.1')
      clock.settle()
      script.deliverAll(script.open)
    }
    clock.settle()
    expect(many.values.map(({ kind }) => kind)).toEqual(names.map(() => 'connected'))
    for (const { elapsedMs } of many.values) expect(elapsedMs).toBe(40)
  })

  it('one that is left while it waits is never made, and holds up nobody', async () => {
    const { source, clock, reactor } = set()
    const first = record(reactor.connect('tcp://first.test:80'))
    const second = record(reactor.connect('tcp://second.test:80'))
    const third = record(reactor.connect('tcp://third.test:80'))
    await microtasks()
    second.subscription.unsubscribe()
    await source.answer('first.test', '192.0.2.1')
    expect(source.asked).toEqual(['first.test', 'third.test'])
    clock.settle()
    for (const { subscription } of [first, third]) subscription.unsubscribe()
  })

  it('one that is left while it is made is called off', async () => {
    const { source, reactor } = set()
    const connecting = record(reactor.connect('tcp://peer.test:80'))
    await microtasks()
    expect(source.calledOff).toEqual([])
    connecting.subscription.unsubscribe()
    expect(source.calledOff).toEqual(['peer.test'])
  })
})

describe('equal look-ups', () => {
  it('are called off when the last has left, and not joined after that', async () => {
    const source = new ByHand()
    const { reactor } = stage({ resolver: cachedResolver(source) })
    const both = [1, 2].map((port) => record(reactor.connect(`tcp://peer.test:${port}`)))
    await microtasks()
    both[0]?.subscription.unsubscribe()
    expect(source.calledOff).toEqual([])
    both[1]?.subscription.unsubscribe()
    expect(source.calledOff).toEqual(['peer.test'])
    const again = record(reactor.connect('tcp://peer.test:3'))
    await microtasks()
    expect(source.asked).toHaveLength(2)
    again.subscription.unsubscribe()
  })

  it('one that joins a look-up which waits has as much time as the other', async () => {
    const source = new ByHand()
    const resolver = cachedResolver(boundedResolver(source, { concurrency: 1 }))
    const { clock, reactor } = stage({ resolver })
    const first = record(reactor.connect('tcp://first.test:80'))
    const waiting = record(reactor.connect('tcp://peer.test:1', { timeoutMs: 50 }))
    await microtasks()
    clock.advance(30)
    const joined = record(reactor.connect('tcp://peer.test:2', { timeoutMs: 50 }))
    await microtasks()
    clock.advance(60)
    expect([waiting.outcome, joined.outcome]).toEqual(['open', 'open'])
    await source.answer('first.test', '192.0.2.1')
    await microtasks()
    clock.advance(50)
    expect([waiting.outcome, joined.outcome]).toEqual(['ETIMEDOUT', 'ETIMEDOUT'])
    first.subscription.unsubscribe()
  })
})

it('a queue in which nothing is answered gives up those that wait, and not the one that is made', async () => {
  const queue = new LookUpQueue({ most: 1, patienceMs: 20 })
  let isMade = false
  void queue.run(() => new Promise(() => {}), undefined)
  const waiting = queue.run(async () => {
    isMade = true
  }, undefined)
  await expect(waiting).rejects.toMatchObject({ code: 'ERR_RESOLVER_STUCK' })
  expect(isMade).toBe(false)
})

it.each([
  ['ENOTFOUND', 'an answer too, and it goes on', 'ENOTFOUND'],
  ['ETIMEOUT', 'none, and the others are given up', 'ERR_RESOLVER_STUCK'],
])('a queue in which look-ups end in %s: that is %s', async (code, _, last) => {
  const clock = manualClock()
  vi.spyOn(systemClock, 'now').mockImplementation(() => clock.now())
  vi.spyOn(systemClock, 'setTimer').mockImplementation((ms, then) => clock.setTimer(ms, then))
  onTestFinished(() => void vi.restoreAllMocks())
  const queue = new LookUpQueue({ most: 1, patienceMs: 100 })
  const failure = Object.assign(new Error('no'), { code })
  const look = (): Promise<never> =>
    new Promise((_, reject) => clock.setTimer(60, () => reject(failure)))
  const codes = Array.from({ length: 5 }, () =>
    queue.run(look, undefined).catch((error: { code: string }) => error.code),
  )
  for (let ms = 0; ms < 500; ms += 10) {
    await microtasks()
    clock.advance(10)
  }
  const told = await Promise.all(codes)
  expect([told[0], told.at(-1)]).toEqual([code, last])
})

it('a look-up that could not be made, as the resolver answers nobody: no fault of this side', async () => {
  const stuck = Object.assign(new Error('no'), { code: 'ERR_RESOLVER_STUCK' })
  const { clock, reactor } = stage({ resolver: { resolve: () => Promise.reject(stuck) } })
  const many = record(reactor.connectMany(['tcp://peer.test:80']))
  clock.settle()
  await microtasks()
  clock.settle()
  // As one that was made, and is not answered: it waits for the same servers.
  expect(many.values).toMatchObject([{ kind: 'other', localFault: false, phase: 'resolve' }])
})

describe('dnsResolver()', () => {
  it('a connect that has ended calls its question off, which makes room for the next', async () => {
    const server = await dnsServer((name) =>
      name === 'silent.test' ? undefined : { ttl: 1, addresses: ['192.0.2.1'] },
    )
    const resolver = dnsResolver({ servers: [server.address], concurrency: 1 })
    const { clock, script, reactor } = stage({ resolver })
    const silent = record(reactor.connect('tcp://silent.test:80', { timeoutMs: 50 }))
    await expect.poll(() => server.questions.length).toBe(1)
    const next = record(reactor.connect('tcp://next.test:80'))
    clock.advance(50)
    expect(silent.outcome).toBe('ETIMEDOUT')
    await expect.poll(() => script.sockets.length, { timeout: 20_000 }).toBe(1)
    next.subscription.unsubscribe()
    expect(server.questions.some((question) => question.startsWith('next.test'))).toBe(true)
  })

  it('no more questions at once than asked for', async () => {
    let most = 0
    let now = 0
    const server = await dnsServer(() => {
      most = Math.max(most, ++now)
      setImmediate(() => now--)
      return { ttl: 1, addresses: ['192.0.2.1'] }
    })
    const resolver = dnsResolver({ servers: [server.address], concurrency: 2 })
    await Promise.all(
      Array.from({ length: 20 }, (_, i) => resolver.resolveFamily(`n${i}.test`, 'inet')),
    )
    expect(server.questions).toHaveLength(20)
    expect(most).toBeLessThanOrEqual(2)
  })

  it.each([{ concurrency: 0 }, { systemFiles: 1 }])('%j is refused at once', (options) => {
    expect(() => dnsResolver(options as never)).toThrow(/must be/)
  })
})

describe('the names that this machine knows by itself', () => {
  function files() {
    const folder = mkdtempSync(join(tmpdir(), 'pollout-names-'))
    onTestFinished(() => rmSync(folder, { recursive: true }))
    const [hosts, nsswitch] = [join(folder, 'hosts'), join(folder, 'nsswitch.conf')] as const
    return { hosts, nsswitch, names: new LocalNames(hosts, nsswitch) }
  }

  it('are those of the hosts file as it is now', () => {
    const { hosts, names } = files()
    expect(names.addresses('db.test')).toBeUndefined()
    writeFileSync(hosts, '192.0.2.1 db.test DB # db.old\n#192.0.2.9 db.test\nnonsense x.test\n')
    expect(names.addresses('DB.test.')).toEqual(['192.0.2.1'])
    expect(names.addresses('db')).toEqual(['192.0.2.1'])
    for (const name of ['db.old', 'x.test']) expect(names.addresses(name)).toBeUndefined()
    writeFileSync(
      hosts,
      '192.0.2.2\tdb.test\n192.0.2.3 db.test\n2001:db8::1 db.test\nfd00::1 db.test',
    )
    expect(names.addresses('db.test')).toEqual(['2001:db8::1', '192.0.2.2', '192.0.2.3', 'fd00::1'])
    rmSync(hosts)
    expect(names.addresses('db.test')).toBeUndefined()
  })

  it('localhost and what is below it, unless the file says otherwise', () => {
    const { hosts, names } = files()
    for (const name of ['localhost', 'LOCALHOST.', 'app.localhost']) {
      expect(names.addresses(name)).toEqual(['::1', '127.0.0.1'])
    }
    writeFileSync(hosts, '127.0.0.1 localhost\n')
    expect(names.addresses('localhost')).toEqual(['127.0.0.1'])
    expect(names.addresses('notlocalhost')).toBeUndefined()
  })

  it.each([
    ['', true],
    ['hosts: files dns', true],
    ['passwd: ldap\nhosts:  files mdns4_minimal [NOTFOUND=return] dns # files', true],
    ['hosts: mymachines resolve [!UNAVAIL=return] files myhostname dns', true],
    ['hosts: dns files', false],
    ['hosts: mdns4 files dns', false],
    ['hosts: dns', false],
  ])('nsswitch.conf with %j: the hosts file comes first: %s', (text, isFirst) => {
    const { hosts, nsswitch, names } = files()
    writeFileSync(hosts, '192.0.2.1 db.test')
    writeFileSync(nsswitch, text)
    expect(names.addresses('db.test') !== undefined).toBe(isFirst)
  })
})

describe('the search list', () => {
  it.each([
    ['search a.test b.test', 'db', ['db.a.test', 'db.b.test', 'db']],
    ['search a.test b.test', 'db.x', ['db.x', 'db.x.a.test', 'db.x.b.test']],
    ['search a.test\noptions timeout:1 ndots:2', 'db.x', ['db.x.a.test', 'db.x']],
    ['search a.test\nsearch b.test.', 'db', ['db.b.test', 'db']],
    ['domain a.test c.test', 'db', ['db.a.test', 'db']],
    ['# search a.test\n;search a.test\nsearch .', 'db', ['db']],
    ['search a.test', 'db.', ['db']],
  ])('%j: %s is %j', (text, name, wanted) => {
    expect(candidates(name, parse(text))).toEqual(wanted)
  })
})
