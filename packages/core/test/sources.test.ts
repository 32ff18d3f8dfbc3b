/** What connectMany() takes targets from: clean-up that throws, objects used again, and sources that abort while they are opened. */
import { type Endpoint, errno } from '@pollout/core'
import { Observable } from 'rxjs'
import { describe, expect, it } from 'vitest'
import type { TargetSource } from '../src/fan-out/target-source.js'
import { microtasks, record, stage, uncaughtErrors } from './harness.js'

const URI = 'tcp://192.0.2.1:80'
const boom = new Error('clean-up')

function fail(): never {
  throw boom
}

function iterable(clean: () => unknown): Iterable<string> {
  const next = () => ({ done: false, value: URI })
  return {
    [Symbol.iterator]: () => ({ next, return: clean as Iterator<string>['return'] & object }),
  }
}

function asyncIterable(clean: () => unknown): AsyncIterable<string> {
  const next = () => new Promise<never>(() => {})
  const cleaning = clean as AsyncIterator<string>['return'] & object
  return { [Symbol.asyncIterator]: () => ({ next, return: cleaning }) }
}

describe('a source that fails to clean up', () => {
  const sources: Readonly<Record<string, () => TargetSource<string>>> = {
    'a generator whose finally throws': function* () {
      try {
        for (;;) yield URI
      } finally {
        fail()
      }
    },
    'an iterator whose return() throws': () => iterable(fail),
    'an async generator whose finally throws': async function* () {
      try {
        for (;;) yield URI
      } finally {
        fail()
      }
    },
    'an async iterator whose return() throws': () => asyncIterable(fail),
    'an async iterator whose return() rejects': () => asyncIterable(async () => fail()),
    'an observable whose teardown throws': () => new Observable(() => fail),
  }
  const cases = Object.entries(sources).flatMap(([what, source]) =>
    (['abort', 'destroy', 'unsubscribe'] as const).map((how) => [what, how, source] as const),
  )

  it.each(cases)(
    '%s: %s is told all the same, and the error is uncaught, once',
    async (_, how, source) => {
      const uncaught = uncaughtErrors()
      const { clock, reactor } = stage()
      const { signal, abort } = controller()
      const many = record(reactor.connectMany(source(), { concurrency: 2, signal }))
      for (let i = 0; i < 5; i++) {
        clock.settle()
        await microtasks()
      }
      if (how === 'abort') abort()
      else if (how === 'destroy') void reactor.destroy()
      else many.subscription.unsubscribe()
      const told = { abort: 'ABORT_ERR', destroy: 'ERR_REACTOR_DESTROYED', unsubscribe: 'open' }
      expect(many.outcome).toBe(told[how])
      expect(reactor.stats().inFlight).toBe(0)
      await turn()
      const causes = uncaught.map((error) => (error as { errors?: unknown[] }).errors?.[0] ?? error)
      expect(causes).toEqual([boom])
    },
  )

  it('an async iterator whose return() gives no promise is as good as any', async () => {
    const uncaught = uncaughtErrors()
    const { clock, reactor } = stage()
    const { signal, abort } = controller()
    const source = asyncIterable(() => ({ done: true, value: undefined }))
    const many = record(reactor.connectMany(source, { signal }))
    clock.settle()
    abort()
    await turn()
    expect([many.outcome, uncaught]).toEqual(['ABORT_ERR', []])
  })

  it('a generator that aborts while it runs, and then fails to clean up', async () => {
    const uncaught = uncaughtErrors()
    const { clock, reactor } = stage()
    const { signal, abort } = controller()
    function* source() {
      try {
        abort()
        yield URI
      } finally {
        fail()
      }
    }
    const many = record(reactor.connectMany(source(), { signal }))
    clock.settle()
    await turn()
    expect([many.outcome, uncaught]).toEqual(['ABORT_ERR', [boom]])
  })
})

describe('a source that uses one object again and again', () => {
  const ports = (endpoints: readonly (object | undefined)[]): unknown[] =>
    endpoints.map((address) => (address as { port?: number }).port)

  function* reusing(target: { port: number }, count: number) {
    for (target.port = 1; target.port <= count; target.port++) yield target as Endpoint
  }

  it('is connected to every port that it gave', () => {
    const { script, clock, reactor } = stage()
    const target = { scheme: 'tcp', host: '192.0.2.1', port: 0 } as const
    const many = record(reactor.connectMany(reusing(target, 300), { concurrency: 1_000 }))
    clock.settle()
    const expected = Array.from({ length: 300 }, (_, i) => i + 1)
    expect(ports(script.sockets.map(({ address }) => address))).toEqual(expected)
    script.deliverAll(script.open)
    clock.settle()
    expect(many.outcome).toBe('complete')
    expect(
      ports(many.values.map((outcome) => ('address' in outcome ? outcome.address : undefined))),
    ).toEqual(expected)
  })

  it('also where one was put aside before the next', () => {
    const { script, clock, reactor } = stage()
    const target = { scheme: 'tcp', host: '192.0.2.1', port: 0 } as const
    script.once('open', -errno.EMFILE)
    const many = record(reactor.connectMany(reusing(target, 3)))
    for (let i = 0; i < 10; i++) {
      clock.advance(20)
      script.deliverAll(script.open)
    }
    clock.settle()
    expect(ports(script.sockets.map(({ address }) => address)).sort()).toEqual([1, 2, 3])
    expect(many.outcome).toBe('complete')
  })

  it('also where the object changes while it waits for its time, or its turn', () => {
    const { script, clock, reactor } = stage()
    const all = [1, 2].map((port) => ({ scheme: 'tcp' as const, host: '192.0.2.1', port }))
    const many = record(reactor.connectMany(all, { rate: 1 }))
    clock.settle()
    for (const target of all) target.port += 70_000
    clock.advance(1_000)
    expect(ports(script.sockets.map(({ address }) => address))).toEqual([1, 2])
    many.subscription.unsubscribe()
  })

  it('connect() too goes by what the object said at the call', () => {
    const { script, reactor } = stage()
    const target = { scheme: 'tcp' as const, host: '192.0.2.1', port: 1 }
    const connecting = reactor.connect(target)
    target.port = 70_000
    const first = record(connecting)
    expect(script.sockets[0]?.address).toEqual({ family: 'inet', address: '192.0.2.1', port: 1 })
    first.subscription.unsubscribe()
    expect(() => reactor.connect(target)).toThrow('port')
  })
})

describe('a source that ends it all while it is being opened', () => {
  for (const how of ['aborts', 'destroys the reactor'] as const) {
    const told = how === 'aborts' ? 'ABORT_ERR' : 'ERR_REACTOR_DESTROYED'

    it.each(['observable', 'iterable', 'async iterable'])(
      `an %s that ${how} is told to clean up`,
      async (what) => {
        const { script, clock, reactor } = stage()
        const { signal, abort } = controller()
        let cleaned = 0
        const end = (): void => (how === 'aborts' ? abort() : void reactor.destroy())
        const clean = () => {
          cleaned++
          return { done: true as const, value: undefined }
        }
        const opening = (source: object) => (): object => {
          end()
          return source
        }
        const sources: Readonly<Record<string, TargetSource<string>>> = {
          observable: new Observable((subscriber) => {
            end()
            subscriber.next(URI)
            return () => void clean()
          }),
          iterable: {
            [Symbol.iterator]: opening({ next: () => ({ value: URI }), return: clean }),
          } as Iterable<string>,
          'async iterable': {
            [Symbol.asyncIterator]: opening({ next: async () => ({ value: URI }), return: clean }),
          } as AsyncIterable<string>,
        }
        let ended = 'open'
        reactor.connectMany(sources[what] as Iterable<string>, { signal }).subscribe({
          error: ({ code }) => {
            ended = code
          },
        })
        clock.settle()
        await microtasks()
        clock.settle()
        expect([ended, cleaned, script.sockets.length]).toEqual([told, 1, 0])
      },
    )
  }
})

function controller() {
  const made = new AbortController()
  return { signal: made.signal, abort: () => made.abort() }
}

/** Rejections have been found unhandled, and everything deferred has run. */
function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}
