/**
 * Deadlines: calls `expire()` on what has not been removed in time.
 *
 * Entries with equal timeouts expire in the order of their coming, so each timeout has a list of its own and
 * adding, removing and finding the next one are O(1) in the number of entries; one timer serves them all. (The
 * number of different timeouts is small: a user has a handful.) When it fires, what has already become ready
 * is let through first, so that a stalled loop is not told as a slow peer: a completion wins over a deadline.
 */
import type { Clock, Timer } from './clock.js'

/** What can expire; it is its own list node. */
export abstract class Expirable {
  deadlineAt = Number.POSITIVE_INFINITY
  deadlineList: DeadlineList | undefined
  previousDeadline: Expirable | undefined
  nextDeadline: Expirable | undefined
  abstract expire(): void
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
  readonly #lists = new Map<number, DeadlineList>()
  #size = 0
  #cleared = 0
  #timer: Timer | undefined
  #timerAt = Number.POSITIVE_INFINITY

  constructor(clock: Clock, defer: (callback: () => void) => void, settleReady: () => void) {
    this.#clock = clock
    this.#defer = defer
    this.#settleReady = settleReady
  }

  get size(): number {
    return this.#size
  }

  /** `entry` expires `timeoutMs` from now, which may be Infinity: never. */
  add(entry: Expirable, timeoutMs: number, now: number): void {
    if (timeoutMs === Number.POSITIVE_INFINITY) return
    let list = this.#lists.get(timeoutMs)
    if (list === undefined) {
      list = new DeadlineList(timeoutMs)
      this.#lists.set(timeoutMs, list)
    }
    entry.deadlineAt = now + timeoutMs
    entry.deadlineList = list
    entry.previousDeadline = list.tail
    if (list.tail) list.tail.nextDeadline = entry
    else list.head = entry
    list.tail = entry
    this.#size++
    if (entry.deadlineAt < this.#timerAt) this.#arm(entry.deadlineAt, now)
  }

  /** Harmless on an entry that has expired or was never added. The timer is left to find out by itself. */
  remove(entry: Expirable): void {
    const list = entry.deadlineList
    if (list === undefined) return
    if (entry.previousDeadline) entry.previousDeadline.nextDeadline = entry.nextDeadline
    else list.head = entry.nextDeadline
    if (entry.nextDeadline) entry.nextDeadline.previousDeadline = entry.previousDeadline
    else list.tail = entry.previousDeadline
    entry.deadlineList = entry.previousDeadline = entry.nextDeadline = undefined
    this.#size--
    if (list.head === undefined) this.#lists.delete(list.timeoutMs)
  }

  clear(): void {
    this.#timer?.cancel()
    this.#timer = undefined
    this.#timerAt = Number.POSITIVE_INFINITY
    this.#cleared++
    for (const list of this.#lists.values()) while (list.head) this.remove(list.head)
  }

  #arm(at: number, now: number): void {
    this.#timer?.cancel()
    this.#timerAt = at
    this.#timer = this.#clock.setTimer(Math.max(0, at - now), this.#onTimer)
  }

  readonly #onTimer = (): void => {
    const due = this.#clock.now()
    // libuv runs timers before I/O: only in the check phase has this turn's I/O been seen.
    this.#defer(() => {
      this.#settleReady()
      this.#expireUntil(due)
    })
  }

  #expireUntil(due: number): void {
    const cleared = this.#cleared
    this.#timerAt = Number.POSITIVE_INFINITY
    let next = Number.POSITIVE_INFINITY
    for (const list of this.#lists.values()) {
      while (list.head && list.head.deadlineAt <= due) {
        const entry = list.head
        this.remove(entry)
        entry.expire()
      }
      if (list.head) next = Math.min(next, list.head.deadlineAt)
    }
    // Where all were cleared meanwhile, `next` belongs to nobody.
    if (cleared !== this.#cleared) return
    if (next < this.#timerAt) this.#arm(next, this.#clock.now())
  }
}
