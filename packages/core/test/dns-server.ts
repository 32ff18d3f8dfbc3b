/** A DNS server on loopback that says what a test wants: RFC 1035, one question a message, A and AAAA only. */
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { onTestFinished } from 'vitest'

export type RecordType = 'A' | 'AAAA'

/** Records, a code (3 is NXDOMAIN, 2 SERVFAIL), or nothing: the question is not answered. */
export type DnsAnswer =
  | { readonly ttl: number; readonly addresses: readonly string[] }
  | { readonly code: number }
  | undefined

export interface DnsServer {
  /** As `dnsResolver({ servers })` takes it. */
  readonly address: string
  /** `name type` of every question, in order. */
  readonly questions: readonly string[]
}

const TYPES: Readonly<Record<number, RecordType>> = { 1: 'A', 28: 'AAAA' }
const HEADER_BYTES = 12
/** A pointer to the name in the question, which follows the header: RFC 1035 section 4.1.4. */
const THE_NAME = 0xc000 | HEADER_BYTES
const IS_RESPONSE = 0x8180

/** Until the test ends. */
export async function dnsServer(
  answer: (name: string, type: RecordType) => DnsAnswer,
): Promise<DnsServer> {
  const socket = createSocket('udp4')
  const questions: string[] = []
  socket.on('message', (message, from) => {
    const { name, end } = readName(message)
    const type = TYPES[message.readUInt16BE(end)] ?? 'A'
    questions.push(`${name} ${type}`)
    const said = answer(name, type)
    if (said) socket.send(respond(message, end + 4, type, said), from.port, from.address)
  })
  socket.bind(0, '127.0.0.1')
  await once(socket, 'listening')
  onTestFinished(() => new Promise<void>((resolve) => socket.close(resolve)))
  return { address: `127.0.0.1:${socket.address().port}`, questions }
}

function readName(message: Buffer): { name: string; end: number } {
  const labels: string[] = []
  let at = HEADER_BYTES
  for (;;) {
    const length = message.readUInt8(at++)
    if (length === 0) return { name: labels.join('.').toLowerCase(), end: at }
    labels.push(message.toString('latin1', at, at + length))
    at += length
  }
}

function respond(
  query: Buffer,
  questionEnd: number,
  type: RecordType,
  said: NonNullable<DnsAnswer>,
): Buffer {
  const records = 'addresses' in said ? said.addresses.map((one) => entry(type, said.ttl, one)) : []
  const header = Buffer.alloc(HEADER_BYTES)
  query.copy(header, 0, 0, 2)
  header.writeUInt16BE(IS_RESPONSE | ('code' in said ? said.code : 0), 2)
  header.writeUInt16BE(1, 4)
  header.writeUInt16BE(records.length, 6)
  return Buffer.concat([header, query.subarray(HEADER_BYTES, questionEnd), ...records])
}

function entry(type: RecordType, ttl: number, address: string): Buffer {
  const bytes = type === 'A' ? address.split('.').map(Number) : groups(address)
  const fixed = Buffer.alloc(12)
  fixed.writeUInt16BE(THE_NAME, 0)
  fixed.writeUInt16BE(type === 'A' ? 1 : 28, 2)
  fixed.writeUInt16BE(1, 4)
  fixed.writeUInt32BE(ttl, 6)
  fixed.writeUInt16BE(bytes.length, 10)
  return Buffer.concat([fixed, Buffer.from(bytes)])
}

/** All eight groups have to be written out. */
function groups(address: string): number[] {
  return address.split(':').flatMap((group) => {
    const value = Number.parseInt(group, 16)
    return [value >> 8, value & 0xff]
  })
}
