/** `--send`: sends, takes what the peer answers, and takes leave. */
import { type Connection, systemClock, type Timer } from '@pollout/core'
import { peerTimer } from './common/peer-timer.js'
import type { Stop } from './common/stop.js'

/** A text; or what comes piece by piece, as on standard input. */
export type Sent = Uint8Array | AsyncIterable<Uint8Array>

export interface ExchangeOptions {
  /** Silence of the peer that ends the exchange, in milliseconds. */
  readonly idleMs: number
  /** The longest time for the whole answer, from when all is there to be sent. */
  readonly answerMs: number
  readonly stop: Stop
  /** Takes a chunk; a promise slows the peer down. */
  readonly received: (chunk: Buffer) => Promise<void> | undefined
  /** More is not wanted; it is left when all is sent. */
  readonly enough?: () => boolean
}

export type ExchangeEnd = 'ended' | 'silent' | 'timed-out' | 'full' | 'stopped'

/**
 * After an answer this long a silence ends this side's stream, on which most peers end theirs. Not before the
 * answer: Node's own HTTP server, for one, drops a request whose sender has ended its stream. What was piped in has an end of
 * its own, which is passed on after as long, answered or not: who takes a file waits for that.
 */
const ANSWERED_MS = 1_000

/**
 * Rejects with a ConnectError when the connection breaks, and with what reading `sent` fails with. The connection is closed
 * afterwards either way.
 */
export function exchange(
  connection: Connection,
  sent: Sent,
  options: ExchangeOptions,
): Promise<ExchangeEnd> {
  return new Exchange(connection, sent, options).run()
}

class Exchange {
  readonly #connection: Connection
  readonly #sent: Sent
  readonly #options: ExchangeOptions
  #end: ExchangeEnd = 'ended'
  #isSent = false
  #isAnswered = false
  #silence: Timer | undefined
  #limit: Timer | undefined
  #lastAt = 0
  /** What was to be sent could not be read. */
  #unread: { readonly error: unknown } | undefined

  constructor(connection: Connection, sent: Sent, options: ExchangeOptions) {
    this.#connection = connection
    this.#sent = sent
    this.#options = options
  }

  async run(): Promise<ExchangeEnd> {
    const { stop, received, enough } = this.#options
    const unwatch = stop.watch(() => this.#leave('stopped'))
    if (stop.signal.aborted) this.#leave('stopped')
    try {
      // Both at once: a peer that answers before it has read everything would otherwise block both sides.
      const sending = this.#send()
      sending.catch(() => {})
      for await (const chunk of this.#connection.chunks()) {
        this.#silence?.cancel()
        this.#lastAt = systemClock.now()
        this.#isAnswered = true
        await received(chunk)
        if (enough?.() && this.#isSent) this.#leave('full')
        else this.#wait()
      }
      if (this.#end === 'ended') await sending
    } catch (error) {
      if (this.#end === 'ended' && !this.#unread) throw error
    } finally {
      this.#silence?.cancel()
      this.#limit?.cancel()
      unwatch()
      // Nothing is left to be sent where the peer has ended; elsewhere nobody waits for it.
      if (this.#end === 'ended') await this.#connection.close()
      else this.#connection.reset()
    }
    if (this.#unread) throw this.#unread.error
    return this.#end
  }

  async #send(): Promise<void> {
    if (this.#sent instanceof Uint8Array) {
      this.#limitTime()
      this.#wait()
      await this.#connection.send(this.#sent)
      this.#isSent = true
      return
    }
    for await (const piece of this.#pieces(this.#sent)) {
      const blocked = peerTimer(this.#options.idleMs, () => this.#leave('silent'))
      await this.#connection.send(piece).finally(() => blocked.cancel())
    }
    this.#isSent = true
    this.#isAnswered = true
    this.#limitTime()
    this.#wait()
  }

  /** The peer may wait for more for ever, where no more can be read. */
  async *#pieces(sent: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
    try {
      yield* sent
    } catch (error) {
      this.#unread = { error }
      this.#connection.reset()
      throw error
    }
  }

  #limitTime(): void {
    this.#limit = peerTimer(
      this.#options.answerMs,
      () => this.#leave('timed-out'),
      () => this.#lastAt,
    )
  }

  /** For more from the peer. While this side has more to say, the peer owes nothing. */
  #wait(): void {
    this.#silence?.cancel()
    if (!this.#isSent && !(this.#sent instanceof Uint8Array)) return
    const { idleMs } = this.#options
    if (!this.#isAnswered) this.#silence = peerTimer(idleMs, () => this.#leave('silent'))
    else this.#silence = peerTimer(Math.min(ANSWERED_MS, idleMs), () => this.#takeLeave())
  }

  #takeLeave(): void {
    // Fails where the connection is broken, which reading tells too.
    this.#connection.end().catch(() => {})
    this.#silence = peerTimer(this.#options.idleMs, () => this.#leave('silent'))
  }

  /** The first reason counts. */
  #leave(why: ExchangeEnd): void {
    if (this.#end === 'ended') this.#end = why
    this.#connection.reset()
  }
}
