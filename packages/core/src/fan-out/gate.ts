/** Attempts beyond those of a fan-out's own pace: each address of a name, and each further connect(2). They go before new targets. */

import { Fifo } from '../base/fifo.js'
import type { AttemptGate, Pass } from '../connect/attempt-gate.js'
import type { Clock } from '../reactor/clock.js'
import type { Caps } from './caps.js'
import type { Pacer } from './pacer.js'

export class Gate<T> implements AttemptGate {
  readonly #clock: Clock
  readonly #pacer: Pacer
  readonly #caps: Caps<T> | undefined
  readonly #wake: () => void
  readonly #queue = new Fifo<Pass>()

  /** `wake`: some wait for `serve()`. */
  constructor(clock: Clock, pacer: Pacer, caps: Caps<T> | undefined, wake: () => void) {
    this.#clock = clock
    this.#pacer = pacer
    this.#caps = caps
    this.#wake = wake
  }

  enter(pass: Pass): boolean {
    pass.state = 'waiting'
    const now = this.#clock.now()
    if (this.#queue.size === 0 && this.#pacer.waitMs(now) <= 0) return this.#admits(pass, now)
    this.back(pass)
    return false
  }

  leave(pass: Pass): void {
    if (pass.state === 'inside') this.#caps?.release(pass)
    pass.state = 'outside'
  }

  /** There may be room for one that caps had kept. */
  back(pass: Pass): void {
    this.#queue.push(pass)
    this.#wake()
  }

  /** Lets in all whose time has come. True where nobody waits for that any more. */
  serve(now: number): boolean {
    while (this.#queue.size > 0) {
      if (this.#queue.first.state === 'outside') this.#caps?.passOn(this.#queue.take())
      else if (this.#pacer.waitMs(now) > 0) return false
      else {
        const pass = this.#queue.take()
        if (this.#admits(pass, now)) pass.admitted()
      }
    }
    return true
  }

  #admits(pass: Pass, now: number): boolean {
    if (this.#caps?.admitPass(pass) === false) return false
    this.#pacer.take(now)
    pass.state = 'inside'
    return true
  }
}
