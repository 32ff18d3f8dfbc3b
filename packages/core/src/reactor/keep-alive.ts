/** Keeps the process alive while something is under way that the backend does not know of: names, timers, turns. */

/** setInterval's longest; the callback has nothing to do. */
const LONGEST_INTERVAL_MS = 2 ** 31 - 1

export class KeepAlive {
  #timer: NodeJS.Timeout | undefined
  #holds = 0
  #wanted = true

  /** One thing more is under way; each `hold()` has its `release()`. */
  hold(): void {
    if (this.#holds++ === 0) this.#apply()
  }

  release(): void {
    if (--this.#holds === 0) this.#apply()
  }

  /** Whether what is held counts at all: ref() and unref() of the reactor. */
  want(wanted: boolean): void {
    this.#wanted = wanted
    this.#apply()
  }

  get wanted(): boolean {
    return this.#wanted
  }

  destroy(): void {
    clearInterval(this.#timer)
    this.#timer = undefined
    this.#wanted = false
  }

  #apply(): void {
    if (this.#wanted && this.#holds > 0) {
      this.#timer ??= setInterval(() => {}, LONGEST_INTERVAL_MS)
      this.#timer.ref()
    } else {
      this.#timer?.unref()
    }
  }
}
