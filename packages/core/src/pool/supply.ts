/** The connections of a pool: gets as many ready as are wanted, within its limits, and takes them back. */
import type { connect } from '../connect/connect.js'
import type { Connection } from '../connection/connection.js'
import type { OutboundCore } from '../outbound/outbound-core.js'
import { Checkup } from './checkup.js'
import { IdleConnections } from './idle-connections.js'
import { Lease } from './lease.js'
import type { PoolLimits } from './pool-options.js'
import { PooledConnection } from './pooled-connection.js'

export interface SupplyOwner {
  /** One is ready: to be lent or, where nobody wants it any more, to rest. */
  ready(pooled: PooledConnection): void
  /** A connect failed. */
  failed(error: unknown): void
  /** A connection has come, gone, or come back: there may be more to be had, or to be let go, than before. */
  changed(): void
}

/** How long a connection that is closed for good may take to send what its last holder has left. */
const LINGER_MS = 5_000

export class Supply {
  readonly #core: OutboundCore
  readonly #limits: PoolLimits
  readonly #source: ReturnType<typeof connect>
  readonly #owner: SupplyOwner
  readonly #idle: IdleConnections
  readonly #leased = new Set<PooledConnection>()
  readonly #checking = new Map<PooledConnection, Checkup>()
  /** How to end each. */
  readonly #connecting = new Set<() => void>()
  readonly #closing = new Set<Connection>()

  constructor(
    core: OutboundCore,
    limits: PoolLimits,
    source: ReturnType<typeof connect>,
    owner: SupplyOwner,
  ) {
    this.#core = core
    this.#limits = limits
    this.#source = source
    this.#owner = owner
    this.#idle = new IdleConnections(core.clock, (pooled) => this.#retire(pooled))
  }

  get counts() {
    return {
      leased: this.#leased.size,
      idle: this.#idle.size,
      checking: this.#checking.size,
      connecting: this.#connecting.size,
      closing: this.#closing.size,
    }
  }

  /** All that have a place, or will. */
  get size(): number {
    return this.#leased.size + this.#idle.size + this.coming + this.#closing.size
  }

  /** Those that are being made ready. */
  get coming(): number {
    return this.#checking.size + this.#connecting.size
  }

  /** One more could be made ready now. */
  get hasMore(): boolean {
    return this.#idle.size > 0 || this.size < this.#limits.maxConnections
  }

  /** Gets `wanted` ready, as far as that goes: idle ones first, also where connects are under way. */
  provide(wanted: number): void {
    while (this.#checking.size < wanted) {
      const pooled = this.#idle.takeNewest()
      if (pooled === undefined) break
      this.#check(pooled)
    }
    while (this.coming < wanted && this.size < this.#limits.maxConnections) this.#connect()
  }

  lend(pooled: PooledConnection): Lease {
    pooled.uses++
    this.#leased.add(pooled)
    return new Lease(pooled.connection, (reusable) => this.#takeBack(pooled, reusable))
  }

  rest(pooled: PooledConnection): void {
    this.#idle.push(pooled)
  }

  /** Closes the longest idle ones, but for so many. */
  keep(most: number): void {
    while (this.#idle.size > most) {
      const oldest = this.#idle.takeOldest()
      if (oldest) this.#retire(oldest)
    }
  }

  /** Ends the connect that was begun last. */
  cancelNewest(): void {
    const leave = [...this.#connecting].at(-1)
    leave?.()
  }

  /** Ends all of them at once. One that is looked at is nobody's, and goes as those that are idle do. */
  clear(): void {
    for (const leave of this.#connecting) leave()
    for (const [{ connection }, checkup] of this.#checking) {
      checkup.cancel()
      closeUnfit(connection)
    }
    this.#checking.clear()
    for (const { connection } of this.#leased) connection.reset()
    this.#leased.clear()
    for (const connection of this.#closing) connection.reset()
    for (const pooled of this.#idle.takeAll()) this.#retire(pooled)
  }

  #check(pooled: PooledConnection): void {
    const { connection } = pooled
    const checkup = new Checkup(this.#core, connection, this.#limits, (fit) => {
      this.#checking.delete(pooled)
      if (fit && pooled.isReusable(this.#core.clock.now())) this.#owner.ready(pooled)
      else closeUnfit(connection)
      this.#owner.changed()
    })
    this.#checking.set(pooled, checkup)
  }

  #connect(): void {
    const leave = (): void => {
      this.#connecting.delete(leave)
      subscription.unsubscribe()
    }
    const subscription = this.#source.subscribe({
      next: (connection) => {
        this.#connecting.delete(leave)
        const now = this.#core.clock.now()
        this.#owner.ready(new PooledConnection(connection, this.#limits, now))
        this.#owner.changed()
      },
      error: (error) => {
        this.#connecting.delete(leave)
        this.#owner.failed(error)
        this.#owner.changed()
      },
    })
    this.#connecting.add(leave)
  }

  #takeBack(pooled: PooledConnection, reusable: boolean): void {
    // Not there where all were ended meanwhile.
    if (!this.#leased.delete(pooled)) return
    if (!reusable) pooled.connection.reset()
    else if (pooled.isReusable(this.#core.clock.now())) this.#idle.push(pooled)
    else this.#retire(pooled)
    this.#owner.changed()
  }

  /** Closes one for good; it has its place until that is done. */
  #retire({ connection }: PooledConnection): void {
    const closed = connection.close({ timeoutMs: LINGER_MS })
    // With nothing left to send that is done already.
    if (connection.unsentBytes === 0) return
    this.#closing.add(connection)
    void closed.then(() => {
      this.#closing.delete(connection)
      this.#owner.changed()
    })
  }
}

/** What its check has left unsent is of no use to anybody. */
function closeUnfit(connection: Connection): void {
  if (connection.unsentBytes > 0) connection.reset()
  else void connection.close()
}
