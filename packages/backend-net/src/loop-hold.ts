/** Keeps the process alive while registrations are armed, and only then. */
import { setInterval } from 'node:timers'

/** The longest delay a timer of Node takes, 24.8 days: the timer is there to be referenced, not to fire. */
const LONGEST_DELAY_MS = 2 ** 31 - 1

/**
 * One timer for the whole backend. The alternative, ref() and unref() of each socket, costs two calls into C++ a
 * registration; and it is not needed: for libuv a socket that neither reads nor writes nor connects is inactive
 * and keeps nothing alive, so of the sockets only those reading for an armed registration ever count.
 */
export class LoopHold {
  #armed = 0
  #referenced = true
  readonly #timer: NodeJS.Timeout

  constructor() {
    this.#timer = setInterval(() => {}, LONGEST_DELAY_MS).unref()
  }

  get referenced(): boolean {
    return this.#referenced
  }

  armed(): void {
    if (this.#armed++ === 0 && this.#referenced) this.#timer.ref()
  }

  disarmed(): void {
    if (--this.#armed === 0) this.#timer.unref()
  }

  setReferenced(referenced: boolean): void {
    this.#referenced = referenced
    if (referenced && this.#armed > 0) this.#timer.ref()
    else this.#timer.unref()
  }

  stop(): void {
    clearInterval(this.#timer)
  }
}
