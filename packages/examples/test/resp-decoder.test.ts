/** RESP2 and RESP3: each type, cut at every place, and what a hostile server might say. */
import { ByteQueue, FrameParser } from '@pollout/framing'
import { describe, expect, it, vi } from 'vitest'
import { encodeCommand } from '../redis/encode-command.js'
import { Push, RedisError, type Reply } from '../redis/reply.js'
import { RespDecoder } from '../redis/resp-decoder.js'

const parser = (maxBytes = 10_000): FrameParser<Reply> => new FrameParser(new RespDecoder(maxBytes))

const replies: readonly (readonly [name: string, text: string, reply: Reply])[] = [
  ['a simple string', '+OK\r\n', 'OK'],
  ['an empty simple string', '+\r\n', ''],
  ['an error', '-ERR no\r\n', new RedisError('ERR no')],
  ['an integer', ':-12\r\n', -12],
  [
    'an integer that is not exact as a number',
    ':9223372036854775807\r\n',
    9_223_372_036_854_775_807n,
  ],
  ['a string', '$8\r\na\r\n$1\r\nb\r\n', Buffer.from('a\r\n$1\r\nb')],
  ['an empty string', '$0\r\n\r\n', Buffer.alloc(0)],
  ['a null string', '$-1\r\n', null],
  ['a null array', '*-1\r\n', null],
  ['an empty array', '*0\r\n', []],
  [
    'nested arrays',
    '*3\r\n:1\r\n*2\r\n$1\r\na\r\n*0\r\n-NO way\r\n',
    [1, [Buffer.from('a'), []], new RedisError('NO way')],
  ],
  ['null', '_\r\n', null],
  ['booleans', '*2\r\n#t\r\n#f\r\n', [true, false]],
  [
    'doubles',
    '*5\r\n,1.5\r\n,-inf\r\n,inf\r\n,1e3\r\n,nan\r\n',
    [1.5, -Infinity, Infinity, 1_000, Number.NaN],
  ],
  ['a big number', '(123456789012345678901234567890\r\n', 123456789012345678901234567890n],
  ['a bulk error', '!8\r\nERR a\r\nb\r\n', new RedisError('ERR a\r\nb')],
  ['a verbatim string', '=8\r\ntxt:a\r\nb\r\n', 'a\r\nb'],
  [
    'a map',
    '%2\r\n$1\r\na\r\n:1\r\n+b\r\n*1\r\n_\r\n',
    new Map<string, Reply>([
      ['a', 1],
      ['b', [null]],
    ]),
  ],
  ['a set', '~2\r\n:1\r\n:2\r\n', new Set([1, 2])],
  ['a push', '>2\r\n+message\r\n$1\r\nx\r\n', new Push(['message', Buffer.from('x')])],
  [
    'attributes, before what they are about',
    '|1\r\n+ttl\r\n:3\r\n*1\r\n|1\r\n+a\r\n+b\r\n:7\r\n',
    [7],
  ],
]

describe('RespDecoder', () => {
  it.each(replies)('reads %s, however it is cut', (_, text, reply) => {
    const bytes = Buffer.from(`${text}+next\r\n`)
    for (let cut = 0; cut <= bytes.length; cut++) {
      const whole = parser()
      const got = [...whole.push(bytes.subarray(0, cut)), ...whole.push(bytes.subarray(cut))]
      expect(got).toStrictEqual([reply, 'next'])
    }
    const single = parser()
    expect([...bytes].flatMap((byte) => [...single.push(Buffer.of(byte))])).toStrictEqual([
      reply,
      'next',
    ])
    expect([...single.end()]).toEqual([])
  })

  it.each(replies)('says so where the stream ends within %s', (_, text) => {
    const bytes = Buffer.from(text)
    for (let cut = 1; cut < bytes.length; cut++) {
      const half = parser()
      expect([...half.push(bytes.subarray(0, cut))]).toEqual([])
      expect(() => [...half.end()]).toThrow(
        expect.objectContaining({ code: 'ERR_FRAME_TRUNCATED' }),
      )
    }
  })

  it.each([
    ['no type', 'hello\r\n'],
    ['no length', '$\r\n'],
    ['a streamed string', '$?\r\n'],
    ['a negative length', '*-2\r\n'],
    ['a length in other digits', '$0x10\r\n'],
    ['a string that goes on', '$1\r\nabc\r\n'],
    ['a string that goes on up to the end', '$2\r\nab\rc\r\n'],
    ['no number', ':1a\r\n'],
    ['no double', ',\r\n'],
    ['no boolean', '#true\r\n'],
    ['a nest that is too deep', `${'*1\r\n'.repeat(200)}:1\r\n`],
  ])('refuses %s', (_, text) => {
    expect(() => [...parser().push(Buffer.from(text))]).toThrow(
      expect.objectContaining({ code: 'ERR_FRAME_INVALID' }),
    )
  })

  it.each([
    ['a string by its header', '$100000\r\n'],
    ['an array by its header', '*999999999\r\n'],
    ['a map by its header', '%5000\r\n'],
    ['an array by the sum of what is in it', `*2\r\n$6000\r\n${'x'.repeat(6_000)}\r\n$6000\r\n`],
    ['a line without an end', `+${'x'.repeat(10_001)}`],
  ])('refuses what is too large: %s', (_, text) => {
    expect(() => [...parser().push(Buffer.from(text))]).toThrow(
      expect.objectContaining({ code: 'ERR_FRAME_TOO_LARGE' }),
    )
  })

  it('takes a time that grows with the bytes, for one long reply in small chunks', () => {
    const elements = 50_000
    const bytes = Buffer.from(`*${elements}\r\n${':1\r\n'.repeat(elements)}`)
    const looks = vi.spyOn(ByteQueue.prototype, 'indexOf')
    const whole = parser(1_000_000)
    const got: Reply[] = []
    for (let at = 0; at < bytes.length; at += 10)
      got.push(...whole.push(bytes.subarray(at, at + 10)))
    expect(got.map((reply) => Array.isArray(reply) && reply.length)).toEqual([elements])
    expect(looks.mock.calls.length).toBeLessThan(2 * elements)
    looks.mockRestore()
  })
})

describe('encodeCommand()', () => {
  it('sends words, numbers and bytes by their length', () => {
    const encoded = encodeCommand(['SET', 'ä\r\n', 12, Buffer.of(0, 255)])
    const expected = '*4\r\n$3\r\nSET\r\n$4\r\n\xc3\xa4\r\n\r\n$2\r\n12\r\n$2\r\n\x00\xff\r\n'
    expect(encoded.toString('latin1')).toBe(expected)
  })

  it('refuses what would be sent as some other text', () => {
    const words: unknown[] = [undefined, null, {}, Number.NaN]
    for (const word of words)
      expect(() => encodeCommand(['SET', word as string])).toThrow(TypeError)
    expect(() => encodeCommand([])).toThrow(TypeError)
  })
})
