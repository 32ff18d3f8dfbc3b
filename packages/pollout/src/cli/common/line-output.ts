/** Lines to standard output, gathered into large writes. */
import type { Writable } from 'node:stream'
import { StandardOutput, stopForOutput } from './standard-output.js'
import type { Stop } from './stop.js'

const LARGE_WRITE = 64 * 1024

export class LineOutput {
  readonly #output: StandardOutput
  readonly #stop: Stop
  /** Resolves when all that was given to the output is written, or can't be. */
  #written: Promise<void> = Promise.resolve()
  #pending = ''
  #scheduled = false
  #broken = false

  constructor(stream: Writable, stop: Stop) {
    this.#output = new StandardOutput(stream)
    this.#stop = stop
  }

  line(text: string): void {
    this.#pending += `${text}\n`
    if (this.#pending.length >= LARGE_WRITE) this.#flush()
    else if (!this.#scheduled) {
      this.#scheduled = true
      setImmediate(this.#flush)
    }
  }

  /** A peer's bytes, as they are. */
  bytes(chunk: Uint8Array): void {
    this.#flush()
    this.#write(chunk)
  }

  /** Undefined while there is room; else resolves when there is, or when nobody reads any more. */
  room(): Promise<void> | undefined {
    if (this.#broken || !this.#output.isFull) return undefined
    return new Promise((resolve) => {
      const done = (): void => {
        unwatch()
        resolve()
      }
      const unwatch = this.#stop.watch(done)
      void this.#written.then(done)
    })
  }

  /** Resolves when all is written; at once where that can't be. */
  end(): Promise<void> {
    this.#flush()
    return this.#written
  }

  readonly #flush = (): void => {
    this.#scheduled = false
    const text = this.#pending
    this.#pending = ''
    if (text !== '') this.#write(text)
  }

  #write(data: string | Uint8Array): void {
    if (!this.#broken) this.#written = this.#output.write(data).catch(this.#failed)
  }

  readonly #failed = (error: unknown): void => {
    if (this.#broken) return
    this.#broken = true
    stopForOutput(this.#stop, this.#output.name, error)
  }
}
