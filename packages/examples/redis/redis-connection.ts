/** One connection to Redis: greeting, pipelined commands, published messages. It ends with its connection. */
import { FrameParser, frames, RequestChannel, type RequestOptions } from '@pollout/framing'
import type { Connection } from 'pollout'
import {
  concat,
  concatMap,
  defer,
  EMPTY,
  finalize,
  ignoreElements,
  map,
  Observable,
  of,
  tap,
  throwError,
} from 'rxjs'
import { type Argument, encodeCommand } from './encode-command.js'
import { Push, RedisError, type Reply } from './reply.js'
import { RespDecoder } from './resp-decoder.js'

export interface RedisConnectionOptions {
  /** The protocol's version. 3 is Redis 6 and later; published messages need it here. Default 3. */
  readonly protocol?: 2 | 3 | undefined
  readonly username?: string | undefined
  readonly password?: string | undefined
  /** For each command, in milliseconds. Default 5,000. */
  readonly timeoutMs?: number | undefined
  /** The longest reply that is taken. Default 64 MiB. */
  readonly maxReplyBytes?: number | undefined
}

/** In RESP3 these are replies to commands, in their order, though they look like pushes: one for each channel. */
const CONFIRMATIONS = new Set(['subscribe', 'unsubscribe'])

export class RedisConnection {
  readonly connection: Connection
  readonly #options: RedisConnectionOptions
  readonly #channel: RequestChannel<readonly Argument[], Reply>
  /** Why the channel ended; undefined where the stream did, in good order. */
  #why: unknown = new Error(
    'the conversation broke off: a command could not be sent, or replies do not match',
  )

  constructor(connection: Connection, options: RedisConnectionOptions = {}) {
    const { timeoutMs = 5_000, maxReplyBytes = 64 * 1_048_576 } = options
    this.connection = connection
    this.#options = options
    const replies = connection.received.pipe(
      frames(() => new FrameParser(new RespDecoder(maxReplyBytes))),
    )
    this.#channel = new RequestChannel({
      responses: replies.pipe(
        tap({ error: (why) => this.#ends(why), complete: () => this.#ends() }),
      ),
      send: (words) => connection.send(encodeCommand(words)),
      isPush: (reply) => reply instanceof Push && !CONFIRMATIONS.has(reply.kind),
      timeoutMs,
      maxQueued: Number.POSITIVE_INFINITY,
    })
  }

  /** Emits this when the server has agreed to talk, and ends as the connection does. Unsubscribing ends the channel. */
  open(): Observable<RedisConnection> {
    const end = defer(() => (this.#why === undefined ? EMPTY : throwError(() => this.#why)))
    return this.#greet().pipe(
      concatMap(() => concat(of(this), this.#channel.pushes.pipe(ignoreElements()), end)),
      finalize(() => this.#channel.close()),
    )
  }

  /** One command, on subscription, behind those before it. A server's "no" is an error: {@link RedisError}. */
  request(words: readonly Argument[], options?: RequestOptions): Observable<Reply> {
    return this.#channel.request(words, options).pipe(
      map((reply) => {
        if (reply instanceof RedisError) throw reply
        return reply
      }),
    )
  }

  /** What is published to a channel, from when the server knows of it to the end of the connection. */
  messages(name: string): Observable<Buffer> {
    if (this.#options.protocol === 2) throw new TypeError('published messages need protocol 3')
    return new Observable((subscriber) => {
      const pushes = this.#channel.pushes.subscribe({
        next: (push) => {
          const message = messageIn(push)
          if (message?.channel === name) subscriber.next(message.payload)
        },
        complete: () => subscriber.complete(),
      })
      subscriber.add(pushes)
      // The end of the channel is told by its pushes.
      const fail = (error: unknown) => this.#channel.ended || subscriber.error(error)
      this.request(['SUBSCRIBE', name]).subscribe({ error: fail })
      return () => {
        if (!this.#channel.ended) this.request(['UNSUBSCRIBE', name]).subscribe({ error: () => {} })
      }
    })
  }

  #greet(): Observable<Reply> {
    const { protocol = 3, username = 'default', password } = this.#options
    const auth = password === undefined ? [] : ['AUTH', username, password]
    if (protocol === 3) return this.request(['HELLO', 3, ...auth])
    return password === undefined ? this.request(['PING']) : this.request(auth)
  }

  #ends(why?: unknown): void {
    this.#why = why
  }
}

function messageIn(push: Reply): { channel: string; payload: Buffer } | undefined {
  if (!(push instanceof Push) || push.kind !== 'message') return undefined
  const [channel, payload] = push.items
  return Buffer.isBuffer(payload) ? { channel: String(channel), payload } : undefined
}
