/** A backend without a reactor: a sink that can be awaited, for tests of the backend interface itself. */

import {
  type Backend,
  type BackendFactory,
  errno,
  type Handle,
  Interest,
  type Readiness,
  type SocketAddress,
  type Token,
} from '@pollout/core'
export interface RawEvent {
  readonly token: number
  readonly readiness: Readiness
}

export class RawBackend {
  readonly backend: Backend
  readonly batches: (readonly RawEvent[])[] = []
  /** Runs inside the sink, after the batch has been noted. */
  inSink: (batch: readonly RawEvent[]) => void = () => {}
  #lastToken = 0
  readonly #waiting = new Map<number, (readiness: Readiness) => void>()

  constructor(factory: BackendFactory) {
    this.backend = factory({
      ready: (tokens, readiness, count) => {
        const batch: RawEvent[] = []
        for (let i = 0; i < count; i++) {
          batch.push({ token: tokens[i] as number, readiness: readiness[i] as number })
        }
        this.batches.push(batch)
        this.inSink(batch)
        for (const event of batch) this.#waiting.get(event.token)?.(event.readiness)
      },
      broken: (cause) => {
        throw cause
      },
    })
  }

  get events(): readonly RawEvent[] {
    return this.batches.flat()
  }

  token(): Token {
    return ++this.#lastToken as Token
  }

  open(to: SocketAddress): Handle {
    const handle = this.backend.open({ family: to.family, type: 'stream' })
    if (handle < 0) throw new Error(`open: ${handle}`)
    return handle as Handle
  }

  /** A socket on its way to `to`: its connect has been called. */
  connecting(to: SocketAddress): Handle {
    const handle = this.open(to)
    const result = this.backend.connect(handle, to)
    if (result < 0 && result !== -errno.EINPROGRESS) throw new Error(`connect: ${result}`)
    return handle
  }

  async connected(to: SocketAddress): Promise<Handle> {
    const handle = this.connecting(to)
    await this.ready(handle, Interest.WRITABLE)
    const status = this.backend.finishConnect(handle)
    if (status !== 0) throw new Error(`finishConnect: ${status}`)
    return handle
  }

  /** Registers, and resolves with the bits reported. */
  ready(handle: Handle, interest: Interest): Promise<Readiness> {
    return this.reported(this.arm(handle, interest))
  }

  arm(handle: Handle, interest: Interest): Token {
    const token = this.token()
    const result = this.backend.register(handle, token, interest)
    if (result !== 0) throw new Error(`register: ${result}`)
    return token
  }

  /** The report of a registration that has not reported yet. */
  reported(token: Token): Promise<Readiness> {
    return new Promise((resolve) => this.#waiting.set(token, resolve))
  }

  /** Reads to the end of the stream. */
  async readAll(handle: Handle): Promise<Buffer> {
    const chunks: Buffer[] = []
    const into = Buffer.alloc(16_384)
    for (;;) {
      const count = this.backend.receive(handle, into)
      if (count === 0) return Buffer.concat(chunks)
      if (count > 0) chunks.push(Buffer.from(into.subarray(0, count)))
      else if (count === -errno.EAGAIN) await this.ready(handle, Interest.READABLE)
      else throw new Error(`receive: ${count}`)
    }
  }
}

/** Some turns of the loop: what was about to be delivered has been. */
export async function turns(count = 20): Promise<void> {
  for (let i = 0; i < count; i++) await new Promise((resolve) => setImmediate(resolve))
}

/** Holds the loop up, as a long computation does. */
export function blockLoop(ms: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms)
}
