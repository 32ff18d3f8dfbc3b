/** Gathers sockets that may have become ready and delivers them to the sink, one batch a loop turn. */
import { setImmediate } from 'node:timers'
import type { ReadinessSink } from '@pollout/core'

/** What the queue needs to know of a socket. */
export interface Pollable {
  /** Set while the socket stands in the queue; the queue's own. */
  queued: boolean
  /** The armed registration's token, 0 without one. */
  readonly token: number
  /** The bits the armed registration is to be told now; 0 while there is nothing to tell. */
  level(): number
  /** The registration has been reported, or taken back. */
  disarm(): void
}

const INITIAL_CAPACITY = 64

export class ReadyQueue {
  readonly #sink: ReadinessSink
  readonly #flushFromImmediate = () => {
    this.#immediate = undefined
    this.flush()
  }
  #gathered: Pollable[] = []
  #spare: Pollable[] = []
  #tokens = new Float64Array(INITIAL_CAPACITY)
  #readiness = new Uint8Array(INITIAL_CAPACITY)
  #immediate: NodeJS.Immediate | undefined
  #delivering = false
  #referenced = true
  #stopped = false

  constructor(sink: ReadinessSink) {
    this.#sink = sink
  }

  /**
   * Has `socket` looked at in this turn's batch. Only the candidate is stored: its level and its token are those of
   * the flush, so a registration replaced or taken back in between never gives a stale report.
   */
  push(socket: Pollable): void {
    if (socket.queued || this.#stopped) return
    socket.queued = true
    this.#gathered.push(socket)
    if (this.#immediate !== undefined) return
    // The check phase comes right after the poll phase: everything one turn's polling found is in one batch.
    this.#immediate = setImmediate(this.#flushFromImmediate)
    if (!this.#referenced) this.#immediate.unref()
  }

  /** Delivers what has been gathered; does nothing from inside the sink. */
  flush(): void {
    if (this.#delivering || this.#gathered.length === 0) return
    const gathered = this.#gathered
    this.#gathered = this.#spare
    this.#spare = gathered
    const count = this.#collect(gathered)
    gathered.length = 0
    if (count === 0) return
    this.#delivering = true
    try {
      this.#sink.ready(this.#tokens, this.#readiness, count)
    } finally {
      this.#delivering = false
    }
  }

  setReferenced(referenced: boolean): void {
    this.#referenced = referenced
    if (referenced) this.#immediate?.ref()
    else this.#immediate?.unref()
  }

  /** Forgets what has been gathered and delivers nothing more. */
  stop(): void {
    this.#stopped = true
    this.#gathered.length = 0
    if (this.#immediate !== undefined) clearImmediate(this.#immediate)
    this.#immediate = undefined
  }

  #collect(gathered: readonly Pollable[]): number {
    this.#reserve(gathered.length)
    let count = 0
    for (const socket of gathered) {
      socket.queued = false
      if (socket.token === 0) continue
      const readiness = socket.level()
      if (readiness === 0) continue
      this.#tokens[count] = socket.token
      this.#readiness[count] = readiness
      count++
      socket.disarm()
    }
    return count
  }

  #reserve(count: number): void {
    if (count <= this.#tokens.length) return
    const capacity = 2 ** Math.ceil(Math.log2(count))
    this.#tokens = new Float64Array(capacity)
    this.#readiness = new Uint8Array(capacity)
  }
}
