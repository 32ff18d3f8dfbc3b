/** The health check of an idle connection before it is used again. */

import { whatHasCome } from '../connection/arrival.js'
import type { Connection } from '../connection/connection.js'
import type { OutboundCore } from '../outbound/outbound-core.js'
import type { Timer } from '../reactor/clock.js'
import { waitAtMost } from '../reactor/patience.js'
import type { PoolLimits } from './pool-options.js'

type CheckupRules = Pick<PoolLimits, 'check' | 'checkTimeoutMs'>

/**
 * First what the kernel knows: an end, an error, or data that nobody asked for make it unfit. Then the user's own check,
 * where there is one. Tells once, never from inside the constructor, and not after `cancel()`.
 */
export class Checkup {
  readonly #core: OutboundCore
  readonly #connection: Connection
  readonly #rules: CheckupRules
  #tell: ((fit: boolean) => void) | undefined
  #timer: Timer | undefined
  readonly #stopReading: () => void

  constructor(
    core: OutboundCore,
    connection: Connection,
    rules: CheckupRules,
    tell: (fit: boolean) => void,
  ) {
    this.#core = core
    this.#connection = connection
    this.#rules = rules
    this.#tell = tell
    this.#stopReading = whatHasCome(core, connection, (arrival) => {
      if (arrival === 'nothing') this.#ask()
      else this.#end(false)
    })
  }

  cancel(): void {
    this.#tell = undefined
    this.#stopReading()
    this.#timer?.cancel()
  }

  #ask(): void {
    const { check, checkTimeoutMs } = this.#rules
    if (check === undefined) return this.#end(true)
    const { link } = this.#connection
    this.#timer = waitAtMost(this.#core, checkTimeoutMs, () => this.#end(false), link)
    const answer = (async () => check(this.#connection))()
    answer.then(
      (fit) => this.#end(fit === true),
      () => this.#end(false),
    )
  }

  #end(fit: boolean): void {
    const tell = this.#tell
    this.#tell = undefined
    this.#timer?.cancel()
    tell?.(fit)
  }
}
