/** Frames with their length in front: layouts of real protocols, byte by byte. */
import {
  encodeLengthPrefixed,
  type LengthPrefixedOptions,
  lengthPrefixed,
  lengthPrefixedParser,
} from '@pollout/framing'
import { describe, expect, it } from 'vitest'
import { byParser, bytes } from './harness.js'

const read = (hex: string, options: LengthPrefixedOptions) =>
  byParser(lengthPrefixedParser(options), [Buffer.from(hex.replaceAll(' ', ''), 'hex')])

describe('lengthPrefixed()', () => {
  it.each<[options: LengthPrefixedOptions, hex: string, frames: string[]]>([
    [{ bytes: 1 }, '02 6869 00 01 21', ['hi', '', '!']],
    [{ bytes: 2 }, '0002 6869', ['hi']],
    [{ bytes: 2, endian: 'little' }, '0200 6869', ['hi']],
    [{ bytes: 3 }, '000002 6869', ['hi']],
    [{ bytes: 4 }, '00000002 6869', ['hi']],
    [{ bytes: 8 }, '0000000000000002 6869', ['hi']],
    [{ bytes: 8, endian: 'little' }, '0200000000000000 6869', ['hi']],
    [{ bytes: 2, includesHeader: true }, '0004 6869', ['hi']],
    [{ bytes: 2, includesHeader: true }, '0002', ['']],
    // MySQL: three bytes, then a sequence number.
    [{ bytes: 3, endian: 'little', headerBytes: 4 }, '020000 07 6869', ['\x02\0\0\x07hi']],
    [{ bytes: 3, endian: 'little', headerBytes: 4, keepHeader: false }, '020000 00 6869', ['hi']],
    // PostgreSQL: a type, then a length that counts itself.
    [{ bytes: 4, offset: 1, includesHeader: 'field' }, '52 00000006 6869', ['R\0\0\0\x06hi']],
    // TPKT: version, reserved, and a length that counts all.
    [{ bytes: 2, offset: 2, includesHeader: true }, '0300 0006 6869', ['\x03\0\0\x06hi']],
    [{ bytes: 1, keepHeader: true }, '02 6869', ['\x02hi']],
  ])('%j reads %s', (options, hex, frames) => {
    expect(read(hex, options)).toEqual({ frames, end: 'complete' })
    // And the encoder writes what was read.
    const sent = frames.map((frame) => encodeLengthPrefixed(bytes(frame), options))
    expect(Buffer.concat(sent).toString('hex')).toBe(hex.replaceAll(' ', ''))
  })

  it.each<[options: LengthPrefixedOptions, hex: string, end: string]>([
    [{ bytes: 1, maxBytes: 2 }, '02 6869', 'complete'],
    [{ bytes: 1, maxBytes: 2 }, '03', 'ERR_FRAME_TOO_LARGE'],
    [{ bytes: 4 }, 'ffffffff', 'ERR_FRAME_TOO_LARGE'],
    [{ bytes: 8 }, 'ffffffffffffffff', 'ERR_FRAME_TOO_LARGE'],
    [{ bytes: 8 }, '8000000000000000', 'ERR_FRAME_TOO_LARGE'],
    [{ bytes: 8, endian: 'little' }, '0000000000000080', 'ERR_FRAME_TOO_LARGE'],
    [{ bytes: 4 }, '00100001', 'ERR_FRAME_TOO_LARGE'],
    [{ bytes: 4 }, '00100000', 'ERR_FRAME_TRUNCATED'],
    [{ bytes: 4 }, '000000', 'ERR_FRAME_TRUNCATED'],
    [{ bytes: 2 }, '0002 68', 'ERR_FRAME_TRUNCATED'],
    [{ bytes: 2, includesHeader: true }, '0001', 'ERR_FRAME_INVALID'],
    [{ bytes: 4, offset: 1, includesHeader: 'field' }, '52 00000003', 'ERR_FRAME_INVALID'],
    [{ bytes: 2, includesHeader: true, maxBytes: 2 }, '0004 6869', 'complete'],
    [{ bytes: 2, includesHeader: true, maxBytes: 2 }, '0005', 'ERR_FRAME_TOO_LARGE'],
  ])('%j ends %s with %s', (options, hex, end) => {
    expect(read(hex, options).end).toBe(end)
  })

  it('tells that a frame is too long as soon as its header is there', () => {
    const parser = lengthPrefixedParser({ bytes: 4, maxBytes: 10 })
    expect([...parser.push(bytes('\0\0\0'))]).toEqual([])
    expect(() => [...parser.push(bytes('\x0b'))]).toThrow('longer than 10 bytes')
  })

  it('sets nothing aside for what a length only claims', () => {
    const parser = lengthPrefixedParser({ bytes: 4, maxBytes: 2 ** 31 })
    const before = process.memoryUsage().arrayBuffers
    for (const byte of ['\x7f', '\xff', '\xff', '\xff', 'x', 'y']) {
      expect([...parser.push(bytes(byte))]).toEqual([])
    }
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(1_000_000)
  })

  it.each<[frame: string, options: LengthPrefixedOptions, code: string]>([
    ['x'.repeat(256), { bytes: 1 }, 'ERR_FRAME_TOO_LARGE'],
    ['x'.repeat(255), { bytes: 1, includesHeader: true }, 'ERR_FRAME_TOO_LARGE'],
    ['abc', { bytes: 1, maxBytes: 2 }, 'ERR_FRAME_TOO_LARGE'],
    ['abc', { bytes: 4, offset: 1 }, 'ERR_FRAME_INVALID'],
  ])('the encoder refuses %j for %j', (frame, options, code) => {
    expect(() => encodeLengthPrefixed(frame, options)).toThrow(expect.objectContaining({ code }))
  })

  it('the encoder changes nothing that it was given', () => {
    const frame = bytes('T____hi')
    const sent = encodeLengthPrefixed(frame, { bytes: 4, offset: 1 })
    expect(sent).toEqual(bytes('T\0\0\0\x02hi'))
    expect(frame).toEqual(bytes('T____hi'))
    expect(encodeLengthPrefixed('ü', { bytes: 1 })).toEqual(Buffer.from([2, 0xc3, 0xbc]))
  })

  it.each([
    [{ bytes: 0 }, RangeError],
    [{ bytes: 5 }, RangeError],
    [{}, RangeError],
    [{ bytes: 2, offset: -1 }, RangeError],
    [{ bytes: 2, headerBytes: 1 }, RangeError],
    [{ bytes: 2, offset: 2, headerBytes: 3 }, RangeError],
    [{ bytes: 2, maxBytes: 0 }, RangeError],
    [{ bytes: 2, endian: 'middle' }, TypeError],
    [{ bytes: 2, includesHeader: 'yes' }, TypeError],
  ])('refuses %j at once', (options, type) => {
    expect(() => lengthPrefixed(options as LengthPrefixedOptions)).toThrow(type)
  })
})
