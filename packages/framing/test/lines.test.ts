/** Lines: ends, encodings, limits to the byte, and what can't be one. */
import {
  delimited,
  delimitedParser,
  encodeDelimited,
  encodeFixedSize,
  encodeLine,
  fixedSize,
  type LineOptions,
  lineParser,
  lines,
} from '@pollout/framing'
import { describe, expect, it } from 'vitest'
import { byParser, bytes } from './harness.js'

const read = (text: string | Buffer, options?: LineOptions) =>
  byParser(lineParser(options), [Buffer.from(text)])

describe('lines()', () => {
  it.each<[text: string, frames: string[], end?: string, options?: LineOptions]>([
    ['', []],
    ['\n', ['']],
    ['\r\n', ['']],
    ['a\nb\r\nc\n', ['a', 'b', 'c']],
    ['a\r\r\n', ['a\r']],
    ['a\rb\n', ['a\rb']],
    ['a', [], 'ERR_FRAME_TRUNCATED'],
    ['a\nb', ['a'], 'ERR_FRAME_TRUNCATED'],
    ['a\nb', ['a', 'b'], 'complete', { unterminated: 'emit' }],
    ['a\n', ['a'], 'complete', { unterminated: 'emit' }],
    ['a\nb\r', ['a', 'b\r'], 'complete', { unterminated: 'emit' }],
    ['a\nb\r\n', ['a\n', 'b\r\n'], 'complete', { keepEnd: true }],
    ['a\nb\r\n', ['a\nb'], 'complete', { delimiter: '\r\n' }],
    ['a\r\nb\r\n', ['a\r\n', 'b\r\n'], 'complete', { delimiter: '\r\n', keepEnd: true }],
    ['a||b||', ['a', 'b'], 'complete', { delimiter: '||' }],
    ['aébéc', ['a', 'b'], 'ERR_FRAME_TRUNCATED', { delimiter: 'é' }],
  ])('reads %j as %j', (text, frames, end = 'complete', options = {}) => {
    expect(read(text, options)).toEqual({ frames, end })
  })

  it.each([
    ['abc\n', 'complete'],
    ['abc\r\n', 'complete'],
    ['abcd\n', 'ERR_FRAME_TOO_LARGE'],
    ['abcd\r\n', 'ERR_FRAME_TOO_LARGE'],
    ['abc\r', 'ERR_FRAME_TRUNCATED'],
    ['abcd', 'ERR_FRAME_TRUNCATED'],
    ['abcde', 'ERR_FRAME_TOO_LARGE'],
    ['é\n', 'complete'],
    ['éé\n', 'ERR_FRAME_TOO_LARGE'],
  ])('of 3 bytes at most: %j', (text, end) => {
    expect(read(text, { maxBytes: 3 }).end).toBe(end)
  })

  it('an unterminated line of too many bytes is too long, not the last one', () => {
    expect(read('abcd', { maxBytes: 3, unterminated: 'emit' }).end).toBe('ERR_FRAME_TOO_LARGE')
    expect(read('abc', { maxBytes: 3, unterminated: 'emit' }).frames).toEqual(['abc'])
  })

  it('decodes characters that lie across chunks, and those that are none', () => {
    const text = 'grüße €🎉\n'
    const chunks = [...Buffer.from(text)].map((byte) => Buffer.from([byte]))
    expect(byParser(lineParser(), chunks).frames).toEqual(['grüße €🎉'])
    expect(read(Buffer.from([0xff, 0x0a])).frames).toEqual(['\ufffd'])
    expect(read(bytes('\xff\n'), { encoding: 'latin1' }).frames).toEqual(['\xff'])
  })

  it.each([
    [{ maxBytes: 0 }, RangeError],
    [{ maxBytes: 1.5 }, RangeError],
    [{ maxBytes: Number.POSITIVE_INFINITY }, RangeError],
    [{ maxBytes: '3' }, RangeError],
    [{ delimiter: '' }, TypeError],
    [{ delimiter: Buffer.from('\n') }, TypeError],
    [{ encoding: 'utf16le' }, TypeError],
    [{ encoding: 'hex' }, TypeError],
    [{ unterminated: 'ignore' }, TypeError],
  ])('refuses %j at once', (options, type) => {
    expect(() => lines(options as LineOptions)).toThrow(type)
    expect(() => lineParser(options as LineOptions)).toThrow(type)
  })

  it('the encoder makes one line, or none', () => {
    expect(encodeLine('PING')).toEqual(Buffer.from('PING\n'))
    expect(encodeLine('PING', { delimiter: '\r\n' })).toEqual(Buffer.from('PING\r\n'))
    expect(encodeLine('\xe9', { encoding: 'latin1' })).toEqual(Buffer.from([0xe9, 0x0a]))
    for (const text of ['a\nb', 'a\rb', 'a\r\nb', '\n', 'a\r', 'a\n']) {
      for (const delimiter of ['\n', '\r\n']) {
        const encode = () => encodeLine(text, { delimiter })
        expect(encode).toThrow(expect.objectContaining({ code: 'ERR_FRAME_INVALID' }))
      }
    }
    expect(encodeLine('a\nb', { delimiter: ';' })).toEqual(Buffer.from('a\nb;'))
    expect(() => encodeLine('a;b', { delimiter: ';' })).toThrow('the end of a line')
  })
})

describe('delimited()', () => {
  it('takes text or bytes, and keeps a copy of its own', () => {
    const delimiter = Buffer.from('--')
    const parser = delimitedParser(delimiter)
    delimiter.fill(0)
    expect([...parser.push(bytes('a--b-c----'))].map(String)).toEqual(['a', 'b-c', ''])
  })

  it('refuses what is no delimiter', () => {
    for (const none of ['', new Uint8Array(), undefined, 10]) {
      expect(() => delimited(none as string)).toThrow(TypeError)
    }
  })

  it('the encoder refuses a frame that could not be read back', () => {
    expect(encodeDelimited('ab', 'cd')).toEqual(Buffer.from('abcd'))
    for (const [frame, delimiter] of [
      ['acdb', 'cd'],
      ['cd', 'cd'],
      ['a', 'aa'],
      ['xab', 'abab'],
    ] as const) {
      const encode = () => encodeDelimited(frame, delimiter)
      expect(encode).toThrow(expect.objectContaining({ code: 'ERR_FRAME_INVALID' }))
    }
  })
})

describe('fixedSize()', () => {
  it('refuses sizes that are none, and frames of another', () => {
    for (const size of [0, -1, 1.5, Number.NaN, '4']) {
      expect(() => fixedSize(size as number)).toThrow(RangeError)
    }
    expect(() => encodeFixedSize(bytes('abc'), 2)).toThrow(
      expect.objectContaining({ code: 'ERR_FRAME_INVALID' }),
    )
  })
})
