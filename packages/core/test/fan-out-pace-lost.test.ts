/** A pace that was not kept is told, with what it was lost to: in virtual time, on both lanes. */
import { errno } from '@pollout/core'
import { describe, expect, it } from 'vitest'
import type { PaceLost } from '../src/fan-out/pace-watch.js'
import { LANES, record, type Stage, type StageOptions, stage } from './harness.js'

const REFUSED = { connect: -errno.ECONNREFUSED } as const

const targets = (count: number): string[] =>
  Array.from({ length: count }, (_, index) => `tcp://192.0.2.${1 + (index % 200)}:80`)

/** Lets time go by until it is over, each attempt timing out unless it is answered. */
function run(set: Stage, source: Parameters<Stage['reactor']['connectMany']>[0], options: object) {
  const told: PaceLost[] = []
  const onPaceLost = (lost: PaceLost): void => void told.push(lost)
  const many = record(set.reactor.connectMany(source, { onPaceLost, ...options }))
  for (let ms = 0; many.outcome === 'open' && ms < 60_000; ms++) set.clock.advance(1)
  expect(many.outcome).toBe('complete')
  return told
}

describe.each(LANES)('%s', (_lane, bulk) => {
  const set = (options: StageOptions = {}) => stage({ bulk, ...options })

  it('one that is kept is not spoken of', () => {
    const options = { rate: 1_000, concurrency: 1_000, timeoutMs: 500 }
    expect(run(set({ answers: REFUSED }), targets(2_000), options)).toEqual([])
    expect(run(set(), targets(1_000), { ...options, rate: 500 })).toEqual([])
  })

  it.each([40, 400])('concurrency, with %i targets', (count) => {
    const options = { rate: 1_000, concurrency: 10, timeoutMs: 500 }
    const [lost, ...more] = run(set(), targets(count), options)
    expect(more).toEqual([])
    expect(lost).toMatchObject({ rate: 1_000, why: 'concurrency' })
    // Ten each half a second.
    expect(lost?.keptRate).toBeGreaterThan(18)
    expect(lost?.keptRate).toBeLessThan(28)
  })

  it('caps', () => {
    const options = { rate: 1_000, concurrency: 100, maxPerHost: 1, timeoutMs: 500 }
    const told = run(set(), Array(20).fill('tcp://192.0.2.1:80'), options)
    expect(told).toMatchObject([{ why: 'caps' }])
    expect(told[0]?.keptRate).toBeLessThan(2.5)
  })

  it('descriptors', () => {
    const staged = set()
    const { script } = staged
    script.answers.open = () => (script.open.length < 5 ? 0 : -errno.EMFILE)
    const options = { rate: 1_000, concurrency: 100, timeoutMs: 500 }
    expect(run(staged, targets(100), options)).toMatchObject([{ why: 'exhaustion' }])
  })

  it('a source that comes no faster; but not one that has ended', async () => {
    const staged = set({ answers: REFUSED })
    const told: PaceLost[] = []
    let more = (): void => {}
    async function* slow() {
      for (const target of targets(10)) {
        yield target
        await new Promise<void>((resolve) => {
          more = resolve
        })
      }
    }
    const options = { rate: 100, onPaceLost: (lost: PaceLost) => void told.push(lost) }
    const many = record(staged.reactor.connectMany(slow(), options))
    while (many.outcome === 'open') {
      for (let turn = 0; turn < 10; turn++) {
        await Promise.resolve()
        staged.clock.settle()
      }
      staged.clock.advance(100)
      more()
    }
    expect(told).toMatchObject([{ rate: 100, why: 'source' }])
    expect(told[0]?.keptRate).toBeLessThan(12)
  })

  it('a busy loop', () => {
    const staged = set({ answers: REFUSED })
    const told: PaceLost[] = []
    const many = record(
      staged.reactor.connectMany(targets(1_000), {
        ...{ rate: 1_000, concurrency: 1_000, onConnected: 'reset' },
        onPaceLost: (lost) => told.push(lost),
      }),
    )
    while (many.outcome === 'open') {
      staged.clock.stall(300)
      staged.clock.advance(1)
    }
    expect(told).toMatchObject([{ why: 'busy' }])
    expect(told[0]?.keptRate).toBeLessThan(300)
  })

  it('is told when it is unsubscribed from too, and once', () => {
    const staged = set()
    const told: PaceLost[] = []
    const running = record(
      staged.reactor.connectMany(targets(1_000), {
        ...{ rate: 1_000, concurrency: 10, timeoutMs: 500 },
        onPaceLost: (lost) => told.push(lost),
      }),
    )
    staged.clock.advance(5_000)
    running.subscription.unsubscribe()
    expect(told).toMatchObject([{ why: 'concurrency' }])
    staged.clock.advance(5_000)
    expect(told).toHaveLength(1)
  })

  it('connectBatches() tells it too', () => {
    const staged = set()
    const told: PaceLost[] = []
    const source = [
      { addresses: Uint32Array.from({ length: 100 }, (_, i) => 0xc000_0201 + i), ports: 80 },
    ]
    const many = record(
      staged.reactor.connectBatches(source, {
        ...{ rate: 1_000, concurrency: 10, timeoutMs: 500 },
        onPaceLost: (lost) => told.push(lost),
      }),
    )
    while (many.outcome === 'open') staged.clock.advance(1)
    expect(told).toMatchObject([{ rate: 1_000, why: 'concurrency' }])
  })
})

it('is checked at the call', () => {
  const { reactor } = stage()
  const onPaceLost = 'yes' as never
  expect(() => reactor.connectMany(['tcp://192.0.2.1:1'], { onPaceLost })).toThrow(/onPaceLost/)
})
