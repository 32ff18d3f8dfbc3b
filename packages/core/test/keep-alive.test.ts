/** What keeps the process alive, seen by the one handle for it; programs that end by themselves are in the conformance suite. */
import { type Clock, errno, type Resolver } from '@pollout/core'
import { afterEach, beforeEach, describe, expect, it, type MockInstance, vi } from 'vitest'
import { KeepAlive } from '../src/reactor/keep-alive.js'
import type { Reactor } from '../src/reactor.js'
import { record, type Stage, stage } from './harness.js'

const URI = 'tcp://192.0.2.1:80'
const NAME = 'tcp://peer.test:80'

let intervals: MockInstance<typeof setInterval>

beforeEach(() => {
  intervals = vi.spyOn(globalThis, 'setInterval')
})

afterEach(() => {
  intervals.mockRestore()
})

/** How many intervals keep this process alive. */
function alive(): number {
  return intervals.mock.results.filter(({ value }) => value.hasRef() && !value._destroyed).length
}

it('KeepAlive holds while anything is held and wanted, in any order of calls', () => {
  const keepAlive = new KeepAlive()
  keepAlive.want(true)
  expect(alive()).toBe(0)
  keepAlive.hold()
  keepAlive.hold()
  keepAlive.release()
  expect(alive()).toBe(1)
  keepAlive.want(false)
  expect(alive()).toBe(0)
  keepAlive.release()
  keepAlive.hold()
  expect(alive()).toBe(0)
  keepAlive.want(true)
  expect(alive()).toBe(1)
  keepAlive.release()
  expect(alive()).toBe(0)
  keepAlive.hold()
  expect(alive()).toBe(1)
  keepAlive.destroy()
  expect(alive()).toBe(0)
  // What ends after the reactor has.
  keepAlive.release()
  keepAlive.hold()
  expect(alive()).toBe(0)
})

describe('a reactor', () => {
  const silent: Resolver = { resolve: () => new Promise(() => {}) }
  const waits: Readonly<Record<string, (reactor: Reactor) => (() => void)[]>> = {
    'a name is resolved': (reactor) => [leaving(reactor.connect(NAME))],
    'a name of a fan-out is resolved': (reactor) => [leaving(reactor.connectMany([NAME]))],
    'the pace is kept': (reactor) => [leaving(reactor.connectMany([URI, URI], { rate: 0.01 }))],
    'a target is put aside': (reactor) => [leaving(reactor.connectMany([URI]))],
    'a full backlog is waited for': (reactor) => [leaving(reactor.connect('unix:/x'))],
    'many wait for their turn': (reactor) =>
      Array.from({ length: 500 }, () => leaving(reactor.connect(NAME))),
  }

  function leaving(source: Parameters<typeof record>[0]): () => void {
    const { subscription } = record(source)
    return () => subscription.unsubscribe()
  }

  function make(what: string): Stage {
    const answers = {
      connect: what.includes('backlog') ? -errno.EAGAIN : -errno.ECONNREFUSED,
      open: what.includes('aside') ? -errno.EMFILE : 0,
    }
    return stage({ answers, resolver: silent })
  }

  describe.each(Object.entries(waits))('while %s', (what, begin) => {
    it.each([0, 5_000])('is kept alive, also %i ms later, until that is left', async (ms) => {
      const { clock, reactor } = make(what)
      const leave = begin(reactor)
      clock.settle()
      expect(alive()).toBe(1)
      clock.advance(ms)
      expect(alive()).toBe(1)
      for (const one of leave) one()
      clock.settle()
      expect(alive()).toBe(0)
      begin(reactor)
      clock.advance(ms)
      expect(alive()).toBe(1)
      await reactor.destroy()
      expect(alive()).toBe(0)
    })

    it.each(['before', 'after'])('is not when unref() was called %s it began', (when) => {
      const { clock, reactor } = make(what)
      const defer = vi.spyOn(clock as Clock, 'defer')
      if (when === 'before') reactor.unref()
      const leave = begin(reactor)
      clock.advance(100)
      expect(alive()).toBe(when === 'before' ? 0 : 1)
      reactor.unref()
      defer.mockClear()
      for (let i = 0; i < 3; i++) {
        expect(alive()).toBe(0)
        clock.advance(1_000)
      }
      expect(defer.mock.calls.filter(([, keepAlive]) => keepAlive)).toEqual([])
      reactor.ref()
      expect(alive()).toBe(1)
      for (const one of leave) one()
      clock.settle()
      expect(alive()).toBe(0)
    })
  })

  it('that is idle, or has only an open connection, keeps nothing alive', () => {
    const { script, clock, reactor } = stage()
    const connecting = record(reactor.connect(URI))
    expect(alive()).toBe(1)
    script.deliverAll(script.open)
    clock.advance(100_000)
    expect([connecting.outcome, alive()]).toEqual(['complete', 0])
    connecting.values[0]?.reset()
  })

  it('that was told ends its hold: by its deadline, and by an end in every other way', () => {
    const { clock, reactor } = stage({ resolver: silent, answers: { connect: -errno.EACCES } })
    const all = [
      record(reactor.connect(NAME, { timeoutMs: 50 })),
      record(reactor.connectMany([NAME, URI, 'nonsense'], { timeoutMs: 50, rate: 100 })),
    ]
    clock.advance(49)
    expect(alive()).toBe(1)
    clock.advance(1_000)
    expect(all.map(({ outcome }) => outcome)).toEqual(['ETIMEDOUT', 'complete'])
    expect(alive()).toBe(0)
  })

  it('whose fan-out has no end defers nothing that keeps the process alive after unref()', () => {
    const { clock, reactor } = stage({ answers: { connect: -errno.ECONNREFUSED } })
    const defer = vi.spyOn(clock as Clock, 'defer')
    function* endless() {
      for (;;) yield URI
    }
    const many = record(reactor.connectMany(endless(), { concurrency: 10 }))
    for (let i = 0; i < 20; i++) clock.turn()
    expect(defer.mock.lastCall?.[1]).toBe(true)
    reactor.unref()
    clock.turn()
    defer.mockClear()
    for (let i = 0; i < 20; i++) clock.turn()
    expect(defer).toHaveBeenCalled()
    expect(defer.mock.calls.filter(([, keepAlive]) => keepAlive)).toEqual([])
    expect(alive()).toBe(0)
    many.subscription.unsubscribe()
  })
})
