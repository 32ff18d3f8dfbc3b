/**
 * Connected sockets of a fan-out, told, but not looked at yet: they count as open, and cost nothing more.
 *
 * They are the subscriber's, as the connections that they become at the first look; the end of the reactor closes all.
 */
import type { Connection } from '../connection/connection.js'
import type { OutboundCore } from '../outbound/outbound-core.js'
import type { Owned } from '../reactor/reactor-core.js'

export class Unclaimed implements Owned {
  readonly #core: OutboundCore
  #count = 0

  constructor(core: OutboundCore) {
    this.#core = core
  }

  add(): void {
    if (this.#count++ === 0) this.#core.own(this)
    this.#core.counters.open++
  }

  /** One of them becomes a connection; closed, where the reactor is gone, and the socket with it. */
  claim(make: (core: OutboundCore) => Connection): Connection {
    const connection = make(this.#core)
    const { gone } = this.#core
    if (gone) connection.link.reactorGone(gone)
    else this.#forget(1)
    return connection
  }

  reactorGone(): void {
    this.#forget(this.#count)
  }

  #forget(count: number): void {
    this.#core.counters.open -= count
    this.#count -= count
    if (this.#count === 0) this.#core.disown(this)
  }
}
