/** Deadlines and the turn queue, on a clock by hand. */
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { manualClock } from '@pollout/testing'
import { describe, expect, it } from 'vitest'
import { Deadlines, Expirable } from '../src/reactor/deadlines.js'
import { TurnQueue } from '../src/reactor/turn-queue.js'
import { microtasks, uncaughtErrors } from './harness.js'

function deadlines(settleReady: () => void = () => {}, looks = 1) {
  const clock = manualClock()
  const all = new Deadlines(clock, (callback) => clock.defer(callback), settleReady, looks)
  const expired: string[] = []
  const add = (name: string, timeoutMs: number, then: () => void = () => {}): Expirable => {
    class Entry extends Expirable {
      expire(): void {
        expired.push(name)
        then()
      }
    }
    const entry = new Entry()
    all.add(entry, timeoutMs, clock.now())
    return entry
  }
  return { clock, all, expired, add }
}

describe('Deadlines', () => {
  it('expire in the order of their times, with one timer for all', () => {
    const { clock, all, expired, add } = deadlines()
    add('c', 30)
    add('a', 10)
    add('b', 20)
    add('a2', 10)
    expect([all.size, clock.pendingTimers]).toEqual([4, 1])
    clock.advance(9.99)
    expect(expired).toEqual([])
    clock.advance(0.01)
    expect(expired).toEqual(['a', 'a2'])
    clock.advance(20)
    expect(expired).toEqual(['a', 'a2', 'b', 'c'])
    expect([all.size, clock.pendingTimers]).toEqual([0, 0])
  })

  it('those removed do not expire; removing is harmless any number of times', () => {
    const { clock, all, expired, add } = deadlines()
    const entries = ['a', 'b', 'c', 'd'].map((name) => add(name, 10))
    for (const index of [1, 0, 3, 1]) all.remove(entries[index] as Expirable)
    expect(all.size).toBe(1)
    clock.advance(10)
    all.remove(entries[2] as Expirable)
    expect(expired).toEqual(['c'])
    expect(all.size).toBe(0)
  })

  it('an entry can be added again once it has expired', () => {
    const { clock, all, expired, add } = deadlines()
    const entry = add('a', 10)
    clock.advance(10)
    all.add(entry, 10, clock.now())
    clock.advance(10)
    expect(expired).toEqual(['a', 'a'])
  })

  it('a late timer: what is ready is let through first, in the check phase', () => {
    const order: string[] = []
    let rescued: Expirable | undefined
    const { clock, all, add } = deadlines(() => {
      order.push('settle')
      if (rescued) all.remove(rescued)
    })
    rescued = add('rescued', 10, () => order.push('rescued'))
    add('late', 10, () => order.push('late'))
    clock.stall(500)
    clock.turn(() => order.push('poll'))
    expect(order).toEqual(['poll', 'settle', 'late'])
  })

  it('two looks, a turn apart, where what the first one brings has still a way to go', () => {
    const order: string[] = []
    const { clock, all, expired, add } = deadlines(() => order.push('look'), 2)
    const rescued = add('rescued', 10)
    add('late', 10)
    clock.stall(500)
    clock.turn()
    expect([order, expired]).toEqual([['look'], []])
    all.remove(rescued)
    clock.turn()
    expect([order, expired]).toEqual([['look', 'look'], ['late']])
  })

  it('what has come nearer since its time was up is given the time again that the loop was late', () => {
    const { clock, all, expired } = deadlines()
    class Half extends Expirable {
      moved = Number.NEGATIVE_INFINITY
      override get movedAt(): number {
        return this.moved
      }
      expire(): void {
        expired.push('half')
      }
    }
    const entry = new Half()
    all.add(entry, 100, clock.now())
    clock.stall(500)
    entry.moved = clock.now()
    clock.settle()
    clock.advance(399)
    expect([expired, all.size]).toEqual([[], 1])
    // Again in time, and nothing more has come.
    clock.advance(1)
    expect([expired, all.size]).toEqual([['half'], 0])
  })

  it('restart() begins an entry’s time anew, in the order of the times', () => {
    const { clock, all, expired, add } = deadlines()
    const [a, , c] = [add('a', 10), add('b', 10), add('c', 10)]
    clock.advance(5)
    all.restart(a, clock.now())
    all.restart(c as Expirable, clock.now())
    clock.advance(5)
    expect(expired).toEqual(['b'])
    clock.advance(5)
    expect([expired, all.size, clock.pendingTimers]).toEqual([['b', 'a', 'c'], 0, 0])
    all.restart(a, clock.now())
    expect(all.size).toBe(0)
  })

  it('one that throws: uncaught, once, and all others expire in their time', async () => {
    const uncaught = uncaughtErrors()
    const boom = new Error('boom')
    const { clock, expired, add } = deadlines(() => {
      throw boom
    })
    add('a', 10, () => {
      throw boom
    })
    add('b', 10)
    add('c', 20)
    clock.advance(20)
    await microtasks()
    await new Promise((resolve) => setImmediate(resolve))
    expect([expired, uncaught]).toEqual([
      ['a', 'b', 'c'],
      [boom, boom, boom],
    ])
  })

  it('a clock that throws leaves no entry behind, and stops no other', () => {
    const { clock, all, expired, add } = deadlines()
    add('first', 15)
    const setTimer = clock.setTimer.bind(clock)
    clock.setTimer = () => {
      throw new Error('no timer')
    }
    expect(() => add('a', 10)).toThrow('no timer')
    clock.setTimer = setTimer
    expect(all.size).toBe(1)
    clock.advance(15)
    expect([expired, all.size]).toEqual([['first'], 0])
    add('b', 20)
    clock.advance(20)
    expect(expired).toEqual(['first', 'b'])
  })

  it('what became due between the timer and the check phase waits for its own turn', () => {
    const { clock, expired, add } = deadlines()
    add('a', 10)
    add('b', 12)
    clock.stall(10)
    clock.turn(() => clock.stall(5))
    expect(expired).toEqual(['a'])
    clock.turn()
    expect(expired).toEqual(['a', 'b'])
  })

  it('Infinity is never, and a delay beyond 2^31 ms is kept', () => {
    const { clock, all, expired, add } = deadlines()
    add('never', Number.POSITIVE_INFINITY)
    expect([all.size, clock.pendingTimers]).toEqual([0, 0])
    add('long', 2 ** 33)
    clock.advance(2 ** 33 - 1)
    expect(expired).toEqual([])
    clock.advance(1)
    expect(expired).toEqual(['long'])
  })

  it('distinct timeouts leave nothing behind, removed or expired', async () => {
    const { clock, all, expired, add } = deadlines()
    const lists: WeakRef<object>[] = []
    for (let i = 0; i < 100; i++) {
      const entry = add(`${i}`, 1_000 + i)
      lists.push(new WeakRef(entry.deadlineList as object))
      if (i % 2) all.remove(entry)
    }
    expect(new Set(lists.map((list) => list.deref())).size).toBe(100)
    clock.advance(2_000)
    expect([expired.length, all.size, clock.pendingTimers]).toEqual([50, 0, 0])
    await collectGarbage()
    expect(lists.filter((list) => list.deref())).toEqual([])
  })

  it('a handler may add and remove others', () => {
    const { clock, all, expired, add } = deadlines()
    add('a', 10, () => {
      all.remove(b)
      add('d', 5)
    })
    const b = add('b', 10)
    add('c', 10)
    clock.advance(10)
    expect(expired).toEqual(['a', 'c'])
    clock.advance(5)
    expect(expired).toEqual(['a', 'c', 'd'])
    expect(clock.pendingTimers).toBe(0)
  })

  it('clear() from a handler leaves neither entries nor a timer', () => {
    const { clock, all, expired, add } = deadlines()
    add('later', 100)
    add('a', 10, () => all.clear())
    add('b', 10)
    clock.advance(10)
    expect(expired).toEqual(['a'])
    expect([all.size, clock.pendingTimers]).toEqual([0, 0])
  })
})

/** What a WeakRef was asked for is kept to the end of the turn. */
async function collectGarbage(): Promise<void> {
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as () => void
  for (let i = 0; i < 3; i++) {
    await new Promise((resolve) => setImmediate(resolve))
    collect()
  }
}

describe('TurnQueue', () => {
  function queue(perTurn: number) {
    const clock = manualClock()
    const ran: (number | string)[] = []
    const then = new Map<number, () => void>()
    const defer = (callback: () => void): void => clock.defer(callback)
    const turns = new TurnQueue<number>(defer, perTurn, (item) => {
      ran.push(item)
      then.get(item)?.()
    })
    return { clock, ran, then, turns }
  }

  it('offer() runs at once within the share of a turn, then queues in order', () => {
    const { clock, ran, turns } = queue(2)
    for (let i = 1; i <= 5; i++) turns.offer(i)
    expect([ran, turns.size]).toEqual([[1, 2], 3])
    clock.runDeferred()
    expect(ran).toEqual([1, 2, 3, 4])
    turns.offer(6)
    clock.settle()
    expect(ran).toEqual([1, 2, 3, 4, 5, 6])
    expect(clock.pendingDeferred).toBe(0)
  })

  it('push() never runs at once, and what is pushed in a turn waits for the next', () => {
    const { clock, ran, then, turns } = queue(Number.POSITIVE_INFINITY)
    then.set(1, () => turns.push(2))
    turns.push(1)
    expect(ran).toEqual([])
    clock.runDeferred()
    expect(ran).toEqual([1])
    clock.runDeferred()
    expect(ran).toEqual([1, 2])
  })

  it('offer() inside a turn goes behind those that wait', () => {
    const { clock, ran, then, turns } = queue(5)
    then.set(1, () => turns.offer(3))
    turns.push(1)
    turns.push(2)
    clock.settle()
    expect(ran).toEqual([1, 2, 3])
  })

  it('the share is a new one in the next turn', () => {
    const { clock, ran, turns } = queue(1)
    turns.offer(1)
    clock.settle()
    turns.offer(2)
    expect(ran).toEqual([1, 2])
  })

  it('an item that throws, or clears, harms no later one', () => {
    const { clock, ran, then, turns } = queue(10)
    then.set(1, () => {
      throw new Error('boom')
    })
    for (const item of [1, 2, 3]) turns.push(item)
    expect(() => clock.runDeferred()).toThrow('boom')
    clock.settle()
    expect(ran).toEqual([1, 2, 3])
    then.set(4, () => turns.clear())
    for (const item of [4, 5]) turns.push(item)
    clock.settle()
    turns.push(6)
    clock.settle()
    expect(ran).toEqual([1, 2, 3, 4, 6])
  })
})
