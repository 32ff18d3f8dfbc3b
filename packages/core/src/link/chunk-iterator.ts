/** Async iteration over what a connection receives: one chunk is read for each step, and none in between. */
import { onAbort } from '../base/abort.js'
import type { ChunkListener } from './receiver.js'

/**
 * Chunks as they are asked for; leaving a `for await` loop calls `return()`.
 *
 * @example
 * ```ts
 * import type { Chunks, Connection } from 'pollout'
 *
 * async function firstChunk(connection: Connection): Promise<Buffer | undefined> {
 *   const chunks: Chunks = connection.chunks()
 *   const { value } = await chunks.next()
 *   await chunks.return() // or else the next reader would find this one still there
 *   return value
 * }
 * ```
 */
// Not AsyncIterableIterator, which takes these arguments from TypeScript 5.6 on only.
export interface Chunks extends AsyncIterator<Buffer, undefined, undefined> {
  /** Stops the reading at once; a `next()` that waits ends too. The connection stays open. */
  return(): Promise<IteratorResult<Buffer, undefined>>
  [Symbol.asyncIterator](): this
}

/** The reading side that the iterator drives: see `Receiver`. */
export interface PausableReader {
  resume(): void
  pause(): void
  stop(): void
}

export interface ChunkSource {
  /** Starts to read, paused; throws where somebody else reads. */
  open(listener: ChunkListener): PausableReader
  /** What a waiting step is rejected with when the signal is aborted. */
  abortError(): unknown
  readonly signal: AbortSignal | undefined
}

interface Step {
  resolve(result: IteratorResult<Buffer, undefined>): void
  reject(error: unknown): void
}

const DONE: IteratorResult<Buffer, undefined> = { done: true, value: undefined }

/**
 * Written by hand, and not as an async generator: that would queue `return()` behind the step that waits for data, so
 * a consumer could not leave while nothing comes.
 */
export class ChunkIterator implements Chunks {
  readonly #source: ChunkSource
  #reader: PausableReader | undefined
  #stopWatching = (): void => {}
  /** Steps that wait, oldest first; more than one where the consumer does not await each. */
  readonly #steps: Step[] = []
  #ended = false

  constructor(source: ChunkSource) {
    this.#source = source
  }

  async next(): Promise<IteratorResult<Buffer, undefined>> {
    if (this.#ended) return DONE
    if (this.#reader === undefined) this.#open()
    return new Promise((resolve, reject) => {
      this.#steps.push({ resolve, reject })
      this.#reader?.resume()
    })
  }

  async return(): Promise<IteratorResult<Buffer, undefined>> {
    this.#end((step) => step.resolve(DONE))
    return DONE
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  #open(): void {
    const { signal } = this.#source
    if (signal?.aborted) {
      this.#ended = true
      throw this.#source.abortError()
    }
    this.#reader = this.#source.open({
      chunk: (data) => {
        const step = this.#steps.shift()
        if (this.#steps.length === 0) this.#reader?.pause()
        step?.resolve({ done: false, value: data })
      },
      end: () => this.#end((step) => step.resolve(DONE)),
      error: (error) => this.#fail(error),
    })
    this.#stopWatching = onAbort(signal, () => this.#fail(this.#source.abortError()))
  }

  /** The oldest step that waits is told why; the others find the end, as behind a generator that threw. */
  #fail(error: unknown): void {
    this.#steps.shift()?.reject(error)
    this.#end((step) => step.resolve(DONE))
  }

  #end(tell: (step: Step) => void): void {
    this.#ended = true
    this.#stopWatching()
    this.#reader?.stop()
    for (const step of this.#steps.splice(0)) tell(step)
  }
}
