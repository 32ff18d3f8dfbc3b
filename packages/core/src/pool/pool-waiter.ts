/** One `acquire()` on its way to a lease. */
import { onAbort } from '../base/abort.js'
import type { OutboundCore } from '../outbound/outbound-core.js'
import { Expirable } from '../reactor/deadlines.js'
import type { Lease } from './lease.js'

export interface WaiterOptions {
  readonly core: OutboundCore
  readonly signal: AbortSignal | undefined
  readonly timeoutMs: number
  /** It is to be failed, and taken out of the line. */
  readonly leaves: (waiter: Waiter, why: 'aborted' | 'expired') => void
}

/** While it waits it keeps the process alive. */
export class Waiter extends Expirable {
  readonly lease: Promise<Lease>
  waiting = true
  readonly #options: WaiterOptions
  readonly #stopWatching: () => void
  #resolve!: (lease: Lease) => void
  #reject!: (error: unknown) => void

  constructor(options: WaiterOptions) {
    super()
    this.#options = options
    const { core, signal, leaves } = options
    this.lease = new Promise((resolve, reject) => {
      this.#resolve = resolve
      this.#reject = reject
    })
    core.hold()
    this.#stopWatching = onAbort(signal, () => leaves(this, 'aborted'))
  }

  /** Its time begins. To be called when its connect has been started: of two that end together, that has more to tell. */
  startClock(): void {
    const { core, timeoutMs } = this.#options
    if (this.waiting) core.patience.add(this, timeoutMs, core.clock.now())
  }

  expire(): void {
    this.#options.leaves(this, 'expired')
  }

  serve(lease: Lease): void {
    this.#end()
    this.#resolve(lease)
  }

  fail(error: unknown): void {
    this.#end()
    this.#reject(error)
  }

  #end(): void {
    const { core } = this.#options
    this.waiting = false
    core.patience.remove(this)
    this.#stopWatching()
    core.release()
  }
}
