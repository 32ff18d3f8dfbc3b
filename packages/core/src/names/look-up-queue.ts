/** So many look-ups at once. The others wait here, which costs no connect its time; those that nobody wants any more leave. */
import { systemClock } from '../reactor/clock.js'
import { isNoAddress, type LookUpContext, RESOLVER_STUCK } from './resolver.js'

interface Waiting {
  readonly since: number
  turn(): void
  giveUp(cause: unknown): void
}

export interface LookUpQueueOptions {
  /** Look-ups at once. */
  readonly most: number
  /**
   * Where look-ups can't be called off: a queue in which nothing was answered for so long, in milliseconds, gives up those
   * that wait. They would pile up otherwise, with nobody's time running. Default: never.
   */
  readonly patienceMs?: number | undefined
}

export class LookUpQueue {
  readonly #most: number
  readonly #patienceMs: number
  /** In the order of their coming. */
  readonly #waiting = new Set<Waiting>()
  #underWay = 0
  #answeredAt = Number.NEGATIVE_INFINITY
  #watching = false

  constructor({ most, patienceMs = Number.POSITIVE_INFINITY }: LookUpQueueOptions) {
    this.#most = most
    this.#patienceMs = patienceMs
  }

  /** What `look` gives, once it is its turn. Rejects where `context.signal` comes first. */
  async run<T>(look: () => Promise<T>, context: LookUpContext | undefined): Promise<T> {
    context?.signal.throwIfAborted()
    if (this.#underWay < this.#most) this.#underWay++
    else await this.#turn(context)
    try {
      context?.begun()
      const answer = await look()
      this.#answeredAt = systemClock.now()
      return answer
    } catch (cause) {
      if (isNoAddress(cause)) this.#answeredAt = systemClock.now()
      throw cause
    } finally {
      this.#next()
    }
  }

  /** All that wait. */
  giveUp(cause: unknown): void {
    for (const one of this.#waiting) one.giveUp(cause)
  }

  #turn(context: LookUpContext | undefined): Promise<void> {
    const signal = context?.signal
    return new Promise((resolve, reject) => {
      const leave = (): void => one.giveUp(signal?.reason)
      const end = (): void => {
        this.#waiting.delete(one)
        signal?.removeEventListener('abort', leave)
      }
      const one: Waiting = {
        since: systemClock.now(),
        turn() {
          end()
          resolve()
        },
        giveUp(cause) {
          end()
          reject(cause)
        },
      }
      this.#waiting.add(one)
      signal?.addEventListener('abort', leave)
      context?.waiting()
      this.#watch()
    })
  }

  /** Whose place it was hands it on. */
  #next(): void {
    const [next] = this.#waiting
    if (next) next.turn()
    else this.#underWay--
  }

  #watch(): void {
    const patienceMs = this.#patienceMs
    const [first] = this.#waiting
    if (this.#watching || patienceMs === Number.POSITIVE_INFINITY || first === undefined) return
    this.#watching = true
    const leftMs = Math.max(first.since, this.#answeredAt) + patienceMs - systemClock.now()
    systemClock.setTimer(Math.max(1, leftMs), () => {
      this.#watching = false
      const since = systemClock.now() - patienceMs
      const isStuck = this.#answeredAt <= since
      for (const one of this.#waiting) {
        if (!isStuck || one.since > since) break
        one.giveUp(Object.assign(new Error('no look-up is answered'), { code: RESOLVER_STUCK }))
      }
      this.#watch()
    })
  }
}
