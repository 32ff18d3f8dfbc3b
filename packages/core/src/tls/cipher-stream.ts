/** The link below TLS as the stream that node:tls works on; it reads only while its gate is open. */
import { Duplex } from 'node:stream'
import type { PausableReader } from '../link/chunk-iterator.js'
import type { Link } from '../link/link.js'

type Done = (error?: Error | null) => void

export class CipherStream extends Duplex {
  readonly #link: Link
  readonly #reader: PausableReader
  #isOpen = true
  #isWanted = false

  constructor(link: Link) {
    // Both sides may have ended, and node:tls hold what is not read yet: it would lose that with this stream.
    super({ allowHalfOpen: true, autoDestroy: false })
    this.#link = link
    this.#reader = link.read({
      chunk: (data) => {
        if (this.push(data)) return
        this.#isWanted = false
        this.#reader.pause()
      },
      end: () => {
        this.push(null)
      },
      error: (error) => {
        this.destroy(error)
      },
    })
  }

  /** Closed, everything stays with the kernel. */
  gate(isOpen: boolean): void {
    if (this.#isOpen === isOpen) return
    this.#isOpen = isOpen
    if (this.#isWanted && isOpen) this.#reader.resume()
    else this.#reader.pause()
  }

  override _read(): void {
    this.#isWanted = true
    if (this.#isOpen) this.#reader.resume()
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: Done): void {
    this.#link.write(chunk, done)
  }

  override _final(done: Done): void {
    this.#link.end().then(
      () => process.nextTick(done),
      (error: Error) => process.nextTick(done, error),
    )
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.#reader.stop()
    this.#link.leave()
    done(error)
  }
}
