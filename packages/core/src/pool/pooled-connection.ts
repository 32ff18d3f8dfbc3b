/** A connection as its pool knows it: how old, how often used, how long idle. */
import type { Connection } from '../connection/connection.js'
import type { PoolLimits } from './pool-options.js'

export class PooledConnection {
  readonly connection: Connection
  uses = 0
  readonly #limits: PoolLimits
  readonly #retiresAt: number
  #idleUntil = Number.POSITIVE_INFINITY

  constructor(connection: Connection, limits: PoolLimits, now: number) {
    this.connection = connection
    this.#limits = limits
    this.#retiresAt = now + limits.maxLifetimeMs
  }

  /** Nobody has it from now on. */
  rests(now: number): void {
    this.#idleUntil = now + this.#limits.idleTimeoutMs
  }

  /** When it is to be closed, if nobody uses it until then. */
  get expiresAt(): number {
    return Math.min(this.#retiresAt, this.#idleUntil)
  }

  /** Whether it may be lent once more, for all that this side knows. */
  isReusable(now: number): boolean {
    const { closed, unsentBytes } = this.connection
    return !closed && unsentBytes === 0 && this.uses < this.#limits.maxUses && now < this.#retiresAt
  }
}
