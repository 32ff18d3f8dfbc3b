/**
 * The targets of a fan-out for which something had run out here: kept aside, and brought back one by one.
 *
 * Descriptors and memory are given back by whatever ends, so as long as others get theirs there is hope; a port, only by
 * connects to the same destination or from the same port; an address, never.
 */
import type { SocketAddress } from '../backend/address.js'
import { errno } from '../backend/errno.js'
import { isExhaustion, isPortExhaustion } from '../errors/blame.js'
import type { Failure } from '../errors/failure.js'
import type { OutboundCore } from '../outbound/outbound-core.js'
import type { Timer } from '../reactor/clock.js'
import { lacksAddress } from './port-exhaustion.js'
import type { Task } from './task.js'

/** A target put aside is tried again after 10, 20, 40, ... ms, and no longer than this. */
const LONGEST_RETRY_WAIT_MS = 200
/** Exhaustion that lasts longer than this, or than `timeoutMs`, is told as the target's outcome, `local`. */
const LONGEST_EXHAUSTION_MS = 10_000

/** Where the attempt went that failed. */
export interface Tried {
  readonly address: SocketAddress | undefined
  /** The local address that had no port, where that is what failed. */
  readonly exhaustedSource: SocketAddress | undefined
  /** Its packets may have gone another way than those of a plain socket. */
  readonly routes: boolean
}

export class PutAside<T> {
  readonly #core: OutboundCore
  readonly #patienceMs: number
  readonly #back: (task: Task<T>) => void
  /** Each with the timer that brings it back. */
  readonly #tasks = new Map<Task<T>, Timer>()
  #starved = 0
  /** When an attempt last got what the process as a whole may run out of. */
  #lastSufficedAt = Number.NEGATIVE_INFINITY

  constructor(core: OutboundCore, timeoutMs: number, back: (task: Task<T>) => void) {
    this.#core = core
    this.#patienceMs = Math.min(timeoutMs, LONGEST_EXHAUSTION_MS)
    this.#back = back
  }

  get size(): number {
    return this.#tasks.size
  }

  /** How many of them lack what all need: descriptors or memory. */
  get starved(): number {
    return this.#starved
  }

  /** An attempt got what the process as a whole may run out of. */
  sufficed(now: number): void {
    this.#lastSufficedAt = now
  }

  /** Keeps the task to be tried again, if something has run out and waiting may help. */
  offer(task: Task<T>, failure: Failure, tried: () => Tried): boolean {
    const forAll = isExhaustion(failure)
    if (!forAll && !this.#isForWantOfPorts(task, failure, tried)) return false
    const now = this.#core.clock.now()
    if (Number.isNaN(task.lacksSince)) task.lacksSince = now
    const since = forAll ? Math.max(task.lacksSince, this.#lastSufficedAt) : task.lacksSince
    if (now - since >= this.#patienceMs) return false
    if (forAll) this.#starved++
    const delayMs = Math.min(10 * 2 ** task.retries++, LONGEST_RETRY_WAIT_MS)
    const retry = (): void => {
      this.#tasks.delete(task)
      if (forAll) this.#starved--
      this.#back(task)
    }
    this.#tasks.set(task, this.#core.setTimer(delayMs, retry))
    return true
  }

  clear(): void {
    for (const timer of this.#tasks.values()) timer.cancel()
    this.#tasks.clear()
  }

  #isForWantOfPorts(task: Task<T>, failure: Failure, tried: () => Tried): boolean {
    if (!isPortExhaustion(failure)) return false
    // Asked once for each target, and not where it would go another way than the socket that failed.
    const isInDoubt = failure.errno === -errno.EADDRNOTAVAIL && Number.isNaN(task.lacksSince)
    if (!isInDoubt) return true
    const { address, exhaustedSource, routes } = tried()
    if (!address || routes) return true
    return !lacksAddress(this.#core.backend, address, exhaustedSource)
  }
}
