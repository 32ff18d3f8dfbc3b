/** What holds for every framing: any cut gives the same frames and the same end, in bounded memory. */
import {
  delimitedParser,
  encodeDelimited,
  encodeFixedSize,
  encodeLengthPrefixed,
  encodeLine,
  type FrameParser,
  fixedSizeParser,
  type LengthPrefixedOptions,
  lengthPrefixedParser,
  lineParser,
} from '@pollout/framing'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { byParser, bytes, cut, outcome, places, show } from './harness.js'

interface Framing {
  readonly name: string
  /** Any one that is longer is too long. */
  readonly maxBytes: number
  /** What may wait besides: headers, delimiters. */
  readonly extra: number
  readonly parser: () => FrameParser<string | Buffer>
  readonly encode: (frame: string) => Buffer
  readonly frame: fc.Arbitrary<string>
  /** Streams of nothing but what matters to this framing. */
  readonly noise: fc.Arbitrary<string>
}

const MAX = 20
const text = (characters: string, maxLength = MAX) =>
  fc.string({ unit: fc.constantFrom(...characters), maxLength, size: 'max' })
const binary = (maxLength: number, minLength = 0) =>
  fc.uint8Array({ minLength, maxLength, size: 'max' }).map((array) => show(array))
const noise = (characters: string) => text(characters, 80)

function lengthPrefixedFraming(name: string, options: LengthPrefixedOptions): Framing {
  const all = { ...options, maxBytes: MAX }
  const { bytes: size, offset = 0, headerBytes = offset + size } = options
  const kept = headerBytes > size
  return {
    name,
    maxBytes: MAX,
    extra: headerBytes,
    parser: () => lengthPrefixedParser(all),
    encode: (frame) => encodeLengthPrefixed(bytes(frame), all),
    frame: binary(MAX, 0).map((payload) => (kept ? 'h'.repeat(headerBytes) : '') + payload),
    noise: noise('\0\0\0\0\x01\x02\x03\x04\x05\x08\x14\x15\x18\xff'),
  }
}

const framings: Framing[] = [
  {
    name: 'lines',
    maxBytes: MAX,
    extra: 2,
    parser: () => lineParser({ maxBytes: MAX, encoding: 'latin1' }),
    encode: (frame) => encodeLine(frame, { encoding: 'latin1' }),
    frame: text('ab \t\0\x85\xff'),
    noise: noise('ab\r\r\n'),
  },
  {
    name: 'lines ending in CRLF only',
    maxBytes: MAX,
    extra: 2,
    parser: () => lineParser({ maxBytes: MAX, delimiter: '\r\n', encoding: 'latin1' }),
    encode: (frame) => encodeLine(frame, { delimiter: '\r\n', encoding: 'latin1' }),
    frame: text('ab \0\xff'),
    noise: noise('ab\r\r\n\n'),
  },
  {
    name: 'lines, the last one without an end',
    maxBytes: MAX,
    extra: 2,
    parser: () => lineParser({ maxBytes: MAX, encoding: 'latin1', unterminated: 'emit' }),
    encode: (frame) => encodeLine(frame, { encoding: 'latin1' }),
    frame: text('ab'),
    noise: noise('aaaaaaabbbbbbbbccccccccc\r\n'),
  },
  {
    name: 'delimited by NUL',
    maxBytes: MAX,
    extra: 1,
    parser: () => delimitedParser('\0', { maxBytes: MAX }),
    encode: (frame) => encodeDelimited(bytes(frame), '\0'),
    frame: binary(MAX).map((frame) => frame.replaceAll('\0', '')),
    noise: noise('abc\0'),
  },
  {
    name: 'delimited by a delimiter that looks like its own beginning',
    maxBytes: MAX,
    extra: 4,
    parser: () => delimitedParser('abab', { maxBytes: MAX }),
    encode: (frame) => encodeDelimited(frame, 'abab'),
    // Not ending in what could begin an earlier delimiter.
    frame: text('abc', MAX - 1)
      .filter((frame) => !frame.includes('abab'))
      .map((frame) => (frame === '' ? '' : `${frame.replaceAll('abab', '')}c`)),
    noise: noise('ab'),
  },
  {
    name: 'of a fixed size',
    maxBytes: 7,
    extra: 0,
    parser: () => fixedSizeParser(7),
    encode: (frame) => encodeFixedSize(bytes(frame), 7),
    frame: binary(7, 7),
    noise: noise('abc'),
  },
  lengthPrefixedFraming('length in 1 byte', { bytes: 1 }),
  lengthPrefixedFraming('length in 2 bytes', { bytes: 2 }),
  lengthPrefixedFraming('length in 2 bytes, little endian', { bytes: 2, endian: 'little' }),
  lengthPrefixedFraming('length in 4 bytes', { bytes: 4 }),
  lengthPrefixedFraming('length in 8 bytes, little endian', { bytes: 8, endian: 'little' }),
  lengthPrefixedFraming('as in MySQL', { bytes: 3, endian: 'little', headerBytes: 4 }),
  lengthPrefixedFraming('as in PostgreSQL', { bytes: 4, offset: 1, includesHeader: 'field' }),
  lengthPrefixedFraming('as in TPKT', { bytes: 2, offset: 2, includesHeader: true }),
  lengthPrefixedFraming('as in memcached', { bytes: 4, offset: 8, headerBytes: 24 }),
]

describe.each(framings)('$name', ({ parser, encode, frame, noise, maxBytes, extra }) => {
  /** The header of a frame that is kept gets its length on the way. */
  const asSent = (frames: string[]): string[] => frames.map((one) => show(encode(one)))

  it('what is encoded comes out again, however it is cut', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(frame, { maxLength: 12 }), places, async (given, cuts) => {
        const sent = Buffer.concat(given.map(encode))
        const received = await outcome(parser, cut(sent, cuts))
        expect(received.end).toBe('complete')
        expect(asSent(received.frames)).toEqual(asSent(given))
      }),
      { numRuns: 100 },
    )
  })

  it('of any bytes at all, any cut makes the same frames and the same end', async () => {
    const ends = new Set<string>()
    await fc.assert(
      fc.asyncProperty(fc.oneof(noise, binary(100)), places, async (stream, cuts) => {
        const whole = await outcome(parser, [bytes(stream)])
        ends.add(whole.end)
        expect(await outcome(parser, cut(bytes(stream), cuts))).toEqual(whole)
      }),
      { numRuns: 200 },
    )
    expect(ends.size).toBeGreaterThan(1)
  })

  it('keeps no more than the largest frame, whatever comes', () => {
    fc.assert(
      fc.property(fc.oneof(noise, binary(100)), (stream) => {
        const one = parser()
        let most = 0
        byParser(
          one,
          (function* () {
            for (const character of stream) {
              most = Math.max(most, one.bufferedBytes)
              yield bytes(character)
            }
            most = Math.max(most, one.bufferedBytes)
          })(),
        )
        expect(most).toBeLessThanOrEqual(maxBytes + extra)
      }),
    )
  })

  it('an end within a frame is told, after the frames before it', async () => {
    const first = fc.sample(frame, { numRuns: 20, seed: 1 }).find((one) => one.length > 3) ?? ''
    const sent = Buffer.concat([encode(first), encode(first).subarray(0, -1)])
    const { frames, end } = await outcome(parser, [sent])
    expect(asSent(frames.slice(0, 1))).toEqual(asSent([first]))
    if (end !== 'complete') expect([frames.length, end]).toEqual([1, 'ERR_FRAME_TRUNCATED'])
    // Only where an end is as good as an end mark.
    else expect(parser().end().next()).toEqual({ done: true, value: undefined })
  })
})
