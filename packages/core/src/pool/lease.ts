/** A connection on loan from a pool. */
import type { Connection } from '../connection/connection.js'

/**
 * A connection that a pool has lent: its holder's alone until it is given back. Where neither `release()` nor
 * `discard()` is called, its place in the pool stays taken.
 *
 * @example
 * ```ts
 * import type { ConnectionPool } from 'pollout'
 *
 * declare const pool: ConnectionPool
 * using lease = await pool.acquire()
 * await lease.connection.send('PING\r\n')
 * lease.release() // an error above discards it
 * ```
 */
export class Lease implements Disposable {
  readonly connection: Connection
  #giveBack: ((reusable: boolean) => void) | undefined

  /** @internal Leases come from a pool. */
  constructor(connection: Connection, giveBack: (reusable: boolean) => void) {
    this.connection = connection
    this.#giveBack = giveBack
  }

  /** It was given back, in one way or the other: the connection may be somebody else's by now. */
  get ended(): boolean {
    return this.#giveBack === undefined
  }

  /**
   * Gives the connection back for the next one, with nobody reading from it and the conversation at a point where another may
   * begin. Only the first of all calls counts.
   */
  release(): void {
    this.#end(true)
  }

  /** Gives it back to be reset, as after an error in the middle of a conversation. Only the first of all calls counts. */
  discard(): void {
    this.#end(false)
  }

  /** `discard()`, unless it was released before: what left the scope by an error is in no known state. */
  [Symbol.dispose](): void {
    this.discard()
  }

  #end(reusable: boolean): void {
    const giveBack = this.#giveBack
    this.#giveBack = undefined
    giveBack?.(reusable)
  }
}
