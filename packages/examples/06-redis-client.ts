/**
 * A small protocol client on Connection: Redis PING, SET and GET, in its own protocol, RESP.
 *
 *     pnpm example 06 tcp://127.0.0.1:6379      needs a Redis server
 */
import { type Chunks, type Connection, createReactor } from 'pollout'
import { lastValueFrom, tap } from 'rxjs'

class RedisClient {
  readonly #connection: Connection
  readonly #chunks: Chunks
  #buffer = Buffer.alloc(0)

  constructor(connection: Connection) {
    this.#connection = connection
    this.#chunks = connection.chunks()
  }

  async command(...words: string[]): Promise<string | null> {
    const parts = words.map((word) => `$${Buffer.byteLength(word)}\r\n${word}\r\n`)
    await this.#connection.send(`*${words.length}\r\n${parts.join('')}`)
    const line = (await this.#take((buffer) => buffer.indexOf('\r\n'))).toString()
    if (line.startsWith('-')) throw new Error(line.slice(1))
    if (!line.startsWith('$')) return line.slice(1)
    const length = Number(line.slice(1))
    if (length < 0) return null
    return (await this.#take((buffer) => (buffer.length >= length + 2 ? length : -1))).toString()
  }

  /** Bytes up to where `find` says, and the line end behind them, however the chunks were cut. */
  async #take(find: (buffer: Buffer) => number): Promise<Buffer> {
    for (;;) {
      const end = find(this.#buffer)
      if (end >= 0) {
        const taken = this.#buffer.subarray(0, end)
        this.#buffer = this.#buffer.subarray(end + 2)
        return taken
      }
      const next = await this.#chunks.next()
      if (next.done) throw new Error('the server closed the connection')
      this.#buffer = Buffer.concat([this.#buffer, next.value])
    }
  }
}

async function* talk(connection: Connection) {
  const redis = new RedisClient(connection)
  yield ['PING', await redis.command('PING')]
  yield ['SET', await redis.command('SET', 'pollout:greeting', 'Hello, Redis!\r\nand goodbye')]
  yield ['GET', await redis.command('GET', 'pollout:greeting')]
  yield ['DEL', await redis.command('DEL', 'pollout:greeting')]
}

await using reactor = createReactor()
const endpoint = process.argv[2] ?? 'tcp://127.0.0.1:6379'
const session = reactor.session(endpoint, talk, { timeoutMs: 1_000 })
await lastValueFrom(session.pipe(tap((line) => console.log(...line))))
