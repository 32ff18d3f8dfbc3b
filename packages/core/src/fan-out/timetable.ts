/** When the starts of a fan-out are due: its pace, that of its names, and the one timer that asks again. */
import type { OutboundCore } from '../outbound/outbound-core.js'
import type { Timer } from '../reactor/clock.js'
import type { FanOutOptions } from './fan-out-sides.js'
import { PaceWatch } from './pace-watch.js'
import { Pacer } from './pacer.js'
import { isNameTask, type Task } from './task.js'

export class Timetable<T> {
  /** Only where there is a pace, and somebody to hear of it. */
  readonly watch: PaceWatch | undefined
  /** Of connect(2). */
  readonly pacer: Pacer
  /** Names are begun at the same pace; their attempts come later, and at their own time. */
  readonly #names: Pacer
  readonly #core: OutboundCore
  readonly #due: () => void
  #timer: Timer | undefined
  #timerAt = Number.POSITIVE_INFINITY

  /** `due` is called when what was asked for with {@link askAgain} has come. */
  constructor(core: OutboundCore, { rate, onPaceLost }: FanOutOptions, due: () => void) {
    this.#core = core
    this.#due = due
    if (onPaceLost && rate !== Number.POSITIVE_INFINITY) {
      this.watch = new PaceWatch(rate, onPaceLost)
    }
    this.pacer = new Pacer(rate, this.watch)
    this.#names = new Pacer(rate)
  }

  /** Whether it is connect(2) that the task waits its turn for, and not a look-up. */
  isOfConnects(task: Task<T>): boolean {
    return this.#pacerOf(task) === this.pacer
  }

  /** Whether its start is due, or will be in `aheadMs`; if not, a timer will ask again. */
  isDue(task: Task<T>, aheadMs: number, now: number): boolean {
    const waitMs = this.#pacerOf(task).waitMs(now)
    if (waitMs <= aheadMs) return true
    this.askAgain(now + waitMs - aheadMs / 2, now)
    return false
  }

  /** Takes the next start for it: when that is, or 0 where there is no pace. */
  take(task: Task<T>, now: number): number {
    return takeFrom(this.#pacerOf(task), now)
  }

  /** The same for a connect(2) that is called once more. */
  takeOnceMore(): number {
    return takeFrom(this.pacer, this.#core.clock.now())
  }

  /** The gate and a name that is held wait for different paces: the first of them counts, and asks for the other one anew. */
  askAgain(at: number, now: number): void {
    if (at >= this.#timerAt) return
    this.#timer?.cancel()
    this.#timerAt = at
    this.#timer = this.#core.setTimer(at - now, () => {
      this.#timerAt = Number.POSITIVE_INFINITY
      this.#due()
    })
  }

  clear(): void {
    this.#timer?.cancel()
  }

  #pacerOf(task: Task<T>): Pacer {
    const isName = this.pacer.intervalMs > 0 && task.version === 0 && isNameTask(task)
    return isName ? this.#names : this.pacer
  }
}

function takeFrom(pacer: Pacer, now: number): number {
  return pacer.intervalMs > 0 ? pacer.take(now) : 0
}
