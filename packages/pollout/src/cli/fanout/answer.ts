/** Reads what a peer sends until it is what was waited for, enough, or over. */
import { type Chunks, ConnectError, type Connection, systemClock, type Timer } from '@pollout/core'
import type { AnswerEnd } from '../../outcomes/probe-result.js'
import { Beginning } from '../common/beginning.js'
import { peerTimer } from '../common/peer-timer.js'
import type { AnswerSearch } from './expect/answer-search.js'
import type { Expectation } from './expect/expectation.js'

export interface AnswerOptions {
  readonly keptBytes: number
  /** What is looked through, at least what is kept. */
  readonly mostBytes: number
  /** Ends the reading when it is there. */
  readonly expect: Expectation | undefined
  /** For all of it, in milliseconds. */
  readonly timeoutMs: number
}

/** Where nothing in particular is expected: an answer is whole when it is followed by a silence this long. */
const QUIET_MS = 250

/** Rejects with a ConnectError when the connection breaks before anything has come; later that is the answer's end. */
export async function readAnswer(
  connection: Connection,
  options: AnswerOptions,
): Promise<{ readonly bytes: Buffer; readonly end: AnswerEnd }> {
  const answer = new Answer(connection.chunks(), options)
  const end = await answer.read()
  return { bytes: answer.kept.bytes, end }
}

class Answer {
  readonly kept: Beginning
  readonly #chunks: Chunks
  readonly #options: AnswerOptions
  readonly #search: AnswerSearch | undefined
  #end: AnswerEnd | undefined

  constructor(chunks: Chunks, options: AnswerOptions) {
    this.#chunks = chunks
    this.#options = options
    this.kept = new Beginning(options.keptBytes)
    this.#search = options.expect?.begin()
  }

  async read(): Promise<AnswerEnd> {
    const { mostBytes, timeoutMs } = this.#options
    let lastAt = 0
    const late = peerTimer(
      timeoutMs,
      () => this.#leave(this.#lateEnd),
      () => lastAt,
    )
    let quiet: Timer | undefined
    try {
      for await (const chunk of this.#chunks) {
        quiet?.cancel()
        lastAt = systemClock.now()
        const wanted = chunk.subarray(0, mostBytes - this.kept.total)
        this.kept.add(wanted)
        if (this.#search && (await this.#matches(this.#search, wanted))) this.#leave('matched')
        else if (this.kept.total >= mostBytes) this.#leave('full')
        else if (!this.#search) quiet = peerTimer(QUIET_MS, () => this.#leave('silent'))
      }
    } catch (error) {
      if (!(error instanceof ConnectError) || this.kept.total === 0) throw error
      this.#end ??= 'reset'
    } finally {
      late.cancel()
      quiet?.cancel()
    }
    return this.#end ?? 'ended'
  }

  get #lateEnd(): AnswerEnd {
    return this.kept.total === 0 && !this.#search ? 'silent' : 'timed-out'
  }

  /** The first reason counts. */
  #leave(end: AnswerEnd): void {
    this.#end ??= end
    void this.#chunks.return()
  }

  /** In goes of a millisecond, so that others have theirs; the time limit goes on. */
  async #matches(search: AnswerSearch, bytes: Uint8Array): Promise<boolean> {
    let at = search.search(bytes, 0)
    while (at < bytes.length) {
      await this.#options.expect?.turns.next()
      if (this.#end !== undefined) return false
      at = search.search(bytes, at)
    }
    return search.found
  }
}
