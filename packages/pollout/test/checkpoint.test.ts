/** What a run resumes from: the window of what is done, the file it is kept in, and the counts with it. */
import {
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
import { NO_TAIL, type Tail } from '../src/cli/fanout/output-file.js'
import { sumOf } from '../src/cli/fanout/sum.js'
import { invalidRow, type OutcomeRow } from '../src/outcomes/outcome-row.js'
import { Tally } from '../src/outcomes/tally.js'

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

  const OUTPUT = 'two\nof them\nand this one\n'
  const tailOf = (text: string) => ({ bytes: text.length, sum: sumOf(text) })
  /** An output as the disk has it. */
  const holding = (text: string) => ({
    has: (end: number, { bytes, sum }: Tail) =>
      end <= text.length && (bytes === 0 || sumOf(text.slice(end - bytes, end)) === sum),
  })
  const WHOLE = holding(OUTPUT)
  const START = { bytes: 0, tail: NO_TAIL }

  /** A snapshot of nothing, a batch of two outcomes, one of none that are shown, one of one. */
  async function written(name: string) {
    const ledger = new Ledger(SETTINGS, 'seed', undefined)
    const checkpoint = await Checkpoint.create(name, ledger.state(START, false))
    onTestFinished(() => checkpoint.close())
    const [first, second] = [OUTPUT.slice(0, 12), OUTPUT.slice(12)]
    const end = first.length
    await checkpoint.append({
      done: [0, 3],
      counts: refused(2),
      outputBytes: end,
      tail: tailOf(first),
    })
    await checkpoint.append({ done: [5], counts: refused(1), outputBytes: end, tail: NO_TAIL })
    const outputBytes = OUTPUT.length
    await checkpoint.append({ done: [1], counts: refused(1), outputBytes, tail: tailOf(second) })
    return { ledger, checkpoint }
  }

  const doneOf = ({ done }: { done: DoneWindow }) =>
    [0, 1, 2, 3, 4, 5].filter((position) => done.has(position))

  it('is its snapshot and the batches since', async () => {
    const name = join(folder(), 'state')
    await written(name)
    const state = await readCheckpoint(name, WHOLE)
    expect(state).toMatchObject({
      settings: SETTINGS,
      seed: 'seed',
      outputBytes: OUTPUT.length,
      tail: tailOf(OUTPUT.slice(12)),
      complete: false,
    })
    expect(state.counts).toEqual(refused(4))
    expect(doneOf(state)).toEqual([0, 1, 3, 5])
  })

  it('is right wherever its last write was cut off', async () => {
    const name = join(folder(), 'state')
    await written(name)
    const whole = readFileSync(name)
    const lastLine = whole.lastIndexOf('\n', whole.length - 2) + 1
    for (let length = lastLine; length < whole.length; length++) {
      truncateSync(name, length)
      const state = await readCheckpoint(name, WHOLE)
      expect([state.outputBytes, doneOf(state)]).toEqual([12, [0, 3, 5]])
      writeFileSync(name, whole)
    }
  })

  it.each([
    ['shorter', (length: number) => OUTPUT.slice(0, length)],
    ['zeros at its end', (length: number) => OUTPUT.slice(0, length).padEnd(OUTPUT.length, '\0')],
    ['another text at its end', (length: number) => OUTPUT.slice(0, length).padEnd(99, '?')],
  ])('goes as far as the output does: %s', async (_, left) => {
    const name = join(folder(), 'state')
    await written(name)
    for (let length = 0; length <= OUTPUT.length; length++) {
      const state = await readCheckpoint(name, holding(left(length)))
      const whole = length === OUTPUT.length ? [OUTPUT.length, [0, 1, 3, 5]] : [12, [0, 3, 5]]
      expect([state.outputBytes, doneOf(state)]).toEqual(length < 12 ? [0, []] : whole)
    }
  })

  it('goes as far as its own lines are those that were written', async () => {
    const name = join(folder(), 'state')
    await written(name)
    const whole = readFileSync(name, 'latin1')
    const start = whole.indexOf('\n') + 1
    for (let at = start; at < whole.length; at++) {
      for (const byte of ['\0', '1', '\n']) {
        if (whole[at] === byte) continue
        writeFileSync(name, `${whole.slice(0, at)}${byte}${whole.slice(at + 1)}`, 'latin1')
        const state = await readCheckpoint(name, WHOLE)
        const lines = whole.slice(start, at + 1).split('\n').length - (whole[at] === '\n' ? 2 : 1)
        expect([at, byte, doneOf(state)]).toEqual([at, byte, [[], [0, 3], [0, 3, 5]][lines]])
      }
    }
    writeFileSync(name, `${whole.slice(0, start)}${'\0'.repeat(5_000)}`)
    expect(doneOf(await readCheckpoint(name, WHOLE))).toEqual([])
  })

  it('a snapshot takes the place of all before, and leaves nothing beside it', async () => {
    const path = folder()
    const name = join(path, 'state')
    const { ledger, checkpoint } = await written(name)
    ledger.confirm([0, 3, 5, 1, 2], refused(5))
    const bytes = OUTPUT.length
    await checkpoint.snapshot(ledger.state({ bytes, tail: tailOf('this one\n') }, false))
    const tail = tailOf('more\n')
    await checkpoint.append({ done: [4], counts: refused(1), outputBytes: bytes + 5, tail })
    expect(readFileSync(name, 'utf8').split('\n')).toHaveLength(3)
    expect(readdirSync(path)).toEqual(['state'])
    const state = await readCheckpoint(name, holding(`${OUTPUT}more\n`))
    expect(state).toMatchObject({ outputBytes: bytes + 5, tail, counts: refused(6) })
    expect(state.done.low).toBe(6)
  })

  it('more than a window of targets may be done between two snapshots', async () => {
    const name = join(folder(), 'state')
    const { checkpoint } = await written(name)
    const outputBytes = OUTPUT.length
    const size = WINDOW / 16
    for (let first = 0; first < 2 * WINDOW; first += size) {
      const done = Array.from({ length: size }, (_, i) => first + i)
      await checkpoint.append({ done, counts: refused(size), outputBytes, tail: NO_TAIL })
    }
    expect((await readCheckpoint(name, WHOLE)).done.low).toBe(2 * WINDOW)
  })

  it.each(['', 'hello\n', '{}\n', '[1]\n', '\0\0\n', 'pollout checkpoint 3 0123 {}\n'])(
    'refuses %j',
    async (text) => {
      const name = join(folder(), 'state')
      writeFileSync(name, text)
      await expect(readCheckpoint(name, WHOLE)).rejects.toThrow(
        /is no checkpoint of this program, or a damaged one/,
      )
    },
  )

  it.each(['{"format":"pollout checkpoint 1","settings":{}}', 'pollout checkpoint 4 0123 {}'])(
    'says that it is of another version: %s',
    async (line) => {
      const name = join(folder(), 'state')
      writeFileSync(name, `${line}\n`)
      await expect(readCheckpoint(name, WHOLE)).rejects.toThrow(
        /state is of another version of pollout, [14]: end the run with that one, or remove/,
      )
    },
  )

  it('refuses a snapshot that was changed', async () => {
    const name = join(folder(), 'state')
    await written(name)
    writeFileSync(name, readFileSync(name, 'utf8').replace('1/1', '1/2'))
    await expect(readCheckpoint(name, WHOLE)).rejects.toThrow(/or a damaged one/)
  })

  it('tells that there is none', async () => {
    await expect(readCheckpoint(join(folder(), 'none'), WHOLE)).rejects.toMatchObject({
      code: 'ENOENT',
    })
  })
})

describe('Tally', () => {
  const row = (more: Partial<OutcomeRow>): OutcomeRow => ({
    ...invalidRow({ raw: 'x', line: 1, message: '' }),
    ...more,
    summedCode: more.code ?? '',
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
