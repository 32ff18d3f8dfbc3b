/** connectMany() on a scripted backend: exhaustion, order, laziness, and each target exactly once. */
import { type Endpoint, errno, type Outcome } from '@pollout/core'
import { seededRandom } from '@pollout/testing'
import { Subject } from 'rxjs'
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

  const URI = 'tcp://192.0.2.1:80'

  function targets(count: number): string[] {
    return Array.from({ length: count }, (_, i) => `tcp://192.0.2.1:${i + 1}`)
  }

  describe('local exhaustion', () => {
    it.each([
      ['EMFILE', 'open', []],
      ['ENFILE', 'open', []],
      // The second answer is for the datagram socket that finds out whether it is the address.
      ['EADDRNOTAVAIL', 'connect', [0]],
      ['EAGAIN', 'connect', []],
      ['EADDRINUSE', 'connect', []],
      ['ENOBUFS', 'connect', []],
    ] as const)(
      '%s from %s(): put aside and tried again, unnoticed when it passes',
      (code, call, asked) => {
        const { script, clock, reactor } = stage()
        script.once(call, -errno[code], ...asked, -errno[code])
        const many = record(reactor.connectMany([URI], { onConnected: 'reset' }))
        clock.advance(50)
        expect(many.outcome).toBe('open')
        script.deliverAll(script.open)
        clock.settle()
        expect(many.values.map(({ kind }) => kind)).toEqual(['connected'])
        expect(many.outcome).toBe('complete')
      },
    )

    it.each([
      [500, 500],
      [60_000, 10_000],
    ])(
      'that lasts is told as local: after timeoutMs %i, at most 10 s (%i)',
      (timeoutMs, patienceMs) => {
        const { clock, reactor } = stage({ answers: { open: -errno.EMFILE } })
        const many = record(reactor.connectMany([URI, URI], { timeoutMs }))
        clock.advance(patienceMs - 1)
        expect(many.values).toEqual([])
        clock.advance(500)
        expect(many.values.map(({ kind }) => kind)).toEqual(['local', 'local'])
        expect(many.values[0]).toMatchObject({ code: 'EMFILE', localFault: true, phase: 'local' })
        expect(many.outcome).toBe('complete')
      },
    )

    it('with a hard limit of 10 sockets, 200 targets all get their own outcome', () => {
      const { script, clock, reactor } = stage({
        answers: { open: () => (script.open.length < 10 ? 0 : -errno.EMFILE) },
      })
      const many = record(
        reactor.connectMany(targets(200), { concurrency: 50, onConnected: 'reset' }),
      )
      for (let i = 0; i < 2_000 && many.outcome === 'open'; i++) {
        clock.advance(5)
        script.deliverAll(script.open)
      }
      expect(many.outcome).toBe('complete')
      expect(new Set(many.values.map(({ target }) => target)).size).toBe(200)
      expect(new Set(many.values.map(({ kind }) => kind))).toEqual(new Set(['connected']))
    })

    it('the source waits for those put aside', () => {
      let pulled = 0
      function* source() {
        for (;;) {
          pulled++
          yield URI
        }
      }
      const { clock, reactor } = stage({ answers: { open: -errno.EMFILE } })
      const many = record(reactor.connectMany(source(), { concurrency: 20 }))
      clock.advance(1_000)
      // The bulk lane has 64 ahead, and all of them have been tried in vain.
      expect(pulled).toBeLessThanOrEqual(41 + (bulk ? 64 : 0))
      many.subscription.unsubscribe()
    })
  })

  describe('every target has one outcome', () => {
    it.each(Array.from({ length: 40 }, (_, seed) => [seed]))(
      'whatever the order: seed %i',
      (seed) => {
        const random = seededRandom(seed)
        const pick = <T>(values: readonly T[]): T =>
          values[Math.floor(random() * values.length)] as T
        const finish = [0, 0, 1, 2, -errno.ECONNREFUSED, -errno.EHOSTUNREACH, -errno.ETIMEDOUT]
        const local = new Set(['EMFILE', 'EADDRNOTAVAIL', 'EACCES'])
        const { script, clock, reactor } = stage({
          answers: {
            open: () => (random() < 0.1 ? -errno.EMFILE : 0),
            connect: () => pick([0, -errno.EINPROGRESS, -errno.EINPROGRESS, -errno.ENETUNREACH]),
            register: () => (random() < 0.02 ? -errno.ENOSPC : 0),
            finishConnect: () => pick(finish),
          },
        })
        const all = targets(120).map((uri, i) => {
          if (i % 17 === 0) return `not ${uri}`
          if (i % 29 === 0) return `unix:/run/${i}.sock`
          return i % 5 === 0
            ? `tcp://[2001:db8::${i % 7}]:${i + 1}`
            : uri.replace('.1:', `.${i % 9}:`)
        })
        const onConnected = pick(['keep', 'close', 'reset'] as const)
        const concurrency = 1 + Math.floor(random() * 40)
        const many = record(
          reactor.connectMany(all, {
            concurrency,
            timeoutMs: 200,
            rate: pick([Number.POSITIVE_INFINITY, 2_000]),
            maxPerHost: pick([undefined, 3]),
            maxPerPrefix: pick([undefined, 5]),
            adaptive: pick([true, false]),
            onConnected,
          }),
        )
        for (let step = 0; step < 20_000 && many.outcome === 'open'; step++) {
          for (const socket of script.open) {
            if (socket.registration && random() < 0.3) script.ready(socket)
          }
          if (random() < 0.3) script.stage(Math.floor(random() * 500) - 1_000)
          if (random() < 0.7) script.deliver()
          if (random() < 0.5) clock.turn()
          else clock.stall(random() * 20)
          expect(reactor.stats().inFlight).toBeLessThanOrEqual(concurrency)
          const opened = script.open.length - reactor.stats().open
          expect(opened).toBeLessThanOrEqual(concurrency)
        }
        expect(many.outcome).toBe('complete')
        expect(many.values.map(({ target }) => target).sort()).toEqual([...all].sort())
        for (const outcome of many.values) check(outcome)
        for (const socket of script.open) expect(onConnected, String(socket.handle)).toBe('keep')
        for (const outcome of many.values) {
          if (outcome.kind === 'connected') outcome.connection?.reset()
        }

        function check(outcome: Outcome): void {
          if (outcome.kind === 'connected') return
          expect(outcome.error.message).not.toBe('')
          expect(outcome.localFault).toBe(outcome.kind === 'local' || outcome.kind === 'invalid')
          if (outcome.kind === 'refused') expect(outcome.code).toBe('ECONNREFUSED')
          if (local.has(outcome.code)) expect(outcome.kind).toBe('local')
        }
      },
    )
  })

  describe('rate', () => {
    it('spaces the starts, and does not keep the end waiting', () => {
      const { script, clock, reactor } = stage({ answers: { connect: -errno.ECONNREFUSED } })
      const many = record(reactor.connectMany(targets(4), { rate: 1 }))
      const starts: number[] = []
      for (let ms = 0; ms < 3_500; ms += 10) {
        if (script.sockets.length > starts.length) starts.push(ms)
        clock.advance(10)
      }
      expect(starts.map((ms) => Math.round(ms / 100))).toEqual([0, 10, 20, 30])
      expect(many.outcome).toBe('complete')
    })
  })

  describe('sources', () => {
    it('an observable that pushes later, and errors: first the outcomes', () => {
      const source = new Subject<string>()
      const { script, clock, reactor } = stage()
      const many = record(reactor.connectMany(source, { concurrency: 2, onConnected: 'reset' }))
      clock.settle()
      for (const target of targets(5)) source.next(target)
      source.error(new Error('source'))
      clock.settle()
      expect(script.open).toHaveLength(2)
      while (script.open.length > 0) {
        script.deliverAll(script.open)
        clock.settle()
      }
      expect(many.values).toHaveLength(5)
      expect(many.ended).toMatchObject({ message: 'source' })
    })

    it('an async iterable is asked for one at a time, and told to stop', async () => {
      let asked = 0
      let returned = 0
      const source: AsyncIterable<string> = {
        [Symbol.asyncIterator]: () => ({
          next: async () => {
            asked++
            return { done: false, value: URI }
          },
          return: async () => {
            returned++
            return { done: true, value: undefined }
          },
        }),
      }
      const { clock, reactor } = stage()
      const many = record(reactor.connectMany(source, { concurrency: 3 }))
      for (let i = 0; i < 10; i++) {
        clock.settle()
        await microtasks()
      }
      expect(asked).toBe(bulk ? 10 : 3)
      many.subscription.unsubscribe()
      expect(returned).toBe(1)
    })

    it.each(['unsubscribe', 'abort'])(
      'a generator that itself lets it %s starts nothing more',
      (how) => {
        const controller = new AbortController()
        let cleaned = 0
        function* source() {
          try {
            yield URI
            if (how === 'abort') controller.abort()
            else many.subscription.unsubscribe()
            yield URI
          } finally {
            cleaned++
          }
        }
        const { script, clock, reactor } = stage()
        const many = record(reactor.connectMany(source(), { signal: controller.signal }))
        clock.settle()
        expect([script.open.length, cleaned]).toEqual([0, 1])
        expect(many.outcome).toBe(how === 'abort' ? 'ABORT_ERR' : 'open')
      },
    )

    it('a target that throws what has no text is invalid, and the others are none the worse', () => {
      const { reactor, clock, script } = stage()
      const hostile = {
        get scheme(): 'tcp' {
          throw Object.create(null)
        },
      } as Endpoint
      const targets = [hostile, { scheme: 'tcp', host: '192.0.2.1', port: 1 } as const]
      const many = record(reactor.connectMany(targets))
      clock.settle()
      script.deliverAll(script.open)
      clock.settle()
      expect(many.values.map(({ kind }) => kind)).toEqual(['invalid', 'connected'])
      expect(many.outcome).toBe('complete')
    })

    it('what is no source is thrown at once', () => {
      const { reactor } = stage()
      for (const source of [undefined, null, 'tcp://a:1', 5, {}]) {
        expect(() => reactor.connectMany(source as string[])).toThrow(TypeError)
      }
      expect(() => reactor.connectMany([], { concurrency: 0 })).toThrow(RangeError)
      expect(() => reactor.connectMany([], { rate: 0 })).toThrow(RangeError)
      expect(() => reactor.connectMany([], { onConnected: 'drop' as 'keep' })).toThrow(TypeError)
    })
  })
})
