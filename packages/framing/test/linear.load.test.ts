/** Time and memory grow with the bytes, not with their square, when a peer sends single bytes. */
import {
  delimitedParser,
  type FrameParser,
  fixedSizeParser,
  lengthPrefixedParser,
  lineParser,
} from '@pollout/framing'
import { expect, it } from 'vitest'

const SIZE = 2 ** 22

/** Of this process alone, whatever else the machine has to do. */
function cpuMsSince(before: NodeJS.CpuUsage): number {
  const { user, system } = process.cpuUsage(before)
  return (user + system) / 1_000
}

/** One frame of 4 MiB in single bytes: 4,194,304 chunks. Copying all that waits for each would be 8 TiB. */
const cases: [string, () => FrameParser<string | Buffer>, header: string, end: string][] = [
  ['lines', () => lineParser({ maxBytes: SIZE }), '', '\n'],
  ['delimited', () => delimitedParser('-+-', { maxBytes: SIZE }), '', '-+-'],
  ['delimited by one byte', () => delimitedParser('\0', { maxBytes: SIZE }), '', '\0'],
  ['fixed size', () => fixedSizeParser(SIZE), '', ''],
  ['length-prefixed', () => lengthPrefixedParser({ bytes: 4, maxBytes: SIZE }), '\0\x40\0\0', ''],
]

it.each(cases)('one large frame in single bytes: %s', (_, makeParser, header, end) => {
  const parser = makeParser()
  const held = process.memoryUsage().arrayBuffers
  let most = 0
  let frames = 0
  const push = (chunk: Buffer): void => {
    for (const frame of parser.push(chunk)) {
      frames++
      expect(frame.length).toBe(SIZE)
    }
  }
  const before = process.cpuUsage()
  for (const byte of Buffer.from(header, 'latin1')) push(Buffer.from([byte]))
  const byte = Buffer.from('x')
  for (let i = 0; i < SIZE; i++) {
    push(byte)
    if (i % 65_536 === 0) most = Math.max(most, process.memoryUsage().arrayBuffers - held)
  }
  for (const last of Buffer.from(end)) push(Buffer.from([last]))
  expect(frames).toBe(1)
  // Linear takes some 3 s on a slow machine; quadratic, minutes.
  expect(cpuMsSince(before)).toBeLessThan(20_000)
  // The memory that waits, twice while it grows, and what the collector has not got to.
  expect(most).toBeLessThan(8 * SIZE)
})

it('many small frames in one large chunk', () => {
  const parser = lineParser()
  const before = process.cpuUsage()
  let frames = 0
  for (const line of parser.push(Buffer.alloc(SIZE * 2, 'x\n'))) frames += line.length
  expect(frames).toBe(SIZE)
  expect(cpuMsSince(before)).toBeLessThan(20_000)
})
