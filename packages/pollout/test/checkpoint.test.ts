/** What a run resumes from: the window of what is done, the file it is kept in, and the counts with it. */
import {
  appendFileSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import { Checkpoint, readCheckpoint } from '../src/cli/fanout/checkpoint.js'
import { DoneWindow, WINDOW } from '../src/cli/fanout/done-window.js'
import { HostBudget } from '../src/cli/fanout/host-budget.js'
import { Ledger } from '../src/cli/fanout/ledger.js'
import { invalidRow, type OutcomeRow } from '../src/cli/fanout/outcome-row.js'
import { Tally } from '../src/cli/fanout/tally.js'

describe('DoneWindow', () => {
  it('has a mark below which all is done', () => {
    const window = DoneWindow.empty()
    for (const position of [2, 0, 5]) window.add(position)
    expect(window.low).toBe(1)
    window.add(1)
    expect(window.low).toBe(3)
    expect([0, 2, 3, 4, 5, 6].map((position) => window.has(position))).toEqual([
      true,
      true,
      false,
      false,
      true,
      false,
    ])
  })

  it('goes on for ever in the same room', () => {
    const window = DoneWindow.empty()
    const far = 3 * WINDOW + 77
    for (let position = 1; position < far; position++) {
      // The one before comes last, each time: the window is never empty.
      window.add(position)
      window.add(position - 1)
    }
    expect(window.low).toBe(far)
    expect([window.has(far), window.has(far - 1)]).toEqual([false, true])
  })

  it('says how far it reaches', () => {
    const window = DoneWindow.empty()
    window.add(WINDOW - 1)
    expect([window.holds(WINDOW - 1), window.holds(WINDOW)]).toEqual([true, false])
    expect(() => window.add(WINDOW)).toThrow(RangeError)
    window.add(0)
    expect(window.holds(WINDOW)).toBe(true)
  })

  it('comes back as it was', () => {
    const window = DoneWindow.empty()
    for (let i = 0; i < 1_000; i++) window.add((i * 7) % 3_000)
    const again = DoneWindow.from(JSON.parse(JSON.stringify(window)))
    const positions = [...Array(3_100).keys()]
    expect(positions.map((position) => again.has(position))).toEqual(
      positions.map((position) => window.has(position)),
    )
    expect(again.low).toBe(window.low)
  })

  it.each([undefined, {}, { low: -1, above: '' }, { low: 1.5, above: '' }, { low: 0, above: 7 }])(
    'refuses %j',
    (value) => {
      expect(() => DoneWindow.from(value)).toThrow(TypeError)
    },
  )
})

describe('Checkpoint', () => {
  const SETTINGS = { targets: 'abc', shard: '1/1' }
  function folder() {
    const path = mkdtempSync(join(tmpdir(), 'pollout-checkpoint-'))
    onTestFinished(() => rmSync(path, { recursive: true }))
    return path
  }
  const refused = (count: number) => [{ kind: 'refused', code: 'ECONNREFUSED', count }] as const

  async function written(name: string) {
    const ledger = new Ledger(SETTINGS, 'seed', undefined)
    const checkpoint = await Checkpoint.create(name, ledger.state(0, false))
    onTestFinished(() => checkpoint.close())
    await checkpoint.append({ done: [0, 3], counts: refused(2), outputBytes: 20 })
    await checkpoint.append({ done: [1], counts: refused(1), outputBytes: 30 })
    return { ledger, checkpoint }
  }

  it('is its snapshot and the batches since', async () => {
    const name = join(folder(), 'state')
    await written(name)
    const state = await readCheckpoint(name)
    expect(state).toMatchObject({
      settings: SETTINGS,
      seed: 'seed',
      outputBytes: 30,
      complete: false,
    })
    expect(state.counts).toEqual(refused(3))
    expect([0, 1, 2, 3, 4].map((position) => state.done.has(position))).toEqual([
      true,
      true,
      false,
      true,
      false,
    ])
  })

  it('is right wherever its last write was cut off', async () => {
    const name = join(folder(), 'state')
    await written(name)
    const whole = readFileSync(name)
    const lastLine = whole.lastIndexOf('\n', whole.length - 2) + 1
    for (let length = lastLine; length < whole.length; length++) {
      truncateSync(name, length)
      const state = await readCheckpoint(name)
      expect([state.outputBytes, state.done.has(1), state.done.has(3)]).toEqual([20, false, true])
      writeFileSync(name, whole)
    }
  })

  it('a snapshot takes the place of all before, and leaves nothing beside it', async () => {
    const path = folder()
    const name = join(path, 'state')
    const { ledger, checkpoint } = await written(name)
    ledger.confirm([0, 3, 1, 2], refused(4))
    await checkpoint.snapshot(ledger.state(30, false))
    await checkpoint.append({ done: [4], counts: refused(1), outputBytes: 40 })
    expect(readFileSync(name, 'utf8').split('\n')).toHaveLength(3)
    expect(readdirSync(path)).toEqual(['state'])
    const state = await readCheckpoint(name)
    expect(state).toMatchObject({ outputBytes: 40, counts: refused(5) })
    expect(state.done.low).toBe(5)
  })

  it.each(['', 'hello\n', '{}\n', '[1]\n', '{"format":"pollout checkpoint 1"}\n'])(
    'refuses %j',
    async (text) => {
      const name = join(folder(), 'state')
      writeFileSync(name, text)
      await expect(readCheckpoint(name)).rejects.toThrow(
        /is no checkpoint of this program, or a damaged one/,
      )
    },
  )

  it('refuses a damaged batch', async () => {
    const name = join(folder(), 'state')
    await written(name)
    appendFileSync(name, '{"done":[-1],"counts":[],"outputBytes":1}\n')
    await expect(readCheckpoint(name)).rejects.toThrow(TypeError)
  })

  it('tells that there is none', async () => {
    await expect(readCheckpoint(join(folder(), 'none'))).rejects.toMatchObject({ code: 'ENOENT' })
  })
})

describe('Tally', () => {
  const row = (more: Partial<OutcomeRow>): OutcomeRow => ({
    ...invalidRow({ raw: 'x', line: 1, message: '' }),
    ...more,
  })

  it('counts and gives percentiles', () => {
    const tally = new Tally()
    for (let ms = 1; ms <= 1_000; ms++)
      tally.outcome(row({ kind: 'connected', code: '', elapsedMs: ms }))
    tally.outcome(row({ kind: 'connected', code: '', elapsedMs: 0 }))
    tally.outcome(row({ kind: 'refused', code: 'ECONNREFUSED', elapsedMs: 5_000 }))
    expect(tally).toMatchObject({ total: 1_002, connected: 1_001, earlier: 0 })
    expect(tally.rows[0]).toEqual({ kind: 'connected', code: '', count: 1_001 })
    const latencies = new Map(tally.latenciesMs)
    expect(latencies.get('p50')).toBeCloseTo(500, -1)
    expect(latencies.get('p99')).toBeCloseTo(990, -1)
    expect(latencies.get('max')).toBeCloseTo(1_000, -1)
  })

  it('goes on with what an earlier run has counted', () => {
    const tally = new Tally([{ kind: 'refused', code: 'ECONNREFUSED', count: 7 }])
    tally.outcome(row({ kind: 'refused', code: 'ECONNREFUSED' }))
    expect(tally).toMatchObject({ total: 8, earlier: 7, latenciesMs: [] })
  })
})

describe('HostBudget', () => {
  it('leaves a host alone that has failed so often', () => {
    const budget = new HostBudget(2)
    budget.failed('a')
    expect(budget.exceeded('a')).toBeUndefined()
    budget.failed('a')
    expect([budget.exceeded('a'), budget.exceeded('b')]).toEqual([2, undefined])
  })

  it('forgets those that failed longest ago', () => {
    const budget = new HostBudget(1)
    for (let i = 0; i <= 100_000; i++) budget.failed(`h${i}`)
    expect([budget.exceeded('h0'), budget.exceeded('h1')]).toEqual([undefined, 1])
  })
})
