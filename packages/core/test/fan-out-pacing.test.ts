/** The rate of fan-outs, in virtual time: exact over seconds, and no burst beyond the bound that is stated. */
import { errno } from '@pollout/core'
import { describe, expect, it } from 'vitest'
import { LANES, record, type Stage, stage } from './harness.js'

const REFUSED = { connect: -errno.ECONNREFUSED } as const

function* endless() {
  for (;;) yield { scheme: 'tcp', host: '192.0.2.1', port: 80 } as const
}

/** When sockets were opened, while the loop turns every `stepMs`, and stalls when told to. */
function starts(set: Stage, rate: number, forMs: number, stepMs: number, stalls: number[] = []) {
  const at: number[] = []
  set.script.answers.open = () => {
    at.push(set.clock.now())
    return 0
  }
  const running = record(
    set.reactor.connectMany(endless(), { rate, concurrency: 200_000, onConnected: 'reset' }),
  )
  const due = [...stalls]
  while (set.clock.now() < forMs) {
    if ((due[0] ?? Number.POSITIVE_INFINITY) <= set.clock.now()) {
      due.shift()
      set.clock.stall(40)
    }
    set.clock.advance(stepMs)
  }
  running.subscription.unsubscribe()
  return at
}

/** The most that began within any `ms`. */
function burst(at: readonly number[], ms: number): number {
  let most = 0
  let first = 0
  for (let last = 0; last < at.length; last++) {
    while ((at[last] ?? 0) - (at[first] ?? 0) > ms) first++
    most = Math.max(most, last - first + 1)
  }
  return most
}

describe.each(LANES)('%s', (_lane, bulk) => {
  it.each([
    [1, 10_000, 1],
    [10, 10_000, 1],
    [1_000, 10_000, 1],
    [20_000, 1_000, 1],
    [20_000, 1_000, 4],
  ])('%i a second for %i ms, on a loop that turns every %i ms', (rate, forMs, stepMs) => {
    const at = starts(stage({ bulk, answers: REFUSED }), rate, forMs, stepMs)
    const wanted = (rate * forMs) / 1_000
    expect(at.length).toBeGreaterThanOrEqual(wanted * 0.98 - 1)
    expect(at.length).toBeLessThanOrEqual(wanted * 1.02 + 1)
    expect(burst(at, 0)).toBeLessThanOrEqual(Math.max(rate / 100, 1) + 1)
  })

  it('never more at once than 10 ms of the rate, after stalls of the loop', () => {
    const at = starts(stage({ bulk, answers: REFUSED }), 2_000, 2_000, 1, [300, 301, 900, 1_500])
    expect(burst(at, 0)).toBeLessThanOrEqual(21)
    // What is in any second: the rate, and what is made up for.
    expect(burst(at, 1_000)).toBeLessThanOrEqual(2_000 + 21)
  })

  it('at 10 a second no start is lost to stalls of 40 ms', () => {
    const at = starts(stage({ bulk, answers: REFUSED }), 10, 1_950, 1, [90, 390, 695, 1_190])
    expect(at.length).toBe(20)
    for (const [k, time] of at.entries()) {
      expect(time).toBeGreaterThanOrEqual(k * 100)
      expect(time).toBeLessThanOrEqual(k * 100 + 41)
    }
  })
})

it('a name and literals share one schedule', async () => {
  const resolver = { resolve: async () => ['192.0.2.9'] }
  const { script, clock, reactor } = stage({ bulk: true, answers: REFUSED, resolver })
  const targets = Array.from({ length: 40 }, (_, i) =>
    i % 4 === 3 ? 'tcp://name.test:80' : `tcp://192.0.2.1:${i + 1}`,
  )
  const many = record(reactor.connectMany(targets, { rate: 100 }))
  const at: number[] = []
  for (let ms = 0; ms < 500; ms++) {
    clock.advance(1)
    for (let i = 0; i < 6; i++) await Promise.resolve()
    clock.settle()
    while (at.length < script.sockets.length) at.push(clock.now())
  }
  expect(many.outcome).toBe('complete')
  expect(at).toHaveLength(40)
  expect(at.at(-1)).toBeGreaterThanOrEqual(380)
  expect(at.at(-1)).toBeLessThanOrEqual(405)
})

it('the bulk lane is given no more than 50 ms ahead', () => {
  const { clock, reactor } = stage({ bulk: true, answers: REFUSED })
  let pulled = 0
  function* counted() {
    for (const target of endless()) {
      pulled++
      yield target
    }
  }
  const running = record(reactor.connectMany(counted(), { rate: 1_000, concurrency: 10_000 }))
  clock.advance(0)
  expect(pulled).toBeGreaterThan(40)
  expect(pulled).toBeLessThanOrEqual(53)
  clock.advance(1_000)
  expect(pulled).toBeLessThanOrEqual(1_053)
  running.subscription.unsubscribe()
})

it('a full lane has no arrears: what it could not start in time is not made up for', () => {
  const set = stage({ bulk: true })
  const { script, clock, reactor } = set
  const running = record(
    reactor.connectMany(endless(), { rate: 1_000, concurrency: 10, onConnected: 'reset' }),
  )
  clock.advance(500)
  expect(script.open).toHaveLength(10)
  // From now on each connects within a millisecond, and the rate alone decides.
  const before = script.sockets.length
  for (let ms = 0; ms < 1_000; ms++) {
    script.deliverAll(script.open.filter(({ registration }) => registration))
    clock.advance(1)
  }
  const began = script.sockets.length - before
  expect(began).toBeGreaterThan(980)
  expect(began).toBeLessThanOrEqual(1_000 + 21)
  running.subscription.unsubscribe()
})
