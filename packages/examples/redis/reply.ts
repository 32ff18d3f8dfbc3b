/** What a Redis server says, as values: https://redis.io/docs/latest/develop/reference/protocol-spec/ */

/**
 * Text of one line, bytes (a Buffer), numbers (a bigint where a number is not exact), and what is made of them. Keys of a
 * Map are text. null is all three nulls of the protocol. An error inside of a reply is a value, as in the answer to EXEC.
 */
export type Reply =
  | string
  | Buffer
  | number
  | bigint
  | boolean
  | null
  | RedisError
  | Push
  | Set<Reply>
  | Map<string, Reply>
  | Reply[]

/** The server's "no": `code` is its first word, `ERR`, `WRONGTYPE`, `NOAUTH`, ... */
export class RedisError extends Error {
  override readonly name = 'RedisError'
  readonly code: string

  constructor(message: string) {
    super(message)
    this.code = message.split(' ', 1)[0] ?? ''
  }
}

/** What the server sends of its own accord, `message` for one; in RESP3 also the answer to SUBSCRIBE. */
export class Push {
  readonly kind: string
  readonly items: readonly Reply[]

  constructor([kind = '', ...items]: readonly Reply[]) {
    this.kind = String(kind)
    this.items = items
  }
}

/** The server and this client do not mean the same command. */
export function unexpected(reply: Reply): TypeError {
  const what = reply === null || typeof reply !== 'object' ? typeof reply : reply.constructor.name
  return new TypeError(`Redis answered with an unexpected ${what}`)
}
