/** One request on its way, and a queue of them. */
import { AsyncResource } from 'node:async_hooks'
import type { Subscriber } from 'rxjs'
import { guarded } from './uncaught.js'

export class RequestEntry<Q, R> {
  /** `waiting` to be sent; `sent`, and the response is waited for; `done`: nobody waits any more. */
  state: 'waiting' | 'sent' | 'done' = 'waiting'
  id: unknown
  readonly #context = new AsyncResource('POLLOUT', { requireManualDestroy: true })
  #request: Q | undefined
  #subscriber: Subscriber<R> | undefined
  #release: (() => void) | undefined

  constructor(request: Q, subscriber: Subscriber<R>) {
    this.#request = request
    this.#subscriber = subscriber
  }

  get request(): Q {
    return this.#request as Q
  }

  /** What ends with the entry: its timer and its listener. */
  whenDone(release: () => void): void {
    this.#release = release
  }

  /** Nobody waits for it any more: lets go of all it holds. */
  leave(): void {
    this.state = 'done'
    this.#release?.()
    this.#release = undefined
    this.#request = undefined
    this.#subscriber = undefined
  }

  answer(response: R): void {
    const subscriber = this.#settle()
    this.#tell(() => {
      subscriber?.next(response)
      subscriber?.complete()
    })
  }

  /** Harmless where it is done. */
  fail(error: unknown): void {
    const subscriber = this.#settle()
    this.#tell(() => subscriber?.error(error))
  }

  /** What throws there, as the clean-up of a subscriber may, is no trouble of the channel's. */
  #tell(tell: () => void): void {
    guarded(() => this.#context.runInAsyncScope(tell))
  }

  #settle(): Subscriber<R> | undefined {
    const subscriber = this.#subscriber
    this.leave()
    return subscriber
  }
}

/** First in, first out; entries that were done meanwhile are passed over, or left in where their place matters. */
export class RequestQueue<Q, R> {
  #entries: RequestEntry<Q, R>[] = []
  /** Entries before this index have been taken. */
  #head = 0

  get size(): number {
    return this.#entries.length - this.#head
  }

  push(entry: RequestEntry<Q, R>): void {
    this.#entries.push(entry)
  }

  take(): RequestEntry<Q, R> | undefined {
    const entry = this.#entries[this.#head]
    if (entry === undefined) return undefined
    this.#head++
    // At a cost that is constant per entry: an array's shift() is not, for long ones.
    if (this.#head * 2 >= this.#entries.length) {
      this.#entries = this.#entries.slice(this.#head)
      this.#head = 0
    }
    return entry
  }

  takeAll(): RequestEntry<Q, R>[] {
    const all = this.#entries.slice(this.#head)
    this.#entries = []
    this.#head = 0
    return all
  }

  /** Takes back what was pushed last, unless it was taken meanwhile, and with it all before it. */
  takeBack(): void {
    if (this.size > 0) this.#entries.pop()
  }

  dropDone(): void {
    this.#entries = this.#entries.slice(this.#head).filter(({ state }) => state !== 'done')
    this.#head = 0
  }
}
