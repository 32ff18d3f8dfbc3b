/** Standard output, for all that write to it: each write says what became of it; and what it means that an output takes no more. */
import type { Writable } from 'node:stream'
import { say } from './console.js'
import { ExitCode, messageOf } from './exit-codes.js'
import type { Stop } from './stop.js'

export class StandardOutput {
  readonly name = 'standard output'
  readonly #stream: Writable

  constructor(stream: Writable = process.stdout) {
    this.#stream = stream
    // Told by the write itself; without a listener Node would end the process over it.
    stream.on('error', () => {})
  }

  /** More has been given than is taken at once: whoever can wait should, until what was given is written. */
  get isFull(): boolean {
    return this.#stream.writableNeedDrain
  }

  /** Resolves when the kernel has all of it. Rejects with the system's error. */
  write(data: string | Uint8Array): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#stream.write(data, (error) => (error ? reject(error) : resolve()))
    })
  }
}

/** Stops the run, as the output of this name takes no more. */
export function stopForOutput(stop: Stop, name: string, error: unknown): void {
  // `| head` has seen enough: no mistake, and nothing to say.
  if ((error as NodeJS.ErrnoException).code === 'EPIPE') return stop.stop(ExitCode.BROKEN_PIPE)
  say(`can't write to ${name}: ${messageOf(error)}`)
  stop.stop(ExitCode.CANT_WRITE)
}
