/** How connects get their turn: the queue stays short, nobody is kept waiting, and a diagnostics subscriber may abort any. */
import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { errno } from '@pollout/core'
import { Subject, takeUntil } from 'rxjs'
import { describe, expect, it, onTestFinished } from 'vitest'
import { record, stage } from './harness.js'

const URI = 'tcp://192.0.2.1:80'
const PER_TURN = 128
/** A loop that does not end is one of the things looked for. */
const FAR_TOO_MANY = 100_000

function* endless(target: string, pulled: { count: number }) {
  for (;;) {
    if (++pulled.count > FAR_TOO_MANY) throw new Error('pulled without end')
    yield target
  }
}

describe('a fan-out with a concurrency of 100,000', () => {
  it.each([
    ['in flight', -errno.EINPROGRESS],
    ['refused at once', -errno.ECONNREFUSED],
    ['refused in batches', 0],
  ])(
    'whose connects are %s keeps the queue short, and a connect() beside it starts soon',
    (how, connect) => {
      const pulled = { count: 0 }
      const { script, clock, reactor } = stage({
        answers: { connect, finishConnect: -errno.ECONNREFUSED },
      })
      const options = { concurrency: 100_000, timeoutMs: 60_000 }
      const many = record(reactor.connectMany(endless(URI, pulled), options))
      for (let turn = 0; turn < 60; turn++) {
        const before = pulled.count
        if (how === 'refused in batches' && turn % 5 === 4) script.deliverAll(script.open)
        expect(reactor.stats().queued).toBeLessThanOrEqual(PER_TURN)
        clock.turn()
        expect(reactor.stats().queued).toBeLessThanOrEqual(PER_TURN)
        expect(pulled.count - before).toBeLessThanOrEqual(PER_TURN)

        if (turn % 10 !== 7) continue
        const port = turn
        const connecting = reactor.connect(`tcp://192.0.2.1:${port}`).subscribe({ error: () => {} })
        const last = () => script.sockets.slice(-2 * PER_TURN - 2)
        const started = () =>
          last().some(({ address }) => address?.family === 'inet' && address.port === port)
        for (let waited = 0; waited < 2 && !started(); waited++) clock.turn()
        expect(started()).toBe(true)
        connecting.unsubscribe()
      }
      expect(pulled.count).toBeGreaterThan(2_000)
      many.subscription.unsubscribe()
    },
  )

  it('of invalid targets only does not hold the loop up', () => {
    const pulled = { count: 0 }
    const { clock, reactor } = stage()
    const many = record(reactor.connectMany(endless('nonsense', pulled), { concurrency: 100_000 }))
    for (let turn = 1; turn <= 50; turn++) {
      clock.turn()
      expect(pulled.count).toBeLessThanOrEqual(turn * PER_TURN)
    }
    expect(many.values.length).toBeGreaterThan(2_000)
    expect(new Set(many.values.map(({ kind }) => kind))).toEqual(new Set(['invalid']))
    many.subscription.unsubscribe()
    const { length } = many.values
    clock.settle()
    expect(many.values).toHaveLength(length)
  })
})

describe('those that wait for their turn', () => {
  it.each(['unsubscribing', 'an abort', 'destroy()'])(
    'are counted as queued no more after %s',
    async (how) => {
      const { script, clock, reactor } = stage()
      const controller = new AbortController()
      const { signal } = controller
      const all = Array.from({ length: 1_000 }, () => record(reactor.connect(URI, { signal })))
      const queued = 1_000 - PER_TURN
      expect(reactor.stats()).toMatchObject({ inFlight: 1_000, queued, started: PER_TURN })
      if (how === 'unsubscribing') for (const { subscription } of all) subscription.unsubscribe()
      else if (how === 'an abort') controller.abort()
      else await reactor.destroy()
      expect(reactor.stats()).toMatchObject({ inFlight: 0, queued: 0, deadlines: 0 })
      clock.settle()
      expect(reactor.stats()).toMatchObject({ inFlight: 0, queued: 0, started: PER_TURN })
      expect(script.sockets).toHaveLength(PER_TURN)
    },
  )

  it('and are left in the middle make room for those behind them', () => {
    const { script, clock, reactor } = stage()
    const all = Array.from({ length: 3 * PER_TURN }, () => record(reactor.connect(URI)))
    for (const { subscription } of all.slice(PER_TURN, 2 * PER_TURN)) subscription.unsubscribe()
    expect(reactor.stats().queued).toBe(PER_TURN)
    clock.settle()
    expect([script.open.length, reactor.stats().queued]).toEqual([2 * PER_TURN, 0])
    for (const { subscription } of all) subscription.unsubscribe()
  })
})

describe('a diagnostics subscriber that ends the connect it is told of', () => {
  const ways = ['abort', 'unsubscribe', 'destroy'] as const
  const channels = ['pollout:connect:start', 'pollout:connect:connected'] as const
  const cases = channels.flatMap((name) => ways.map((how) => [name, how] as const))

  function whenPublished(name: string, then: () => void): void {
    subscribe(name, then)
    onTestFinished(() => void unsubscribe(name, then))
  }

  it.each(cases)('%s, %s: the books are right, and no socket is left', (name, how) => {
    const { script, clock, reactor } = stage()
    const controller = new AbortController()
    const leave = new Subject<void>()
    whenPublished(name, () => {
      if (how === 'abort') controller.abort()
      else if (how === 'destroy') void reactor.destroy()
      else leave.next()
    })
    const connecting = reactor.connect(URI, { signal: controller.signal })
    let next = 0
    let code = 'nothing'
    connecting.pipe(takeUntil(leave)).subscribe({
      next: () => next++,
      error: (error) => {
        code = error.code
      },
    })
    clock.settle()
    if (script.open.length > 0) script.deliverAll(script.open)
    clock.settle()
    const told = { abort: 'ABORT_ERR', destroy: 'ERR_REACTOR_DESTROYED', unsubscribe: 'nothing' }
    expect([next, code]).toEqual([0, told[how]])
    const { inFlight, queued, open, registrations, deadlines, ...counted } = reactor.stats()
    expect({ inFlight, queued, open, registrations, deadlines }).toEqual({
      inFlight: 0,
      queued: 0,
      open: 0,
      registrations: 0,
      deadlines: 0,
    })
    expect(counted.started).toBe(1)
    expect(counted.connected + counted.failed + counted.cancelled).toBe(1)
    expect(script.open).toEqual([])
  })

  it.each(cases)('%s, %s: the same in a fan-out', (name, how) => {
    const { script, clock, reactor } = stage()
    const controller = new AbortController()
    const { signal } = controller
    whenPublished(name, () => {
      if (how === 'abort') controller.abort()
      else if (how === 'destroy') void reactor.destroy()
      else many.subscription.unsubscribe()
    })
    const many = record(reactor.connectMany([URI, URI, URI], { signal, onConnected: 'keep' }))
    clock.settle()
    if (script.open.length > 0) script.deliverAll(script.open)
    clock.settle()
    const told = { abort: 'ABORT_ERR', destroy: 'ERR_REACTOR_DESTROYED', unsubscribe: 'open' }
    expect([many.values, many.outcome]).toEqual([[], told[how]])
    expect(reactor.stats()).toMatchObject({ inFlight: 0, queued: 0, open: 0, registrations: 0 })
    expect(script.open).toEqual([])
  })
})
