/** Where lines of outcomes go: standard output, or a file. */
import { closeSync, constants, fdatasync, fstatSync, ftruncateSync, openSync, write } from 'node:fs'
import { promisify } from 'node:util'
import { clearedLine } from '../console.js'
import { messageOf, UsageError } from '../exit-codes.js'

const { O_CREAT, O_WRONLY } = constants

export interface Destination {
  /** For messages. */
  readonly name: string
  /** Resolves when the kernel has all of it. Rejects with the system's error, and is not to be used any more. */
  write(text: string): Promise<void>
  close(): void
}

export function standardOutput(): Destination {
  const { stdout } = process
  // Told by the write itself; without a listener Node would end the process over it.
  stdout.on('error', () => {})
  return {
    name: 'standard output',
    write: (text) =>
      new Promise((resolve, reject) => {
        stdout.write(`${clearedLine(stdout)}${text}`, (error) =>
          error ? reject(error) : resolve(),
        )
      }),
    close: () => {},
  }
}

/** A file that holds whole batches only: what could be written in part is taken back. */
export class OutputFile implements Destination {
  readonly name: string
  /** Pipes and devices have no length, and nothing can be taken back from them. */
  readonly isRegular: boolean
  readonly #fd: number
  #bytes = 0

  /** Throws UsageError for what can't be written. Leaves what is in it, until {@link OutputFile.cut}. */
  constructor(name: string) {
    this.name = name
    try {
      // Not O_APPEND: it would pass over positions. Not O_TRUNC: an earlier run's outcomes may be in it.
      this.#fd = openSync(name, O_WRONLY | O_CREAT)
    } catch (error) {
      throw new UsageError(`can't write to ${name}: ${messageOf(error)}`)
    }
    this.isRegular = fstatSync(this.#fd).isFile()
  }

  get bytes(): number {
    return this.#bytes
  }

  /** What is in it, whoever has written it. */
  get bytesInFile(): number {
    return fstatSync(this.#fd).size
  }

  /** Goes on behind so many bytes; what comes after them is dropped. */
  cut(bytes: number): void {
    if (this.isRegular) ftruncateSync(this.#fd, bytes)
    this.#bytes = bytes
  }

  async write(text: string): Promise<void> {
    const buffer = Buffer.from(text)
    try {
      for (let done = 0; done < buffer.length; ) {
        done += await writeSome(this.#fd, buffer, done, this.isRegular ? this.#bytes + done : null)
      }
    } catch (error) {
      // On a full disk half a line may have found a place.
      this.cut(this.#bytes)
      throw error
    }
    this.#bytes += buffer.length
  }

  /** Resolves when it would outlive a power failure: fdatasync(2). */
  sync(): Promise<void> {
    return promisify(fdatasync)(this.#fd)
  }

  close(): void {
    closeSync(this.#fd)
  }
}

/** write(2) may take less than all: near the end of a disk it does. */
function writeSome(fd: number, buffer: Buffer, from: number, at: number | null): Promise<number> {
  return new Promise((resolve, reject) => {
    write(fd, buffer, from, buffer.length - from, at, (error, bytes) =>
      error ? reject(error) : resolve(bytes),
    )
  })
}
