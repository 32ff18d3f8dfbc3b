/** `-o`: the file that outcomes go to, which is gone on from when a run is resumed. */
import {
  closeSync,
  constants,
  fdatasync,
  fstatSync,
  ftruncateSync,
  openSync,
  readSync,
  unlinkSync,
  write,
} from 'node:fs'
import { dirname } from 'node:path'
import { promisify } from 'node:util'
import { messageOf, UsageError } from '../common/exit-codes.js'
import { type Place, placeOf } from '../common/file-place.js'
import type { Destination } from './destination.js'
import { syncFolder } from './replace-file.js'
import { lockFile } from './run-files.js'
import { sumOf } from './sum.js'

const { O_CREAT, O_EXCL, O_WRONLY } = constants

/** The last bytes of an output, so many, by what they add up to. */
export interface Tail {
  readonly bytes: number
  readonly sum: string
}

/** A file that holds whole batches only: what could be written in part is taken back. */
export class OutputFile implements Destination {
  readonly name: string
  /** Pipes and devices have no length, and nothing can be taken back from them. */
  readonly isRegular: boolean
  readonly #place: Place
  /** Undefined for a file that is not there yet: it is made when the run is certain. */
  #fd: number | undefined
  #isNew = false
  #bytes = 0
  #tail: Tail | undefined = NO_TAIL
  /** Summed up when a checkpoint asks for it. */
  #lastWrite = Buffer.alloc(0)

  /** Throws UsageError for what can't be written. Leaves what is in it, and makes nothing, until {@link OutputFile.begin}. */
  constructor(place: Place) {
    this.name = place.name
    this.#place = place
    this.isRegular = place.stat?.isFile() ?? true
    // Not O_APPEND: it would pass over positions. Not O_TRUNC: an earlier run's outcomes may be in it.
    if (place.stat) this.#fd = this.#open(O_WRONLY)
  }

  get bytes(): number {
    return this.#bytes
  }

  /** Of the last write. */
  get tail(): Tail {
    this.#tail ??= { bytes: this.#lastWrite.length, sum: sumOf(this.#lastWrite) }
    return this.#tail
  }

  /** What is in it, whoever has written it. */
  get bytesInFile(): number {
    return this.#fd === undefined ? 0 : fstatSync(this.#fd).size
  }

  /** Whether the `tail.bytes` up to `end` are those that were once written there. */
  has(end: number, tail: Tail): boolean {
    if (end > this.bytesInFile || tail.bytes > end) return false
    if (tail.bytes === 0) return true
    const bytes = Buffer.alloc(tail.bytes)
    const fd = openSync(this.#place.path, 'r')
    try {
      for (let done = 0; done < bytes.length; ) {
        const length = readSync(fd, bytes, done, bytes.length - done, end - bytes.length + done)
        if (length === 0) return false
        done += length
      }
    } finally {
      closeSync(fd)
    }
    return sumOf(bytes) === tail.sum
  }

  /** Makes it where it is not there. Throws UsageError. */
  async open(): Promise<void> {
    if (this.#fd !== undefined) return
    this.#fd = this.#open(O_WRONLY | O_CREAT | O_EXCL)
    this.#isNew = true
    await lockFile(placeOf(this.#place.path))
    await syncFolder(dirname(this.#place.path)).catch(() => {})
  }

  /** Goes on behind so many bytes; what comes after them is dropped. */
  cut(bytes: number, tail: Tail): void {
    this.#cut(bytes)
    this.#tail = tail
  }

  /** Takes it away again where {@link OutputFile.open} has made it. */
  discard(): void {
    if (this.#isNew) unlinkSync(this.#place.path)
  }

  async write(text: string): Promise<void> {
    const buffer = Buffer.from(text)
    try {
      for (let done = 0; done < buffer.length; ) {
        const at = this.isRegular ? this.#bytes + done : null
        done += await writeSome(this.#descriptor, buffer, done, at)
      }
    } catch (error) {
      // On a full disk half a line may have found a place.
      this.#cut(this.#bytes)
      throw error
    }
    this.#bytes += buffer.length
    this.#lastWrite = buffer
    this.#tail = undefined
  }

  /** Resolves when it would outlive a power failure: fdatasync(2). */
  sync(): Promise<void> {
    return promisify(fdatasync)(this.#descriptor)
  }

  close(): void {
    closeSync(this.#descriptor)
  }

  get #descriptor(): number {
    if (this.#fd === undefined) throw new Error(`${this.name} is not open yet`)
    return this.#fd
  }

  #cut(bytes: number): void {
    if (this.isRegular) ftruncateSync(this.#descriptor, bytes)
    this.#bytes = bytes
  }

  #open(flags: number): number {
    try {
      return openSync(this.#place.path, flags)
    } catch (error) {
      throw new UsageError(`can't write to ${this.name}: ${messageOf(error)}`)
    }
  }
}

export const NO_TAIL: Tail = { bytes: 0, sum: '' }

/** write(2) may take less than all: near the end of a disk it does. */
function writeSome(fd: number, buffer: Buffer, from: number, at: number | null): Promise<number> {
  return new Promise((resolve, reject) => {
    write(fd, buffer, from, buffer.length - from, at, (error, bytes) =>
      error ? reject(error) : resolve(bytes),
    )
  })
}
