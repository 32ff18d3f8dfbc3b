/** What a SQL Server says first, by MS-TDS, for want of a real one: the reply to PRELOGIN, TLS within it, and a refused login. */
import { once } from 'node:events'
import { type Duplex, duplexPair } from 'node:stream'
import { type SecureContextOptions, TLSSocket } from 'node:tls'

/** MS-TDS 2.2.3.1.1. */
export const PRELOGIN = 0x12
export const LOGIN7 = 0x10
const TABULAR_RESULT = 0x04

/** MS-TDS 2.2.6.5. */
export const ENCRYPT = { on: 1, notSupported: 2 } as const

const HEADER_BYTES = 8
const END_OF_MESSAGE = 0x01

interface Message {
  readonly type: number
  readonly data: Buffer
}

/** One client's side of a conversation in messages, whatever packets they come in. */
export class TdsPeer {
  readonly #stream: Duplex
  #received = Buffer.alloc(0)

  constructor(stream: Duplex) {
    this.#stream = stream
  }

  async message(): Promise<Message> {
    const parts: Buffer[] = []
    for (;;) {
      const header = await this.#take(HEADER_BYTES)
      parts.push(await this.#take(header.readUInt16BE(2) - HEADER_BYTES))
      if (header.readUInt8(1) & END_OF_MESSAGE) {
        return { type: header.readUInt8(0), data: Buffer.concat(parts) }
      }
    }
  }

  answer(data: Buffer, type = TABULAR_RESULT): void {
    const header = Buffer.alloc(HEADER_BYTES)
    header.writeUInt8(type, 0)
    header.writeUInt8(END_OF_MESSAGE, 1)
    header.writeUInt16BE(HEADER_BYTES + data.length, 2)
    this.#stream.write(Buffer.concat([header, data]))
  }

  /** The handshake goes in messages of PRELOGIN, and all that follows in TLS as such: MS-TDS 2.2.6.5. */
  async upgrade(material: SecureContextOptions): Promise<TdsPeer> {
    const [encrypted, below] = duplexPair()
    const secured = new TLSSocket(below, { isServer: true, ...material })
    const shaken = once(secured, 'secure')
    for (let flight = 0; flight < 2; flight++) {
      encrypted.write((await this.message()).data)
      if (encrypted.readableLength === 0) await once(encrypted, 'readable')
      this.answer(encrypted.read(), PRELOGIN)
    }
    await shaken
    this.#stream.pipe(encrypted).pipe(this.#stream)
    return new TdsPeer(secured)
  }

  async #take(size: number): Promise<Buffer> {
    while (this.#received.length < size) {
      const chunk: Buffer | null = this.#stream.read()
      if (chunk) this.#received = Buffer.concat([this.#received, chunk])
      else await once(this.#stream, 'readable')
    }
    const taken = this.#received.subarray(0, size)
    this.#received = this.#received.subarray(size)
    return taken
  }
}

/** Options of PRELOGIN by their token: each is a token, where its data is and how long, up to 0xff. MS-TDS 2.2.6.5. */
export function preloginOptions(data: Buffer): Map<number, Buffer> {
  const options = new Map<number, Buffer>()
  for (let at = 0; data.readUInt8(at) !== 0xff; at += 5) {
    const start = data.readUInt16BE(at + 1)
    options.set(data.readUInt8(at), data.subarray(start, start + data.readUInt16BE(at + 3)))
  }
  return options
}

/** A version, 16.0, and whether there is encryption. */
export function preloginReply(encryption: number): Buffer {
  const version = [0x00, 0, 11, 0, 6]
  const encrypt = [0x01, 0, 17, 0, 1]
  return Buffer.of(...version, ...encrypt, 0xff, ...[16, 0, 0, 0, 0, 0], encryption)
}

/** The tokens ERROR and DONE: MS-TDS 2.2.7.10 and 2.2.7.6. */
export function loginFailed(reason: string): Buffer {
  const text = Buffer.from(reason, 'utf16le')
  const number = Buffer.alloc(4)
  number.writeUInt32LE(18456)
  const [state, severity, noNames, line] = [1, 14, [0, 0], [1, 0, 0, 0]] as const
  const body = [...number, state, severity, reason.length, 0, ...text, ...noNames, ...line]
  const done = [0xfd, 0x02, 0, 0, 0, ...Buffer.alloc(8)]
  return Buffer.of(0xaa, body.length & 0xff, body.length >> 8, ...body, ...done)
}
