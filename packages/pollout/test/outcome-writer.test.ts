/** The writer of outcomes: one batch at a time, nothing left behind, nothing done that is not written. */
import { describe, expect, it, vi } from 'vitest'
import { Stop } from '../src/cli/common/stop.js'
import type { Checkpoint } from '../src/cli/fanout/checkpoint.js'
import type { Destination } from '../src/cli/fanout/destination.js'
import { Ledger } from '../src/cli/fanout/ledger.js'
import { OutcomeWriter } from '../src/cli/fanout/outcome-writer.js'
import { NO_TAIL, type OutputFile } from '../src/cli/fanout/output-file.js'

/** Takes a text each time that it is told to. */
class SlowDestination implements Destination {
  readonly name = 'somewhere'
  readonly texts: string[] = []
  readonly closed = vi.fn()
  fail: NodeJS.ErrnoException | undefined
  #taken: (() => void) | undefined

  write(text: string): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#taken = () => {
        if (this.fail) return reject(this.fail)
        this.texts.push(text)
        resolve()
      }
    })
  }

  async take(): Promise<void> {
    await expect.poll(() => this.#taken, { interval: 1 }).toBeDefined()
    const taken = this.#taken
    this.#taken = undefined
    taken?.()
  }

  close(): void {
    this.closed()
  }
}

function writerOf(destination: Destination, onRoom = () => {}) {
  const stop = new Stop()
  return { stop, writer: new OutcomeWriter(destination, undefined, stop, onRoom) }
}

const add = (writer: OutcomeWriter, position: number) =>
  writer.outcome(position, `${position}\n`, 'refused', 'ECONNREFUSED')

it('what comes during a write is the next one', async () => {
  const destination = new SlowDestination()
  const { writer, stop } = writerOf(destination)
  writer.header('head\n')
  add(writer, 0)
  add(writer, 1)
  const first = destination.take()
  await first
  add(writer, 2)
  expect(writer.unconfirmed).toBeGreaterThanOrEqual(1)
  await destination.take()
  const end = writer.end(true)
  await end
  expect(destination.texts).toEqual(['head\n0\n1\n', '2\n'])
  expect([writer.written, writer.unconfirmed]).toEqual([3, 0])
  expect(destination.closed).toHaveBeenCalledOnce()
  stop[Symbol.dispose]()
})

it("what comes at the very moment of a write's end is not forgotten", async () => {
  const texts: string[] = []
  const destination: Destination = {
    name: 'somewhere',
    write: async (text) => void texts.push(text),
    close: () => {},
  }
  let next = 1
  const { writer, stop } = writerOf(destination, () => {
    if (next > 50) return
    // Some steps after the write: one of them is between the writer's last look and its rest.
    const position = next++
    let step = Promise.resolve()
    for (let i = 0; i < position % 8; i++) step = step.then(() => {})
    void step.then(() => add(writer, position))
  })
  add(writer, 0)
  await expect.poll(() => next > 50, { interval: 1 }).toBe(true)
  await writer.end(true)
  expect(texts.join('')).toBe([...Array(51).keys()].map((position) => `${position}\n`).join(''))
  stop[Symbol.dispose]()
})

describe('a write that fails', () => {
  it.each([
    ['EPIPE', 141, ''],
    ['ENOSPC', 3, "pollout: can't write to somewhere: no luck\n"],
  ] as const)('by %s stops the run with %i, and says so once', async (code, exitCode, told) => {
    const said: string[] = []
    const stderr = vi.spyOn(process.stderr, 'write').mockImplementation((text) => {
      said.push(String(text))
      return true
    })
    const destination = new SlowDestination()
    destination.fail = Object.assign(new Error('no luck'), { code })
    const { writer, stop } = writerOf(destination)
    add(writer, 0)
    await destination.take()
    await expect.poll(() => stop.exitCode !== undefined, { interval: 1 }).toBe(true)
    add(writer, 1)
    await writer.end(false)
    stderr.mockRestore()
    expect([stop.exitCode, said.join('')]).toEqual([exitCode, told])
    expect([writer.written, writer.unconfirmed]).toEqual([0, 2])
    stop[Symbol.dispose]()
  })
})

describe('with a checkpoint', () => {
  /** Each step that is to be over before the next one begins. */
  function journalOf(isDue: boolean) {
    const steps: string[] = []
    const step = (name: string) => async () => {
      steps.push(`${name} {`)
      await new Promise((resolve) => setImmediate(resolve))
      steps.push(`} ${name}`)
    }
    const output = {
      name: 'output',
      bytes: 0,
      tail: NO_TAIL,
      write: step('write'),
      sync: step('sync'),
      close: () => void steps.push('close'),
    } as unknown as OutputFile
    const file = {
      name: 'state',
      isDue,
      append: step('append'),
      snapshot: step('snapshot'),
      close: async () => {},
    } as unknown as Checkpoint
    return {
      steps,
      output,
      journal: { file, output, ledger: new Ledger({}, undefined, undefined) },
    }
  }
  const BATCH = ['write {', '} write', 'append {', '} append']
  // What a snapshot says of the output must be on the disk first: a power failure takes what is not.
  const SNAPSHOT = ['sync {', '} sync', 'snapshot {', '} snapshot']

  it.each([
    [true, [...BATCH, ...SNAPSHOT, ...SNAPSHOT, 'close']],
    [false, [...BATCH, ...SNAPSHOT, 'close']],
  ])('the output is on the disk before the snapshot is: due %s', async (isDue, expected) => {
    const { steps, output, journal } = journalOf(isDue)
    const stop = new Stop()
    const writer = new OutcomeWriter(output, journal, stop, () => {})
    add(writer, 0)
    await writer.end(true)
    expect(steps).toEqual(expected)
    stop[Symbol.dispose]()
  })
})
