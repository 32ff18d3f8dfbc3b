/** RFC 8305's cases on a scripted backend and virtual time: when each address is tried, and who wins. */
import type { Connection, Resolver } from '@pollout/core'
import { describe, expect, it } from 'vitest'
import { microtasks, record, stage } from './harness.js'
import { type Scene, SlowResolver, scene, slowScene, whole } from './race-scene.js'

const [V6, V6B] = ['2001:db8::1', '2001:db8::2'] as const
const [V4, V4B] = ['192.0.2.1', '192.0.2.2'] as const

interface Expected {
  readonly starts: readonly string[]
  /** `complete`, or a code. */
  readonly outcome: string
  /** Its end on the clock. */
  readonly at: number
  /** `address result`, as they ended. */
  readonly told: readonly string[]
}

/** Runs to the end, at most 2 s, and closes what connected. */
async function run(set: Scene, options = {}): Promise<Expected> {
  const connecting = set.connect({ timeoutMs: 1_000, ...options })
  let at = Number.NaN
  for (let ms = 0; ms < 2_000 && Number.isNaN(at); ms++) {
    await set.pass(ms === 0 ? 0 : 1)
    if (connecting.outcome !== 'open') at = set.clock.now()
  }
  const [connection] = connecting.values as Connection[]
  connection?.reset()
  return { starts: set.starts, outcome: connecting.outcome, at, told: set.told }
}

const nothing = (): Error => Object.assign(new Error('no data'), { code: 'ENODATA' })
const servfail = (): Error => Object.assign(new Error('servfail'), { code: 'ESERVFAIL' })

describe('a race', () => {
  const cases: readonly (readonly [
    string,
    () => Scene,
    Expected,
    { attemptDelayMs?: number; timeoutMs?: number }?,
  ])[] = [
    [
      'IPv6 works: IPv4 is not tried',
      () => scene(whole(V6, V4), { [V6]: ['connects', 20], [V4]: ['connects', 1] }),
      { starts: [`${V6} @0`], outcome: 'complete', at: 20, told: [`${V6} connected`] },
    ],
    [
      'IPv6 is broken: connected within the stagger and one round trip',
      () => scene(whole(V6, V4), { [V4]: ['connects', 10] }),
      {
        starts: [`${V6} @0`, `${V4} @250`],
        outcome: 'complete',
        at: 260,
        told: [`${V6} ABORT_ERR`, `${V4} connected`],
      },
    ],
    [
      'IPv6 is slow, but faster than IPv4: it is not given up',
      () => scene(whole(V6, V4), { [V6]: ['connects', 300], [V4]: ['connects', 100] }),
      {
        starts: [`${V6} @0`, `${V4} @250`],
        outcome: 'complete',
        at: 300,
        told: [`${V6} connected`, `${V4} ABORT_ERR`],
      },
    ],
    [
      'the first is very slow and the only one that works: it is not given up either',
      () =>
        scene(whole(V6, V4, V6B), {
          [V6]: ['connects', 900],
          [V4]: ['ECONNREFUSED', 5],
          [V6B]: ['EHOSTUNREACH', 5],
        }),
      {
        starts: [`${V6} @0`, `${V4} @250`, `${V6B} @255`],
        outcome: 'complete',
        at: 900,
        told: [`${V4} ECONNREFUSED`, `${V6B} EHOSTUNREACH`, `${V6} connected`],
      },
    ],
    [
      'IPv6 is refused: the next at once',
      () => scene(whole(V6, V4), { [V6]: ['ECONNREFUSED', 7], [V4]: ['connects', 10] }),
      {
        starts: [`${V6} @0`, `${V4} @7`],
        outcome: 'complete',
        at: 17,
        told: [`${V6} ECONNREFUSED`, `${V4} connected`],
      },
    ],
    [
      'no route for IPv6, told inside of connect(2): the next at once',
      () => scene(whole(V6, V4), { [V6]: 'ENETUNREACH', [V4]: ['connects', 10] }),
      {
        starts: [`${V6} @0`, `${V4} @0`],
        outcome: 'complete',
        at: 10,
        told: [`${V6} ENETUNREACH`, `${V4} connected`],
      },
    ],
    [
      'IPv4 only, and the first of them is silent',
      () => scene(whole(V4, V4B), { [V4B]: ['connects', 10] }),
      {
        starts: [`${V4} @0`, `${V4B} @250`],
        outcome: 'complete',
        at: 260,
        told: [`${V4} ABORT_ERR`, `${V4B} connected`],
      },
    ],
    [
      'a stagger of its own',
      () => scene(whole(V6, V4), { [V4]: ['connects', 10] }),
      {
        starts: [`${V6} @0`, `${V4} @40`],
        outcome: 'complete',
        at: 50,
        told: [`${V6} ABORT_ERR`, `${V4} connected`],
      },
      { attemptDelayMs: 40 },
    ],
    [
      'no stagger at all: only a failure lets the next begin',
      () => scene(whole(V6, V4), { [V6]: ['ETIMEDOUT', 600], [V4]: ['connects', 10] }),
      {
        starts: [`${V6} @0`, `${V4} @600`],
        outcome: 'complete',
        at: 610,
        told: [`${V6} ETIMEDOUT`, `${V4} connected`],
      },
      { attemptDelayMs: Number.POSITIVE_INFINITY },
    ],
    [
      'the stagger starts anew with each attempt',
      () => scene(whole(V6, V4, V6B), { [V6]: ['ECONNREFUSED', 100], [V6B]: ['connects', 10] }),
      {
        starts: [`${V6} @0`, `${V4} @100`, `${V6B} @350`],
        outcome: 'complete',
        at: 360,
        told: [`${V6} ECONNREFUSED`, `${V4} ABORT_ERR`, `${V6B} connected`],
      },
    ],
    [
      'all fail fast, in a cascade: the first refusal is told',
      () =>
        scene(whole(V6, V6B, V4, V4B), {
          [V6]: 'ENETUNREACH',
          [V4]: ['ECONNREFUSED', 1],
          [V6B]: 'ENETUNREACH',
          [V4B]: ['ECONNRESET', 2],
        }),
      {
        starts: [`${V6} @0`, `${V4} @0`, `${V6B} @1`, `${V4B} @1`],
        outcome: 'ECONNREFUSED',
        at: 3,
        told: [
          `${V6} ENETUNREACH`,
          `${V4} ECONNREFUSED`,
          `${V6B} ENETUNREACH`,
          `${V4B} ECONNRESET`,
        ],
      },
    ],
    [
      'all fail slowly, one after the other',
      () => scene(whole(V6, V4), { [V6]: ['EHOSTUNREACH', 700], [V4]: ['ECONNREFUSED', 500] }),
      {
        starts: [`${V6} @0`, `${V4} @250`],
        outcome: 'ECONNREFUSED',
        at: 750,
        told: [`${V6} EHOSTUNREACH`, `${V4} ECONNREFUSED`],
      },
    ],
    [
      'the deadline ends all of them, and says so although one was refused',
      () => scene(whole(V6, V4, V6B), { [V4]: ['ECONNREFUSED', 1] }),
      {
        starts: [`${V6} @0`, `${V4} @250`, `${V6B} @251`],
        outcome: 'ETIMEDOUT',
        at: 400,
        told: [`${V4} ECONNREFUSED`, `${V6} ETIMEDOUT`, `${V6B} ETIMEDOUT`],
      },
      { timeoutMs: 400 },
    ],
    [
      'the deadline before the stagger: the second is never tried',
      () => scene(whole(V6, V4), { [V4]: ['connects', 1] }),
      { starts: [`${V6} @0`], outcome: 'ETIMEDOUT', at: 90, told: [`${V6} ETIMEDOUT`] },
      { timeoutMs: 90 },
    ],
    [
      'AAAA comes first: A is not waited for',
      () => slowScene(new SlowResolver([5, [V6]], [100, [V4]]), { [V6]: ['connects', 10] }),
      { starts: [`${V6} @5`], outcome: 'complete', at: 15, told: [`${V6} connected`] },
    ],
    [
      'AAAA comes first and is broken: A joins, after the stagger',
      () => slowScene(new SlowResolver([5, [V6]], [100, [V4]]), { [V4]: ['connects', 10] }),
      {
        starts: [`${V6} @5`, `${V4} @255`],
        outcome: 'complete',
        at: 265,
        told: [`${V6} ABORT_ERR`, `${V4} connected`],
      },
    ],
    [
      'AAAA is a little late: IPv6 is tried first',
      () => slowScene(new SlowResolver([40, [V6]], [5, [V4]]), { [V6]: ['connects', 10] }),
      { starts: [`${V6} @40`], outcome: 'complete', at: 50, told: [`${V6} connected`] },
    ],
    [
      'AAAA is later than the resolution delay: IPv4 begins, IPv6 is next',
      () => slowScene(new SlowResolver([100, [V6]], [5, [V4, V4B]]), { [V6]: ['connects', 10] }),
      {
        starts: [`${V4} @55`, `${V6} @305`],
        outcome: 'complete',
        at: 315,
        told: [`${V4} ABORT_ERR`, `${V6} connected`],
      },
    ],
    [
      'there is no AAAA: IPv4 begins as soon as that is known',
      () => slowScene(new SlowResolver([20, nothing()], [5, [V4]]), { [V4]: ['connects', 10] }),
      { starts: [`${V4} @20`], outcome: 'complete', at: 30, told: [`${V4} connected`] },
    ],
    [
      'there is no AAAA, and that is known first: one address, and no delay',
      () => slowScene(new SlowResolver([1, nothing()], [5, [V4]]), { [V4]: ['connects', 10] }),
      { starts: [`${V4} @5`], outcome: 'complete', at: 15, told: [`${V4} connected`] },
    ],
    [
      'AAAA never comes: IPv4 wins all the same',
      () => slowScene(new SlowResolver([9_999, [V6]], [5, [V4]]), { [V4]: ['connects', 10] }),
      { starts: [`${V4} @55`], outcome: 'complete', at: 65, told: [`${V4} connected`] },
    ],
    [
      'A is refused, AAAA comes after that: at once',
      () =>
        slowScene(new SlowResolver([300, [V6]], [5, [V4]]), {
          [V4]: ['ECONNREFUSED', 5],
          [V6]: ['connects', 10],
        }),
      {
        starts: [`${V4} @55`, `${V6} @300`],
        outcome: 'complete',
        at: 310,
        told: [`${V4} ECONNREFUSED`, `${V6} connected`],
      },
    ],
    [
      'A is refused, AAAA fails after that',
      () =>
        slowScene(new SlowResolver([300, servfail()], [5, [V4]]), {
          [V4]: ['ECONNREFUSED', 5],
        }),
      { starts: [`${V4} @55`], outcome: 'ECONNREFUSED', at: 300, told: [`${V4} ECONNREFUSED`] },
    ],
    [
      'neither family has an address: what failed is told, not what there is none of',
      () => slowScene(new SlowResolver([5, servfail()], [9, nothing()]), {}),
      { starts: [], outcome: 'ESERVFAIL', at: 9, told: [] },
    ],
  ]

  for (const [name, make, expected, options] of cases) {
    it(name, async () => {
      expect(await run(make(), options)).toEqual(expected)
    })
  }

  it('many addresses: all in flight, none given up, the last wins', async () => {
    const addresses = Array.from({ length: 40 }, (_, i) => `192.0.2.${i + 1}`)
    const last = addresses.at(-1) as string
    const set = scene(whole(...addresses), { [last]: ['connects', 5] })
    const { outcome, at, told } = await run(set, { attemptDelayMs: 10, maxAddresses: 40 })
    expect([outcome, at, told.length]).toEqual(['complete', 395, 40])
    expect(set.starts.map((start) => start.split(' ')[0])).toEqual(addresses)
    expect(set.script.sockets.filter(({ closed }) => closed === 'reset')).toHaveLength(40)
  })

  it('one timer runs between attempts, and none once all have begun', async () => {
    const set = scene(whole(V6, V4, V6B), {})
    const connecting = set.connect({ attemptDelayMs: 10 })
    const deadlines: number[] = []
    for (let i = 0; i < 3; i++) {
      await set.pass(i === 0 ? 0 : 10)
      deadlines.push(set.reactor.stats().deadlines)
    }
    // The connect's own is one of them.
    expect([set.starts.length, deadlines]).toEqual([3, [2, 2, 1]])
    connecting.subscription.unsubscribe()
  })

  it('a stalled loop starts nothing that is not needed: what is ready is looked at first', async () => {
    const set = scene(whole(V6, V4), {})
    const connecting = set.connect()
    await set.pass(0)
    set.clock.stall(300)
    set.script.ready(set.script.sockets[0])
    set.clock.turn()
    expect([connecting.outcome, set.starts]).toEqual(['complete', [`${V6} @0`]])
    ;(connecting.values[0] as Connection).reset()
  })
})

it('a backend without IPv6 sockets: nobody is asked for IPv6 addresses', async () => {
  const asked: string[] = []
  const resolver: Resolver = {
    resolve: async () => [],
    resolveFamily: async (_host, family) => {
      asked.push(family)
      return [V4]
    },
  }
  const sockets = { inet: ['stream'], inet6: [], unix: [], vsock: [] } as const
  const { script, reactor } = stage({ resolver, capabilities: { sockets } })
  const connecting = record(reactor.connect('tcp://peer.test:80'))
  await microtasks()
  script.deliverAll(script.open)
  expect([asked, connecting.outcome]).toEqual([['inet'], 'complete'])
  connecting.values[0]?.reset()
})
