/** connectMany() when something has run out: ports concern one target, descriptors and memory all of them. */
import { errno, type Outcome } from '@pollout/core'
import { describe, expect, it } from 'vitest'
import {
  LANES,
  microtasks,
  record,
  type Stage,
  type StageOptions,
  stage as stageOf,
} from './harness.js'

describe.each(LANES)('%s', (_lane, bulk) => {
  const stage = (options: StageOptions = {}): Stage => stageOf({ bulk, ...options })

  const GOOD = 'tcp://192.0.2.1:80'
  const BAD = 'tcp://[2001:db8::1]:80'
  const RETRY_MS = 200

  /** TCP connects to IPv6 never find a port; `at` has when each of them was tried. */
  function withoutPorts(): Stage & { readonly at: Map<number, number[]> } {
    const at = new Map<number, number[]>()
    const set = stage({
      answers: {
        connect: ({ spec }, to) => {
          if (to.family !== 'inet6' || spec.type === 'dgram') return -errno.EINPROGRESS
          at.set(to.port, [...(at.get(to.port) ?? []), set.clock.now()])
          return -errno.EADDRNOTAVAIL
        },
      },
    })
    return { ...set, at }
  }

  /** Lets 20 ms pass, then connects all that is in flight, until done; returns the times of the outcomes. */
  function play(
    { script, clock }: Stage,
    many: { readonly values: readonly Outcome[]; readonly outcome: string },
  ): number[] {
    const times: number[] = []
    for (let i = 0; i < 5_000 && many.outcome === 'open'; i++) {
      clock.advance(20)
      script.deliverAll(script.open)
      clock.settle()
      while (times.length < many.values.length) times.push(clock.now())
    }
    expect(many.outcome).toBe('complete')
    return times
  }

  describe('EADDRNOTAVAIL that lasts, for want of ports', () => {
    /** When the last of 400 good targets had its outcome, with every `badEvery`-th target a bad one. */
    function lastGoodOne(badEvery: number): number {
      const set = withoutPorts()
      const all = Array.from({ length: 400 }, () => GOOD)
      for (let i = 0; i < 400; i += badEvery) all.splice(i, 0, `tcp://[2001:db8::1]:${i + 1}`)
      const options = { concurrency: 60, timeoutMs: 2_000, onConnected: 'reset' } as const
      const many = record(set.reactor.connectMany(all, options))
      const times = play(set, many)
      const goodOnes = times.filter((_, i) => many.values[i]?.kind === 'connected')
      expect(goodOnes).toHaveLength(400)
      expect(many.values.filter(({ kind }) => kind === 'local')).toHaveLength(all.length - 400)
      return goodOnes.at(-1) ?? 0
    }

    it('does not hold up the source, even where it concerns more targets than may be in flight', () => {
      expect(lastGoodOne(2)).toBeLessThan(500)
    })

    it('slows down none of the others', () => {
      const undisturbed = lastGoodOne(1_000)
      expect(undisturbed).toBeLessThan(200)
      expect(lastGoodOne(10)).toBeLessThanOrEqual(undisturbed + 20)
    })

    it.each([
      [500, 500],
      [60_000, 10_000],
    ])(
      'with timeoutMs %i, each is told %i ms after its own first failure, whatever the others do',
      (timeoutMs, patienceMs) => {
        const set = withoutPorts()
        function* endless() {
          for (let port = 1; ; port++) yield port % 500 === 1 ? `tcp://[2001:db8::1]:${port}` : GOOD
        }
        const options = { concurrency: 20, timeoutMs, onConnected: 'reset' } as const
        const many = record(set.reactor.connectMany(endless(), options))
        const told = new Map<number, number>()
        let seen = 0
        for (let now = 0; now < patienceMs + 2_000; now += 20) {
          set.clock.advance(20)
          set.script.deliverAll(set.script.open)
          set.clock.settle()
          for (; seen < many.values.length; seen++) {
            const outcome = many.values[seen]
            if (outcome?.kind !== 'local') continue
            expect(outcome.code).toBe('EADDRNOTAVAIL')
            told.set(outcome.error.port as number, set.clock.now())
          }
        }
        expect(told.size).toBeGreaterThan(2)
        for (const [port, toldAt] of told) {
          const waited = toldAt - (set.at.get(port)?.[0] ?? 0)
          expect(waited).toBeGreaterThanOrEqual(patienceMs)
          expect(waited).toBeLessThanOrEqual(patienceMs + RETRY_MS + 20)
        }
        for (const [port, times] of set.at) {
          if ((times[0] ?? 0) < set.clock.now() - patienceMs - RETRY_MS - 20)
            expect(told.has(port), `port ${port} was told`).toBe(true)
        }
        many.subscription.unsubscribe()
      },
    )
  })

  describe('EMFILE', () => {
    /** At most `most()` sockets can be open. */
    function bounded(most: () => number): Stage & { failures: number } {
      const set = {
        failures: 0,
        ...stage({
          answers: {
            open: () => {
              if (set.script.open.length < most()) return 0
              set.failures++
              return -errno.EMFILE
            },
          },
        }),
      }
      return set
    }

    it('lowers the number in flight', () => {
      const set = bounded(() => 10)
      const all = Array.from({ length: 400 }, () => GOOD)
      const options = { concurrency: 50, onConnected: 'reset' } as const
      const many = record(set.reactor.connectMany(all, options))
      play(set, many)
      expect(many.values).toHaveLength(400)
      // 40 rounds of 10 with 40 more tried in vain each would be 1,600.
      expect(set.failures).toBeLessThan(150)
    })

    it('is never told as local while others get descriptors', () => {
      const set = bounded(() => 1)
      const all = Array.from({ length: 40 }, () => GOOD)
      const options = { concurrency: 40, timeoutMs: 500, onConnected: 'reset' } as const
      const many = record(set.reactor.connectMany(all, options))
      for (let i = 0; i < 200 && many.outcome === 'open'; i++) {
        set.clock.advance(400)
        set.script.deliverAll(set.script.open)
        set.clock.settle()
      }
      expect(set.clock.now()).toBeGreaterThan(10_000)
      expect(many.values.map(({ kind }) => kind)).toEqual(Array(40).fill('connected'))
      expect(many.outcome).toBe('complete')
    })

    it.each([
      [500, 500],
      [60_000, 10_000],
    ])(
      'is told as local, with timeoutMs %i, when nobody gets one for %i ms',
      (timeoutMs, patienceMs) => {
        let most = 1
        const set = bounded(() => most)
        const all = Array.from({ length: 40 }, () => GOOD)
        const options = { concurrency: 40, timeoutMs, onConnected: 'reset' } as const
        const many = record(set.reactor.connectMany(all, options))
        for (let i = 0; i < 20; i++) {
          set.clock.advance(100)
          set.script.deliverAll(set.script.open)
          set.clock.settle()
        }
        most = 0
        set.script.deliverAll(set.script.open)
        const { length } = many.values
        expect(length).toBeGreaterThan(4)
        expect(length).toBeLessThan(40)
        set.clock.advance(patienceMs - 100)
        expect(many.values).toHaveLength(length)
        set.clock.advance(100 + 2 * RETRY_MS)
        expect(many.values.slice(length).map(({ kind }) => kind)).toEqual(
          Array(40 - length).fill('local'),
        )
        expect(many.outcome).toBe('complete')
      },
    )
  })

  describe('EADDRNOTAVAIL: is it the ports, or the address?', () => {
    const NO_ADDRESS = -errno.EADDRNOTAVAIL
    const STREAMS = { inet: ['stream'], inet6: ['stream'], unix: [], vsock: [] } as const

    it('the address, where a datagram socket has none either: told at once, as local', () => {
      const { script, clock, reactor } = stage({ answers: { connect: NO_ADDRESS } })
      const many = record(reactor.connectMany([BAD, BAD]))
      clock.settle()
      expect(many.values).toMatchObject([
        { kind: 'local', code: 'EADDRNOTAVAIL', phase: 'local', localFault: true },
        { kind: 'local', code: 'EADDRNOTAVAIL' },
      ])
      expect(many.outcome).toBe('complete')
      const [tried, , asked] = script.sockets
      expect([tried?.spec.type, asked?.spec.type]).toEqual(['stream', 'dgram'])
      expect(asked?.address).toEqual(tried?.address)
      expect(asked?.closed).toBe('reset')
    })

    it.each([
      ['it connects', { connect: 0 }],
      ['it lacks a port itself', { connect: -errno.EAGAIN }],
      ['there is no descriptor for it', { open: -errno.EMFILE }],
      ['the address was bound, and has no port', { bind: -errno.EADDRINUSE }],
    ] as const)('the ports, where %s: tried again, and asked only once', (_, dgram) => {
      const { script, clock, reactor } = stage()
      const { answers } = script
      const isDatagram = ({ type }: { type: string }): boolean => type === 'dgram'
      if ('open' in dgram) answers.open = (spec) => (isDatagram(spec) ? dgram.open : 0)
      if ('bind' in dgram) answers.bind = ({ spec }) => (isDatagram(spec) ? dgram.bind : 0)
      const said = 'connect' in dgram ? dgram.connect : NO_ADDRESS
      answers.connect = ({ spec }) => (isDatagram(spec) ? said : NO_ADDRESS)
      const many = record(
        reactor.connectMany([BAD], { localAddress: '2001:db8::9', timeoutMs: 100 }),
      )
      clock.advance(90)
      expect(many.values).toEqual([])
      const asked = script.sockets.filter(({ spec }) => isDatagram(spec))
      expect(asked).toHaveLength('open' in dgram ? 0 : 1)
      clock.advance(400)
      expect(many.values).toMatchObject([{ kind: 'local', code: 'EADDRNOTAVAIL' }])
    })

    it('asks from the local address that had no port', () => {
      const { script, clock, reactor } = stage({ answers: { connect: NO_ADDRESS } })
      const many = record(reactor.connectMany([GOOD], { localAddress: '192.0.2.7', localPort: 5 }))
      clock.settle()
      expect(many.values).toHaveLength(1)
      const bound = script.sockets.map(({ bound }) => bound)
      expect(bound).toEqual([
        { family: 'inet', address: '192.0.2.7', port: 5 },
        { family: 'inet', address: '192.0.2.7', port: 0 },
      ])
    })

    it('a local address of somebody else is told at once, and nobody asked', () => {
      const { script, clock, reactor } = stage({ answers: { bind: NO_ADDRESS } })
      const many = record(reactor.connectMany([GOOD], { localAddress: '192.0.2.7' }))
      clock.settle()
      expect(many.values).toMatchObject([{ kind: 'local', code: 'EADDRNOTAVAIL' }])
      expect(many.values[0]?.kind !== 'connected' && many.values[0]?.error.syscall).toBe('bind')
      expect(script.sockets).toHaveLength(1)
    })

    it.each([
      ['the backend has no datagram sockets', { sockets: STREAMS }, {}],
      ['the backend tells errors late', { immediateErrors: false }, {}],
      ['the packets go another way', {}, { device: 'eth9' }],
      ['the packets may go another way', {}, { rawOptions: [{ level: 0, option: 1, value: 2 }] }],
    ] as const)('nobody is asked where %s', (_, capabilities, options) => {
      const { script, clock, reactor } = stage({ capabilities, answers: { connect: NO_ADDRESS } })
      const many = record(reactor.connectMany([GOOD], { timeoutMs: 5, ...options }))
      clock.settle()
      expect(many.values).toEqual([])
      clock.advance(50)
      expect(many.values).toMatchObject([{ kind: 'local', code: 'EADDRNOTAVAIL' }])
      expect(script.sockets.every(({ spec }) => spec.type === 'stream')).toBe(true)
    })

    it('connect() tells at once whichever it is, and asks nobody', () => {
      const { script, clock, reactor } = stage({ answers: { connect: NO_ADDRESS } })
      const connecting = record(reactor.connect(GOOD))
      clock.settle()
      expect(connecting.outcome).toBe('EADDRNOTAVAIL')
      expect(script.sockets).toHaveLength(1)
    })
  })

  it('a target with another address that can be had is not put aside: that one is tried', async () => {
    const resolver = { resolve: async () => ['2001:db8::1', '192.0.2.1'] }
    const { script, clock, reactor } = stage({
      resolver,
      answers: {
        connect: ({ spec }, to) =>
          to.family === 'inet6' && spec.type === 'stream' ? -errno.EADDRNOTAVAIL : 0,
      },
    })
    const many = record(reactor.connectMany(['tcp://peer.test:80', BAD], { timeoutMs: 100 }))
    clock.settle()
    await microtasks()
    clock.settle()
    script.deliverAll(script.open)
    expect(many.values.map(({ kind }) => kind)).toEqual(['connected'])
    clock.advance(500)
    expect(many.values.map(({ kind }) => kind)).toEqual(['connected', 'local'])
  })
})
