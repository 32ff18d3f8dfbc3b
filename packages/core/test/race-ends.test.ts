/** The ends of a race: winners, deadlines, cancellations and exhaustion in the middle of it; and options that are none. */
import type { ConnectError, Connection } from '@pollout/core'
import { describe, expect, it } from 'vitest'
import { type Conduct, type Scene, SlowResolver, scene, slowScene, whole } from './race-scene.js'

const [V6, V6B] = ['2001:db8::1', '2001:db8::2'] as const
const [V4, V4C] = ['192.0.2.1', '192.0.2.3'] as const

describe('the end of a race', () => {
  const silent: Readonly<Record<string, Conduct>> = {}

  async function twoInFlight(): Promise<Scene> {
    const set = scene(whole(V6, V4), silent)
    return set
  }

  it('a winner and another in the same batch: the first wins, the other is closed and hears nothing', async () => {
    const set = await twoInFlight()
    const connecting = set.connect()
    await set.pass(300)
    const [first, second] = set.script.sockets
    set.script.deliverAll([second, first].filter((socket) => socket !== undefined))
    expect(connecting.values).toMatchObject([{ peerAddress: { address: V4 } }])
    expect([first?.closed, second?.closed]).toEqual(['reset', undefined])
    expect(set.told).toEqual([`${V6} ABORT_ERR`, `${V4} connected`])
    expect(set.reactor.stats()).toMatchObject({ connected: 1, staleEvents: 1, deadlines: 0 })
    ;(connecting.values[0] as Connection).reset()
  })

  it('a winner and the deadline at the same time: the winner', async () => {
    const set = await twoInFlight()
    const connecting = set.connect({ timeoutMs: 300 })
    await set.pass(299)
    set.clock.stall(10)
    set.script.ready(set.script.sockets[1])
    set.clock.turn()
    expect(connecting.outcome).toBe('complete')
    ;(connecting.values[0] as Connection).reset()
  })

  it('a failure and a winner in the same batch: no third attempt outlives it', async () => {
    const set = scene(whole(V6, V4, V6B), silent)
    const connecting = set.connect()
    await set.pass(300)
    const [first, second] = set.script.sockets
    if (!first || !second) throw new Error('two are in flight')
    first.answers.finishConnect = -111
    set.script.deliverAll([first, second])
    expect(connecting.outcome).toBe('complete')
    expect(set.starts).toEqual([`${V6} @0`, `${V4} @250`, `${V6B} @300`])
    expect(set.script.open).toEqual([second])
    ;(connecting.values[0] as Connection).reset()
  })

  it('unsubscribing in the middle closes all, and nobody is told', async () => {
    const set = await twoInFlight()
    const connecting = set.connect()
    await set.pass(300)
    expect(set.script.open).toHaveLength(2)
    connecting.subscription.unsubscribe()
    expect(set.script.open).toEqual([])
    await set.pass(1_000)
    expect([set.told, set.starts.length, connecting.outcome]).toEqual([[], 2, 'open'])
  })

  it('an AbortSignal does too, and the error has both attempts', async () => {
    const set = await twoInFlight()
    const controller = new AbortController()
    const connecting = set.connect({ signal: controller.signal })
    await set.pass(300)
    controller.abort()
    expect(set.script.open).toEqual([])
    expect((connecting.ended as ConnectError).attempts).toMatchObject([
      { result: 'ABORT_ERR' },
      { result: 'ABORT_ERR' },
    ])
  })

  it('destroying the reactor does too', async () => {
    const set = await twoInFlight()
    const connecting = set.connect()
    await set.pass(300)
    await set.reactor.destroy()
    expect(connecting.outcome).toBe('ERR_REACTOR_DESTROYED')
    expect((connecting.ended as ConnectError).attempts).toHaveLength(2)
    expect(set.script.open).toEqual([])
  })

  it.each([
    ['while the name is looked up', 2, 0],
    ['while IPv4 is held back', 20, 0],
    ['between two attempts', 200, 1],
  ])('unsubscribing %s: what comes later is not listened to', async (_when, at, started) => {
    const set = slowScene(new SlowResolver([100, [V6]], [5, [V4]]), { [V4]: ['ECONNREFUSED', 5] })
    const connecting = set.connect()
    await set.pass(at < 100 ? at : 80)
    connecting.subscription.unsubscribe()
    await set.pass(500)
    expect([set.starts.length, connecting.outcome]).toEqual([started, 'open'])
  })

  it.each(['unsubscribes', 'destroys the reactor'])(
    'onAttempt %s when the first has failed: nothing is tried any more',
    async (what) => {
      const set = scene(whole(V6, V4), { [V6]: ['ECONNREFUSED', 5] })
      const connecting = set.connect({
        onAttempt() {
          if (what === 'unsubscribes') connecting.subscription.unsubscribe()
          else void set.reactor.destroy()
        },
      })
      await set.pass(300)
      expect(set.starts).toEqual([`${V6} @0`])
      expect(connecting.outcome).toBe(what === 'unsubscribes' ? 'open' : 'ERR_REACTOR_DESTROYED')
    },
  )

  it.each([
    ['a name', [V6, V4]],
    ['a name with one address', [V6]],
  ])('onAttempt unsubscribes when %s has connected: the socket is closed', async (_what, list) => {
    const set = scene(whole(...list), { [V6]: ['connects', 5] })
    const connecting = set.connect({ onAttempt: () => connecting.subscription.unsubscribe() })
    await set.pass(300)
    expect([connecting.outcome, set.script.open]).toEqual(['open', []])
    expect(set.reactor.stats()).toMatchObject({ connected: 0, cancelled: 1 })
  })
})

describe('when this side runs out of descriptors in the middle of a race', () => {
  it('the attempt under way goes on, and the address is tried again after it', async () => {
    const set = scene(whole(V6, V4), { [V6]: ['ECONNREFUSED', 400], [V4]: ['connects', 10] })
    const connecting = set.connect()
    await set.pass(100)
    set.script.once('open', -24)
    await set.pass(400)
    expect(connecting.outcome).toBe('complete')
    expect(set.starts).toEqual([`${V6} @0`, `${V4} @400`])
    expect(set.told).toEqual([`${V4} EMFILE`, `${V6} ECONNREFUSED`, `${V4} connected`])
    ;(connecting.values[0] as Connection).reset()
  })

  it('where it stays so, the peer that refused is told of, and no other address is tried', async () => {
    const set = scene(whole(V6, V4, V4C), { [V6]: ['ECONNREFUSED', 10] })
    const connecting = set.connect()
    await set.pass(5)
    set.script.answers.open = -24
    await set.pass(50)
    expect([connecting.outcome, set.told]).toEqual([
      'ECONNREFUSED',
      [`${V6} ECONNREFUSED`, `${V4} EMFILE`],
    ])
  })
})

it.each([9, 0, -1, Number.NaN, '250' as unknown as number])(
  'attemptDelayMs: %s is refused at once',
  (attemptDelayMs) => {
    const { reactor } = scene(whole(V4), {})
    expect(() => reactor.connect('tcp://peer.test:80', { attemptDelayMs })).toThrow(RangeError)
    expect(() => reactor.connectMany([], { attemptDelayMs })).toThrow(RangeError)
  },
)

it('onAttempt: what is no function is refused at once', () => {
  const { reactor } = scene(whole(V4), {})
  const onAttempt = 'log' as unknown as () => void
  expect(() => reactor.connect('tcp://peer.test:80', { onAttempt })).toThrow(TypeError)
})
