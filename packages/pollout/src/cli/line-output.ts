/** Lines to stdout: gathered into large writes, with a word when it is full and when its reader is gone. */
import type { Writable } from 'node:stream'
import { say } from './console.js'
import { ExitCode } from './exit-codes.js'
import type { Stop } from './stop.js'

const LARGE_WRITE = 64 * 1024

export class LineOutput {
  readonly #stream: Writable
  readonly #stop: Stop
  #pending = ''
  #scheduled = false
  #broken = false

  constructor(stream: Writable, stop: Stop) {
    this.#stream = stream
    this.#stop = stop
    stream.on('error', this.#failed)
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
    if (!this.#broken) this.#stream.write(chunk)
  }

  /** Undefined while there is room; else resolves when there is, or when nobody reads any more. */
  room(): Promise<void> | undefined {
    if (this.#broken || !this.#stream.writableNeedDrain) return undefined
    return new Promise((resolve) => {
      const done = (): void => {
        this.#stream.off('drain', done).off('error', done)
        unwatch()
        resolve()
      }
      this.#stream.on('drain', done).on('error', done)
      const unwatch = this.#stop.watch(done)
    })
  }

  /** Resolves when all is written; at once where that can't be. */
  async end(): Promise<void> {
    this.#flush()
    if (this.#broken) return
    await new Promise<void>((resolve) => this.#stream.write('', () => resolve()))
  }

  readonly #flush = (): void => {
    this.#scheduled = false
    const text = this.#pending
    this.#pending = ''
    if (text !== '' && !this.#broken) this.#stream.write(text)
  }

  readonly #failed = (error: NodeJS.ErrnoException): void => {
    if (this.#broken) return
    this.#broken = true
    // `| head` has seen enough: no mistake, and nothing to say.
    if (error.code === 'EPIPE') return this.#stop.stop(ExitCode.BROKEN_PIPE)
    say(`can't write to standard output: ${error.message}`)
    this.#stop.stop(ExitCode.CANT_WRITE)
  }
}
