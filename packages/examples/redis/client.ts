/** A Redis client that reconnects: commands wait for a connection, and subscriptions are made again on each. */
import { setTimeout as sleep } from 'node:timers/promises'
import { RequestError } from '@pollout/framing'
import {
  type Connection,
  type Endpoint,
  isBeyondRetry,
  type Reactor,
  type ReconnectOptions,
} from 'pollout'
import {
  BehaviorSubject,
  defer,
  EMPTY,
  filter,
  finalize,
  firstValueFrom,
  type Observable,
  type Subscription,
  share,
  switchMap,
  take,
  throwError,
  throwIfEmpty,
  timeout,
} from 'rxjs'
import { type CommandOptions, RedisCommands } from './commands.js'
import type { Argument } from './encode-command.js'
import { RedisConnection, type RedisConnectionOptions } from './redis-connection.js'
import { RedisError, type Reply } from './reply.js'

export interface RedisClientOptions extends RedisConnectionOptions {
  /** When to connect again, and when to give up, which fails all commands. Default: only at what no other try can mend. */
  readonly reconnect?: ReconnectOptions | undefined
}

/** Their answers are no single reply. */
const REFUSED = /^(p|s)?(un)?subscribe$|^monitor$|^sync$|^psync$/i
/** Another try would be answered the same. */
const FINAL_CODES = new Set(['NOAUTH', 'NOPERM', 'NOPROTO', 'WRONGPASS', 'ERR'])

/**
 * Connects at once, and again until it is closed. A command that was sent when the connection was lost is rejected with a
 * `RequestError` whose `sent` is true, as it may have been carried out: whether to send it again is the caller's to say.
 */
export class RedisClient extends RedisCommands implements AsyncDisposable {
  readonly #timeoutMs: number
  /** The connection that is ready for commands. Completes when the client is closed, errors when it has given up. */
  readonly #current = new BehaviorSubject<RedisConnection | undefined>(undefined)
  readonly #session: Subscription
  /** The same, for those who need not wait. */
  #ready: RedisConnection | undefined
  #connection: Connection | undefined
  readonly #subscriptions = new Map<string, Observable<Buffer>>()
  readonly #pending = new Set<Promise<Reply>>()
  #closing = false

  constructor(reactor: Reactor, endpoint: Endpoint | string, options: RedisClientOptions = {}) {
    super()
    const { reconnect = {}, ...ofConnection } = options
    this.#timeoutMs = options.timeoutMs ?? 5_000
    const giveUp = (error: unknown): boolean =>
      isBeyondRetry(error) || (error instanceof RedisError && FINAL_CODES.has(error.code))
    const session = reactor.reconnecting(
      endpoint,
      (connection) => {
        this.#connection = connection
        const redis = new RedisConnection(connection, ofConnection)
        return redis.open().pipe(finalize(() => this.#settle(undefined)))
      },
      { giveUp, ...reconnect },
    )
    this.#session = session.subscribe({
      next: (redis) => this.#settle(redis),
      error: (error) => this.#current.error(error),
    })
  }

  /** Any command. Sent in the order of the calls, without waiting for the answers before it. */
  command(words: readonly Argument[], options: CommandOptions = {}): Promise<Reply> {
    const [name] = words
    if (typeof name === 'string' && REFUSED.test(name)) {
      throw new TypeError(`${name} has no single answer: see subscribe()`)
    }
    if (this.#closing) return Promise.reject(closed())
    const answer = firstValueFrom(this.#request(words, options))
    this.#pending.add(answer)
    const done = () => void this.#pending.delete(answer)
    answer.then(done, done)
    return answer
  }

  /**
   * Messages published to a channel, over all reconnects; what is published in between is lost, as Redis keeps none. The
   * subscribers of a channel share one subscription at the server.
   */
  subscribe(channel: string): Observable<Buffer> {
    return defer(() => {
      const known = this.#subscriptions.get(channel)
      if (known) return known
      const messages = this.#current.pipe(
        switchMap((redis) => redis?.messages(channel) ?? EMPTY),
        finalize(() => this.#subscriptions.delete(channel)),
        share(),
      )
      this.#subscriptions.set(channel, messages)
      return messages
    })
  }

  /**
   * Waits for the answers that are due, for the client's `timeoutMs` at most, then closes the connection. Commands after
   * this are rejected. Idempotent.
   */
  async close(): Promise<void> {
    this.#closing = true
    await this.#allAnswered()
    const connection = this.#connection
    this.#session.unsubscribe()
    this.#current.complete()
    await connection?.close({ timeoutMs: this.#timeoutMs })
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  #settle(redis: RedisConnection | undefined): void {
    this.#ready = redis
    this.#current.next(redis)
  }

  async #allAnswered(): Promise<void> {
    const answered = new AbortController()
    const late = sleep(forTimer(this.#timeoutMs), undefined, { signal: answered.signal })
    const all = Promise.allSettled(this.#pending).then(() => answered.abort())
    await Promise.race([all, late.catch(() => {})])
  }

  /** Has its time twice at most: to wait for a connection, and then for the answer. */
  #request(words: readonly Argument[], options: CommandOptions): Observable<Reply> {
    const timeoutMs = options.timeoutMs ?? this.#timeoutMs
    if (this.#ready) return this.#ready.request(words, { timeoutMs })
    return this.#current.pipe(
      filter((redis) => redis !== undefined),
      timeout({ first: forTimer(timeoutMs), with: () => throwNotConnected(timeoutMs) }),
      take(1),
      throwIfEmpty(closed),
      // When the connection is ready all that wait are sent in this very call, in their order.
      switchMap((redis) => redis.request(words, { timeoutMs })),
    )
  }
}

/** Node's timers take no more: 24.8 days. */
function forTimer(timeoutMs: number): number {
  return Math.min(timeoutMs, 2 ** 31 - 1)
}

function throwNotConnected(timeoutMs: number): Observable<never> {
  const message = `not connected within ${timeoutMs} ms`
  return throwError(() => new RequestError('ERR_REQUEST_TIMEOUT', message, false))
}

function closed(): RequestError {
  return new RequestError('ERR_CHANNEL_ENDED', 'the client was closed', false)
}
