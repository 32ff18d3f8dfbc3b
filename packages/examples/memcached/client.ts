/** A memcached client on one connection: lines in and out, answers in the order of the commands. */
import { encodeLine, RequestChannel, type RequestOptions } from '@pollout/framing'
import type { Connection } from 'pollout'
import { firstValueFrom } from 'rxjs'
import { type MemcachedReply, memcachedReplies } from './replies.js'

export interface MemcachedOptions {
  /** For each command, in milliseconds. Default 2,000. */
  readonly timeoutMs?: number | undefined
  /** The longest value that is taken; the server's own limit is its option -I. Default 1 MiB, as is the server's. */
  readonly maxValueBytes?: number | undefined
}

/** The server's "no": `ERROR`, `CLIENT_ERROR bad data chunk`, `SERVER_ERROR object too large for cache`, ... */
export class MemcachedError extends Error {
  override readonly name = 'MemcachedError'
}

/** A line, and what follows it as it is. */
interface Command {
  readonly line: string
  readonly data?: Uint8Array
}

/** Owns the connection, and ends with it: whoever wants another one connects again. */
export class MemcachedClient implements AsyncDisposable {
  readonly #connection: Connection
  readonly #channel: RequestChannel<Command, MemcachedReply>
  readonly #pending = new Set<Promise<MemcachedReply>>()

  constructor(connection: Connection, options: MemcachedOptions = {}) {
    const { timeoutMs = 2_000, maxValueBytes = 1_048_576 } = options
    this.#connection = connection
    this.#channel = new RequestChannel({
      responses: connection.received.pipe(memcachedReplies(maxValueBytes)),
      send: (command: Command) => connection.send(encode(command)),
      timeoutMs,
    })
  }

  async version(options?: RequestOptions): Promise<string> {
    return after('VERSION ', await this.#command({ line: 'version' }, options))
  }

  /** The bytes, or undefined where there is no such key. */
  async get(key: string, options?: RequestOptions): Promise<Buffer | undefined> {
    const values = await this.getMany([key], options)
    return values.get(key)
  }

  /** Those of the keys that there are. */
  async getMany(keys: readonly string[], options?: RequestOptions): Promise<Map<string, Buffer>> {
    const line = ['get', ...keys.map(checkKey)].join(' ')
    const { items } = await this.#command({ line }, options)
    return new Map(items.map(({ key, value }) => [key, value]))
  }

  /** Kept for `seconds`, or, at 0, for as long as there is room. */
  async set(key: string, value: string | Uint8Array, seconds = 0): Promise<void> {
    const data = typeof value === 'string' ? Buffer.from(value) : value
    const line = `set ${checkKey(key)} 0 ${seconds} ${data.length}`
    const { line: answer } = await this.#command({ line, data })
    if (answer !== 'STORED') throw new MemcachedError(answer)
  }

  /** False where there was no such key. */
  async delete(key: string): Promise<boolean> {
    const { line } = await this.#command({ line: `delete ${checkKey(key)}` })
    return line === 'DELETED'
  }

  /** The sum, or undefined where there is no such key. */
  async increment(key: string, by = 1): Promise<number | undefined> {
    const { line } = await this.#command({ line: `incr ${checkKey(key)} ${by}` })
    return line === 'NOT_FOUND' ? undefined : Number(line)
  }

  /** Waits for the answers that are due, then closes the connection. */
  async close(): Promise<void> {
    await Promise.allSettled(this.#pending)
    this.#channel.close()
    await this.#connection.close({ timeoutMs: 1_000 })
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  async #command(command: Command, options?: RequestOptions): Promise<MemcachedReply> {
    const answer = firstValueFrom(this.#channel.request(command, options))
    this.#pending.add(answer)
    try {
      const reply = await answer
      if (/^((CLIENT|SERVER)_)?ERROR\b/.test(reply.line)) throw new MemcachedError(reply.line)
      return reply
    } finally {
      this.#pending.delete(answer)
    }
  }
}

/** encodeLine() refuses a line end within the line: with one, a key could bring a command of its own. */
function encode({ line, data }: Command): Buffer {
  const head = encodeLine(line, { delimiter: '\r\n' })
  return data === undefined ? head : Buffer.concat([head, data, Buffer.from('\r\n')])
}

/** A space would make two keys of one. */
function checkKey(key: string): string {
  const bytes = Buffer.byteLength(key)
  // biome-ignore lint/suspicious/noControlCharactersInRegex: those are what is refused.
  if (bytes < 1 || bytes > 250 || /[\s\u0000-\u001f\u007f]/.test(key)) {
    throw new TypeError('a key has 1 to 250 bytes, without spaces and control characters')
  }
  return key
}

function after(prefix: string, { line }: MemcachedReply): string {
  if (line.startsWith(prefix)) return line.slice(prefix.length)
  throw new MemcachedError(`unexpected answer: ${line}`)
}
