/**
 * Deadlines: calls `expire()` on what has not been removed in time.
 *
 * Entries with equal timeouts expire in the order of their coming, so each timeout has a list of its own and
 * adding, removing and finding the next one are O(1) in the number of entries; one timer serves them all. (The
 * number of different timeouts is small: a user has a handful.)
 *
 * What is in the kernel beats a timer: when it fires, what has already become ready is let through first (a look), so
 * that a stalled loop is not told as a slow peer. One look is enough for a connect, which is over when it is reported.
 * What is received may still have to go through TLS, a parser and a promise to where it is waited for, in ticks that come
 * after the look: so there are two of them, a turn apart, for everything else. And what has come nearer since its time was
 * up, but is not there yet, is given once more the time that the loop was late.
 */

import { guarded, reportUncaught } from '../base/uncaught.js'
import type { Clock, Timer } from './clock.js'

/** What expires no later than this was not held up: timers are coarse. */
const COARSENESS_MS = 10

/** What can expire; it is its own list node. */
export abstract class Expirable {
  deadlineAt = Number.POSITIVE_INFINITY
  deadlineList: DeadlineList | undefined
  previousDeadline: Expirable | undefined
  nextDeadline: Expirable | undefined
  abstract expire(): void
  /** When what it waits for last came nearer, where somebody notes that. */
  get movedAt(): number {
    return Number.NEGATIVE_INFINITY
  }
}

class DeadlineList {
  readonly timeoutMs: number
  head: Expirable | undefined
  tail: Expirable | undefined

  constructor(timeoutMs: number) {
    this.timeoutMs = timeoutMs
  }
}

export class Deadlines {
  readonly #clock: Clock
  readonly #defer: (callback: () => void) => void
  /** Lets ready sockets be seen before their deadlines are. */
  readonly #settleReady: () => void
  readonly #looksBefore: number
  readonly #lists = new Map<number, DeadlineList>()
  #size = 0
  #cleared = 0
  #timer: Timer | undefined
  #timerAt = Number.POSITIVE_INFINITY

  /** `looksBefore`: how often what is ready is let through before anything expires. */
  constructor(
    clock: Clock,
    defer: (callback: () => void) => void,
    settleReady: () => void,
    looksBefore = 1,
  ) {
    this.#clock = clock
    this.#defer = defer
    this.#settleReady = settleReady
    this.#looksBefore = looksBefore
  }

  get size(): number {
    return this.#size
  }

  /** `entry` expires `timeoutMs` from now, which may be Infinity: never. */
  add(entry: Expirable, timeoutMs: number, now: number): void {
    if (timeoutMs === Number.POSITIVE_INFINITY) return
    const deadlineAt = now + timeoutMs
    // First: a clock is the user's, and may throw.
    if (deadlineAt < this.#timerAt) this.#arm(deadlineAt, now)
    let list = this.#lists.get(timeoutMs)
    if (list === undefined) {
      list = new DeadlineList(timeoutMs)
      this.#lists.set(timeoutMs, list)
    }
    entry.deadlineAt = deadlineAt
    append(entry, list)
    this.#size++
  }

  /** Its time begins anew; harmless where it has none. The timer is left to find out by itself. */
  restart(entry: Expirable, now: number): void {
    const list = entry.deadlineList
    if (list === undefined) return
    entry.deadlineAt = now + list.timeoutMs
    if (list.tail === entry) return
    unlink(entry, list)
    append(entry, list)
  }

  /** Harmless on an entry that has expired or was never added. The timer is left to find out by itself. */
  remove(entry: Expirable): void {
    const list = entry.deadlineList
    if (list === undefined) return
    unlink(entry, list)
    entry.deadlineList = undefined
    this.#size--
    if (list.head === undefined) this.#lists.delete(list.timeoutMs)
  }

  clear(): void {
    this.#cleared++
    for (const list of this.#lists.values()) while (list.head) this.remove(list.head)
    this.rest()
  }

  /** Where nothing is left, no timer is. For who comes and goes rarely: else the timer is best left to find out by itself. */
  rest(): void {
    if (this.#size > 0) return
    this.#timer?.cancel()
    this.#timer = undefined
    this.#timerAt = Number.POSITIVE_INFINITY
  }

  #arm(at: number, now: number): void {
    // The clock may throw, and those before need the timer that there is.
    const timer = this.#clock.setTimer(Math.max(0, at - now), this.#onTimer)
    this.#timer?.cancel()
    this.#timer = timer
    this.#timerAt = at
  }

  readonly #onTimer = (): void => {
    this.#look(this.#clock.now(), this.#looksBefore)
  }

  #look(due: number, times: number): void {
    // libuv runs timers before I/O: only in the check phase has this turn's I/O been seen.
    this.#defer(() => {
      guarded(this.#settleReady)
      if (times > 1) this.#look(due, times - 1)
      else this.#expireUntil(due)
    })
  }

  #expireUntil(due: number): void {
    const cleared = this.#cleared
    this.#timerAt = Number.POSITIVE_INFINITY
    let next = Number.POSITIVE_INFINITY
    for (const list of this.#lists.values()) {
      while (list.head && list.head.deadlineAt <= due) this.#expire(list.head, due)
      if (list.head) next = Math.min(next, list.head.deadlineAt)
    }
    // Where all were cleared meanwhile, `next` belongs to nobody.
    if (cleared !== this.#cleared) return
    if (next < this.#timerAt) this.#arm(next, this.#clock.now())
  }

  /** One that throws harms none of those behind it. */
  #expire(entry: Expirable, due: number): void {
    this.remove(entry)
    const lateMs = due - entry.deadlineAt
    const isMoving = lateMs > COARSENESS_MS && entry.movedAt > entry.deadlineAt
    try {
      if (isMoving) this.add(entry, lateMs, this.#clock.now())
      else entry.expire()
    } catch (error) {
      reportUncaught(error)
    }
  }
}

function append(entry: Expirable, list: DeadlineList): void {
  entry.deadlineList = list
  entry.previousDeadline = list.tail
  if (list.tail) list.tail.nextDeadline = entry
  else list.head = entry
  list.tail = entry
}

function unlink(entry: Expirable, list: DeadlineList): void {
  if (entry.previousDeadline) entry.previousDeadline.nextDeadline = entry.nextDeadline
  else list.head = entry.nextDeadline
  if (entry.nextDeadline) entry.nextDeadline.previousDeadline = entry.previousDeadline
  else list.tail = entry.previousDeadline
  entry.previousDeadline = entry.nextDeadline = undefined
}
