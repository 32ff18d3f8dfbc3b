/** The feed of a fan-out: when it gives a target, when it waits, and when it is over. */
import { tcp } from '@pollout/core'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { Feed, type FeedOwner, type Numbered } from '../src/cli/fanout/feed.js'
import type { Job } from '../src/outcomes/outcome-row.js'

const numbered = (position: number): Numbered => ({
  position,
  listed: { endpoint: tcp('127.0.0.1', position + 1) },
})

function* targets(count: number): Generator<Numbered> {
  for (let position = 0; position < count; position++) yield numbered(position)
}

const owner = (more: Partial<FeedOwner> = {}): FeedOwner => ({
  hasRoom: () => true,
  invalid: () => {},
  admits: () => true,
  ...more,
})

/** What a step has come to by now. */
async function now<T>(step: Promise<T>): Promise<T | 'waits'> {
  const waits = new Promise<'waits'>((resolve) => setImmediate(() => resolve('waits')))
  return await Promise.race([step, waits])
}

const positionOf = (result: IteratorResult<Job, undefined> | 'waits') =>
  result === 'waits' || result.done ? result : result.value.position

it('gives the targets in their order, and is over when all have their outcomes', async () => {
  const feed = new Feed(targets(3), 10, owner())
  const steps = [await feed.next(), await feed.next(), await feed.next()]
  expect(steps.map(positionOf)).toEqual([0, 1, 2])
  const end = feed.next()
  feed.done(2)
  expect(await now(end)).toBe('waits')
  feed.done(1)
  expect(await end).toEqual({ done: true, value: undefined })
})

it('no more are open than it may have', async () => {
  const feed = new Feed(targets(3), 2, owner())
  await feed.next()
  await feed.next()
  const third = feed.next()
  expect(await now(third)).toBe('waits')
  feed.done(1)
  expect(positionOf(await third)).toBe(2)
  expect(feed.open).toBe(2)
})

it('waits for room, and forgets nothing meanwhile', async () => {
  let room = false
  const feed = new Feed(targets(2), 10, owner({ hasRoom: () => room }))
  const first = feed.next()
  expect(await now(first)).toBe('waits')
  room = true
  feed.wake()
  expect(positionOf(await first)).toBe(0)
  expect(positionOf(await feed.next())).toBe(1)
})

it('what is not admitted, or is no target, is passed over', async () => {
  const invalid: number[] = []
  const source = [
    numbered(0),
    { position: 1, listed: { raw: '?', line: 2, message: '' } },
    numbered(2),
  ]
  const feed = new Feed(
    source.values(),
    10,
    owner({
      admits: (job) => job.position !== 0,
      invalid: (position) => void invalid.push(position),
    }),
  )
  expect(positionOf(await feed.next())).toBe(2)
  expect([invalid, feed.open]).toEqual([[1], 1])
})

it('passing over millions leaves the loop its turns', async () => {
  const feed = new Feed(
    targets(10_000),
    10,
    owner({ admits: ({ position }) => position === 9_999 }),
  )
  let turns = 0
  const count = (): void => {
    turns++
    counting = setImmediate(count)
  }
  let counting = setImmediate(count)
  expect(positionOf(await feed.next())).toBe(9_999)
  clearImmediate(counting)
  expect(turns).toBeGreaterThanOrEqual(5)
})

describe('retries', () => {
  beforeEach(() => void vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] }))
  afterEach(() => void vi.useRealTimers())

  it('come back after their time, before new ones, and are waited for', async () => {
    const feed = new Feed(targets(3), 1, owner())
    const first = await feed.next()
    if (first.done) throw new Error('it gives three')
    first.value.tries = 1
    feed.retry(first.value)
    expect([feed.open, feed.waitingRetries]).toEqual([0, 1])
    expect(positionOf(await feed.next())).toBe(1)
    const next = feed.next()
    vi.advanceTimersByTime(1_000)
    // No more than one may be open.
    expect(await now(next)).toBe('waits')
    feed.done(1)
    const again = await next
    expect(again.value).toBe(first.value)
    feed.done(1)
    expect(positionOf(await feed.next())).toBe(2)
    feed.retry(first.value)
    const last = feed.next()
    expect(await now(last)).toBe('waits')
    vi.advanceTimersByTime(1_000)
    expect((await last).value).toBe(first.value)
  })

  it('leave no timer behind when it is stopped', async () => {
    const feed = new Feed(targets(2), 2, owner())
    const { value } = await feed.next()
    if (value) feed.retry(value)
    const waiting = feed.next().then(() => feed.next())
    expect(vi.getTimerCount()).toBe(1)
    await feed.return()
    expect(vi.getTimerCount()).toBe(0)
    expect(await waiting).toMatchObject({ done: true })
  })

  it('are not begun once it is stopped', async () => {
    const feed = new Feed(targets(1), 1, owner())
    const { value } = await feed.next()
    feed.stop()
    feed.retry(value as Job)
    expect([vi.getTimerCount(), feed.open, feed.waitingRetries]).toEqual([0, 0, 0])
  })

  it('go past a source that has nothing yet', async () => {
    let give = (_: IteratorResult<Numbered>): void => {}
    let asked = 0
    const source: AsyncIterator<Numbered> = {
      next() {
        if (++asked === 1) return Promise.resolve({ done: false, value: numbered(0) })
        return new Promise((resolve) => {
          give = resolve
        })
      },
    }
    const feed = new Feed(source, 10, owner())
    const first = await feed.next()
    const second = feed.next()
    expect(await now(second)).toBe('waits')
    if (!first.done) feed.retry(first.value)
    vi.advanceTimersByTime(1_000)
    expect((await second).value).toBe(first.value)
    const third = feed.next()
    give({ done: false, value: numbered(1) })
    expect([positionOf(await third), asked]).toEqual([1, 2])
  })
})

describe('a source that fails', () => {
  it.each([
    [
      'in its step',
      (function* () {
        yield numbered(0)
        throw new Error('broken')
      })(),
    ],
    [
      'by a promise',
      (async function* () {
        yield numbered(0)
        throw new Error('broken')
      })(),
    ],
  ])('%s is told after the outcomes of what it gave', async (_, source) => {
    const feed = new Feed(source, 10, owner())
    expect(positionOf(await feed.next())).toBe(0)
    const next = feed.next()
    const caught = next.catch((error: Error) => error.message)
    expect(await now(caught)).toBe('waits')
    feed.done(1)
    expect(await caught).toBe('broken')
  })
})
