/** Pace and caps see every connect(2), whatever it comes from; and a wait for them costs no target its time. */
import {
  type ConnectManyOptions,
  ConnectStatus,
  destinationPolicy,
  errno,
  type SocketAddress,
} from '@pollout/core'
import { Subject } from 'rxjs'
import { describe, expect, it } from 'vitest'
import { LANES, microtasks, type Recording, record, type Stage, stage } from './harness.js'

const PENDING = -errno.EINPROGRESS

function addresses(count: number): string[] {
  return Array.from({ length: count }, (_, i) => `192.0.2.${i + 1}`)
}

/** When connect(2) was called; `answer` says how each goes. */
function watchConnects(set: Stage, answer: (to: SocketAddress) => number): number[] {
  const at: number[] = []
  set.script.answers.connect = (_socket, to) => {
    at.push(set.clock.now())
    return answer(to)
  }
  return at
}

async function pass(set: Stage, ms: number, each = (): void => {}): Promise<void> {
  for (let passed = 0; passed <= ms; passed++) {
    set.clock.settle()
    await microtasks()
    set.clock.settle()
    each()
    set.clock.advance(1)
  }
}

async function untilComplete(set: Stage, many: Recording<unknown>, each = (): void => {}) {
  for (let ms = 0; many.outcome === 'open' && ms < 20_000; ms += 50) await pass(set, 49, each)
  expect(many.outcome).toBe('complete')
}

/** No two of them nearer than the pace allows: one may be made up for. */
function expectPace(at: readonly number[], intervalMs: number): void {
  for (const [k, time] of at.entries()) {
    expect(time - (at[0] ?? 0)).toBeGreaterThanOrEqual((k - 1) * intervalMs)
  }
}

describe.each(LANES)('%s', (_lane, bulk) => {
  it('each address of a name, in the order of the pace, and no deadline runs meanwhile', async () => {
    const set = stage({ bulk, resolver: { resolve: async () => addresses(100) } })
    const at = watchConnects(set, () => -errno.ECONNREFUSED)
    const names = ['a', 'b', 'c'].map((name) => `tcp://${name}.test:9`)
    const many = record(set.reactor.connectMany(names, { rate: 10, timeoutMs: 300 }))
    await untilComplete(set, many)
    expect(many.values.map(({ kind }) => kind)).toEqual(['refused', 'refused', 'refused'])
    expect(at).toHaveLength(3 * 16)
    expectPace(at, 100)
    for (const { elapsedMs } of many.values) expect(elapsedMs).toBeLessThan(300)
  })

  it('names and literals together', async () => {
    const set = stage({ bulk, resolver: { resolve: async () => addresses(5) } })
    const at = watchConnects(set, () => -errno.ECONNREFUSED)
    const targets = Array.from({ length: 20 }, (_, i) =>
      i % 2 ? `tcp://n${i}.test:9` : `tcp://198.51.100.${i}:9`,
    )
    const many = record(set.reactor.connectMany(targets, { rate: 100 }))
    await untilComplete(set, many)
    expect(at).toHaveLength(10 + 10 * 5)
    expectPace(at, 10)
  })

  it('what waits at the gate is let in at its time, though a name is held for longer', async () => {
    const set = stage({
      bulk,
      resolver: {
        resolve: () =>
          new Promise((resolve) => set.clock.setTimer(100, () => resolve(['192.0.2.1']))),
      },
    })
    const at = watchConnects(set, () => -errno.ECONNREFUSED)
    const targets = new Subject<string>()
    const many = record(set.reactor.connectMany(targets, { rate: 1 }))
    targets.next('tcp://198.51.100.1:9')
    await pass(set, 499)
    targets.next('tcp://a.test:9')
    // Its look-up is due at 1,500 ms, when the attempt at the other's address is long overdue.
    targets.next('tcp://b.test:9')
    targets.complete()
    await untilComplete(set, many)
    expect(at.map((ms) => Math.round(ms / 50) * 50)).toEqual([0, 1_000, 2_000])
  })

  it('a socket that has connected to itself is replaced at the pace', async () => {
    const set = stage({ bulk })
    const at = watchConnects(set, () => PENDING)
    set.script.answers.finishConnect = ConnectStatus.SELF_CONNECTED
    const many = record(set.reactor.connectMany(['tcp://192.0.2.1:9'], { rate: 10 }))
    await pass(set, 250, () => {
      set.script.deliverAll(set.script.open.filter(({ registration }) => registration))
    })
    expect(at.slice(0, 3)).toEqual([0, 100, 200])
    many.subscription.unsubscribe()
  })

  it('local ports that are taken are gone through at the pace, and in no time of the target', async () => {
    const set = stage({ bulk })
    let calls = 0
    const answer = (): number => (++calls <= 5 ? -errno.EADDRNOTAVAIL : -errno.ECONNREFUSED)
    const at = watchConnects(set, answer)
    const options: ConnectManyOptions = { rate: 10, timeoutMs: 150, localPort: [5_000, 5_009] }
    const many = record(set.reactor.connectMany(['tcp://192.0.2.1:9'], options))
    await untilComplete(set, many)
    expect(many.values).toMatchObject([{ kind: 'refused' }])
    expect(many.values[0]?.elapsedMs).toBeLessThan(150)
    expect(at).toHaveLength(6)
    expectPace(at, 100)
  })
})

it('a full unix backlog is tried again at the pace', async () => {
  const set = stage()
  let calls = 0
  const at = watchConnects(set, () => (++calls <= 5 ? -errno.EAGAIN : -errno.ECONNREFUSED))
  const many = record(set.reactor.connectMany(['unix:/s'], { rate: 10, timeoutMs: 300 }))
  await untilComplete(set, many)
  expect(many.values).toMatchObject([{ kind: 'refused' }])
  expect(at).toHaveLength(6)
  expectPace(at, 100)
})

it.each<[ConnectManyOptions, number]>([
  [{ maxPerHost: 1 }, 1],
  [{ maxPerHost: 2 }, 2],
  [{ maxPerPrefix: 1 }, 1],
  [{ maxPerPrefix: 3 }, 3],
])('%j: names that stand for one address share its place', async (caps, most) => {
  const set = stage({ resolver: { resolve: async () => ['192.0.2.1'] } })
  let peak = 0
  watchConnects(set, () => PENDING)
  const targets = Array.from({ length: 12 }, (_, i) => `tcp://n${i}.test:${i + 1}`)
  const many = record(set.reactor.connectMany(targets, { ...caps, onConnected: 'reset' }))
  await untilComplete(set, many, () => {
    peak = Math.max(peak, set.script.open.length)
    set.script.deliverAll(set.script.open)
  })
  expect(many.values.map(({ kind }) => kind)).toEqual(targets.map(() => 'connected'))
  expect(peak).toBe(most)
})

it('the time between two attempts begins when the first is let in; one that is not wanted any more waits for nobody', async () => {
  const resolver = { resolve: async () => ['192.0.2.1', '192.0.2.2'] }
  const set = stage({ resolver })
  watchConnects(set, () => PENDING)
  const options = { maxPerHost: 1, onConnected: 'reset' } as const
  const many = record(
    set.reactor.connectMany(['tcp://a.test:1', 'tcp://b.test:1', 'tcp://c.test:1'], options),
  )
  await pass(set, 100)
  // One of three has 192.0.2.1, which the others wait for as their first.
  expect(set.script.open).toHaveLength(1)
  await pass(set, 200)
  // Its second address is free, so it has that too.
  expect(set.script.open).toHaveLength(2)
  await untilComplete(set, many, () => set.script.deliverAll(set.script.open.slice(0, 1)))
  expect(many.values.map(({ kind }) => kind)).toEqual(['connected', 'connected', 'connected'])
})

it('a place that was kept for one that is not wanted any more goes to the next', async () => {
  const hosts: Record<string, string[]> = {
    'a.test': ['192.0.2.1'],
    'b.test': ['192.0.2.2', '192.0.2.1'],
    'c.test': ['192.0.2.1'],
  }
  const set = stage({ resolver: { resolve: async (host) => hosts[host] ?? [] } })
  watchConnects(set, () => PENDING)
  const options = { maxPerHost: 1, concurrency: 2, onConnected: 'reset' } as const
  const targets = ['tcp://a.test:1', 'tcp://b.test:1', 'tcp://c.test:1']
  const many = record(set.reactor.connectMany(targets, options))
  // The second address of b waits for a, and c behind it, once b has got its first.
  await pass(set, 300)
  set.script.deliverAll(set.script.open.slice(1))
  await pass(set, 10)
  expect(many.values).toHaveLength(1)
  set.script.deliverAll(set.script.open)
  await untilComplete(set, many, () => set.script.deliverAll(set.script.open))
  expect(many.values.map(({ kind }) => kind)).toEqual(['connected', 'connected', 'connected'])
})

it('who has waited for a place, for longer than its time, still has its time after that', async () => {
  const set = stage({ resolver: { resolve: async () => ['192.0.2.1'] } })
  const at = watchConnects(set, () => PENDING)
  const targets = ['tcp://a.test:1', 'tcp://b.test:1', 'tcp://c.test:1']
  const many = record(set.reactor.connectMany(targets, { maxPerHost: 1, timeoutMs: 100 }))
  await untilComplete(set, many)
  expect(many.values.map(({ kind }) => kind)).toEqual(['timed-out', 'timed-out', 'timed-out'])
  expect(at).toHaveLength(3)
})

it('a deadline that came while it waited for the pace is not forgotten', async () => {
  const set = stage()
  let calls = 0
  const at = watchConnects(set, () => (++calls <= 3 ? -errno.EAGAIN : PENDING))
  const many = record(set.reactor.connectMany(['unix:/s'], { rate: 10, timeoutMs: 150 }))
  await untilComplete(set, many)
  expect(many.values).toMatchObject([{ kind: 'timed-out' }])
  expect(at).toHaveLength(4)
})

it('cancelled with attempts that wait: nothing is left', async () => {
  const set = stage({ resolver: { resolve: async () => addresses(9) } })
  const at = watchConnects(set, () => -errno.ECONNREFUSED)
  const targets = ['tcp://a.test:1', 'tcp://b.test:1']
  const many = record(set.reactor.connectMany(targets, { rate: 1, maxPerHost: 1 }))
  await pass(set, 1_500)
  many.subscription.unsubscribe()
  await pass(set, 5_000)
  expect(at).toHaveLength(2)
})

describe('maxAddresses', () => {
  it.each([
    [undefined, 16],
    [3, 3],
    [1, 1],
  ])('%s: so many are tried', async (maxAddresses, wanted) => {
    const set = stage({ resolver: { resolve: async () => addresses(100) } })
    const at = watchConnects(set, () => -errno.ECONNREFUSED)
    const connecting = record(set.reactor.connect('tcp://peer.test:80', { maxAddresses }))
    await pass(set, 5)
    expect(connecting.outcome).toBe('ECONNREFUSED')
    expect(at).toHaveLength(wanted)
  })

  it('denied ones are not counted', async () => {
    const set = stage({ resolver: { resolve: async () => addresses(100) } })
    const at = watchConnects(set, () => -errno.ECONNREFUSED)
    const policy = destinationPolicy({ deny: ['192.0.2.0/27'] })
    const options = { maxAddresses: 4, policy }
    const connecting = record(set.reactor.connect('tcp://peer.test:80', options))
    await pass(set, 5)
    expect(connecting.outcome).toBe('ECONNREFUSED')
    expect(at).toHaveLength(4)
  })

  it('0 is refused at once', () => {
    expect(() => stage().reactor.connect('tcp://a.test:1', { maxAddresses: 0 })).toThrow(/from 1/)
  })
})
