/**
 * What is sent from inside a batch of events: held back for a moment, so that many sends stand in a row. The kernel's code and
 * the peer, once awake, stay warm; one by one between the handlers, a small answer on loopback costs a fifth more.
 */
export interface Outgoing {
  /** Sends what was held back. Never throws. */
  flush(): void
}

/** The first of them waits for no more handlers than this. */
const MOST_HELD = 32
/** So many sends of 64 KiB hold a turn to some 3 ms. */
const MOST_AT_ONCE = 128

const DONE = Promise.resolve()

/** The one whose batch is under way in this thread; a batch may stand within that of another reactor. */
let innermost: Outbox | undefined

// One listener for all reactors of a thread, as long as it lives; only the end of the process or thread cuts a batch short.
process.on('exit', () => {
  while (innermost) innermost.close()
})

export class Outbox {
  /** @internal The one within whose batch this one's stands. */
  outer: Outbox | undefined
  readonly #later: (callback: () => void) => void
  #held: Outgoing[] = []
  #isHolding = false
  #doneAtOnce = 0

  constructor(later: (callback: () => void) => void) {
    this.#later = later
  }

  /** A batch begins: what is sent from here on may be held back. */
  open(): void {
    if (!this.#isHolding) {
      this.outer = innermost
      innermost = this
    }
    this.#isHolding = true
    this.#doneAtOnce = 0
  }

  /** One handler of the batch has returned. */
  next(): void {
    if (this.#held.length >= MOST_HELD) this.#flush()
  }

  /** The batch is through. */
  close(): void {
    if (innermost === this) innermost = this.outer
    this.outer = undefined
    this.#isHolding = false
    this.#flush()
  }

  /** Whether it will be flushed, and so may hold back what it has; it may flush earlier by itself. */
  holds(outgoing: Outgoing): boolean {
    if (this.#isHolding) this.#held.push(outgoing)
    return this.#isHolding
  }

  /**
   * The promise of a send that is done already: a settled one, except that now and then it settles in a later turn. Else who
   * awaits nothing but sends would go on by microtasks alone, and the loop never turn.
   */
  doneAtOnce(): Promise<void> {
    if (++this.#doneAtOnce <= MOST_AT_ONCE) return DONE
    return new Promise((resolve) => {
      this.#later(() => {
        this.#doneAtOnce = 0
        resolve()
      })
    })
  }

  #flush(): void {
    const held = this.#held
    if (held.length === 0) return
    this.#held = []
    for (const outgoing of held) outgoing.flush()
  }
}
