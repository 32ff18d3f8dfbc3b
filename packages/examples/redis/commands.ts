/** Commands by name, with the types of their answers. What is missing here goes through `command()`. */
import type { Argument } from './encode-command.js'
import { type Reply, unexpected } from './reply.js'

export interface CommandOptions {
  /** In milliseconds, Infinity for commands that wait (BLPOP). Default: the client's. */
  readonly timeoutMs?: number | undefined
}

export interface SetOptions {
  /** The key goes away after so many milliseconds. */
  readonly expireMs?: number | undefined
  /** `absent`: only where there is no such key; `present`: only where there is one. */
  readonly onlyIf?: 'absent' | 'present' | undefined
}

/** All of them can reject with a `RedisError`, or a `RequestError` where no answer came. */
export abstract class RedisCommands {
  abstract command(words: readonly Argument[], options?: CommandOptions): Promise<Reply>

  async ping(): Promise<string> {
    return text(await this.command(['PING']))
  }

  /** The bytes, or null where there is no such key. */
  async get(key: string): Promise<Buffer | null> {
    return bytesOrNull(await this.command(['GET', key]))
  }

  /** False where the condition was not met. */
  async set(key: string, value: Argument, options: SetOptions = {}): Promise<boolean> {
    const { expireMs, onlyIf } = options
    const expiry = expireMs === undefined ? [] : ['PX', expireMs]
    const condition = onlyIf === undefined ? [] : [onlyIf === 'absent' ? 'NX' : 'XX']
    return (await this.command(['SET', key, value, ...expiry, ...condition])) !== null
  }

  /** How many of the keys there were. */
  async del(...keys: string[]): Promise<number> {
    return number(await this.command(['DEL', ...keys]))
  }

  /** The sum. */
  async incrBy(key: string, by = 1): Promise<number> {
    return number(await this.command(['INCRBY', key, by]))
  }

  /** How many fields are new. */
  async hSet(key: string, fields: Readonly<Record<string, Argument>>): Promise<number> {
    return number(await this.command(['HSET', key, ...Object.entries(fields).flat()]))
  }

  async hGetAll(key: string): Promise<Map<string, Buffer>> {
    const map = new Map<string, Buffer>()
    for (const [field, value] of pairs(await this.command(['HGETALL', key]))) {
      const bytes = bytesOrNull(value)
      if (bytes) map.set(field, bytes)
    }
    return map
  }

  /** How many clients it was sent to. */
  async publish(channel: string, message: Argument): Promise<number> {
    return number(await this.command(['PUBLISH', channel, message]))
  }
}

function text(reply: Reply): string {
  if (typeof reply === 'string') return reply
  throw unexpected(reply)
}

function number(reply: Reply): number {
  if (typeof reply === 'number') return reply
  throw unexpected(reply)
}

function bytesOrNull(reply: Reply): Buffer | null {
  if (reply === null || Buffer.isBuffer(reply)) return reply
  throw unexpected(reply)
}

/** A Map in RESP3; in RESP2 an array of keys and values in turn. */
function* pairs(reply: Reply): Iterable<readonly [string, Reply]> {
  if (reply instanceof Map) return yield* reply
  if (!Array.isArray(reply)) throw unexpected(reply)
  for (let i = 0; i < reply.length; i += 2) yield [String(reply[i]), reply[i + 1] ?? null]
}
