/** Equal look-ups under way at the same time, made once: each who asks may leave, and the last one calls the question off. */
import type { Clock } from '../reactor/clock.js'
import type { LookUpContext } from './resolver.js'

/** A look-up that has been going on for longer than this is not joined any more: it may never end. */
const LONGEST_JOINED_MS = 10_000

export class SharedLookUps<A> {
  readonly #clock: Clock
  readonly #shared = new Map<string, Shared<A>>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** The answer to the question that is being asked already under this key, or to a new one. */
  join(
    key: string,
    context: LookUpContext | undefined,
    ask: (context: LookUpContext) => Promise<A>,
  ): Promise<A> {
    let shared = this.#shared.get(key)
    if (shared === undefined || shared.isTooOld(this.#clock.now())) {
      const made = new Shared<A>(this.#clock, () => {
        if (this.#shared.get(key) === made) this.#shared.delete(key)
      })
      this.#shared.set(key, made)
      made.join(context)
      made.start(ask)
      shared = made
    } else shared.join(context)
    return shared.answer
  }
}

class Shared<A> implements LookUpContext {
  answer!: Promise<A>
  readonly #clock: Clock
  readonly #over: () => void
  readonly #controller = new AbortController()
  readonly #contexts = new Set<LookUpContext>()
  /** Somebody asks who can't leave. */
  #isForGood = false
  #isWaiting = false
  #begunAt: number

  constructor(clock: Clock, over: () => void) {
    this.#clock = clock
    this.#over = over
    this.#begunAt = clock.now()
  }

  get signal(): AbortSignal {
    return this.#controller.signal
  }

  start(ask: (context: LookUpContext) => Promise<A>): void {
    this.answer = ask(this)
    this.answer.then(this.#over, this.#over)
  }

  /** Waiting for its turn on this side is no sign that it will not end. */
  isTooOld(now: number): boolean {
    return !this.#isWaiting && now - this.#begunAt >= LONGEST_JOINED_MS
  }

  join(context: LookUpContext | undefined): void {
    if (context === undefined) {
      this.#isForGood = true
      return
    }
    const { signal } = context
    if (signal.aborted) return
    this.#contexts.add(context)
    signal.addEventListener('abort', () => this.#leave(context), { once: true })
    if (this.#isWaiting) context.waiting()
  }

  waiting(): void {
    this.#isWaiting = true
    for (const context of this.#contexts) context.waiting()
  }

  begun(): void {
    this.#isWaiting = false
    this.#begunAt = this.#clock.now()
    for (const context of this.#contexts) context.begun()
  }

  #leave(context: LookUpContext): void {
    this.#contexts.delete(context)
    if (this.#contexts.size > 0 || this.#isForGood) return
    // Nobody may join what is being called off.
    this.#over()
    this.#controller.abort()
  }
}
