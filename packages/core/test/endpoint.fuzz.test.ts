/** Fuzz of the address and URI parsers. A failure prints fast-check's seed and path: give them to `fc.assert` to see it again. */
import {
  type Endpoint,
  formatAddress,
  formatEndpoint,
  InvalidEndpointError,
  literalFamily,
  parseEndpoint,
  type SocketAddress,
  tcp,
  toEndpoint,
  udp,
  unix,
  unixgram,
  unixpacket,
  vsock,
} from '@pollout/core'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'

const RUNS = { numRuns: 2_000 }
/** Far more than any parse takes, far less than one that runs away. */
const LONGEST_MS = 200

const port = fc.integer({ min: 0, max: 65_535 })
const unsigned = fc.integer({ min: 0, max: 2 ** 32 - 1 })
const zone = fc.stringMatching(/^[A-Za-z0-9_.~-]{1,15}$/)
const inet6 = fc.oneof(
  fc.ipV6(),
  fc.tuple(fc.ipV6(), zone).map(([address, zone]) => `${address}%${zone}`),
)
const host = fc.oneof(
  fc.ipV4(),
  inet6,
  fc.domain(),
  fc.stringMatching(/^[a-zäöüéñ][a-z0-9_]{0,30}$/),
)
const path = fc
  .string({ unit: 'grapheme', minLength: 1, maxLength: 60 })
  .filter((text) => !text.includes('\0') && text !== '@' && Buffer.byteLength(text) <= 107)

const endpoint: fc.Arbitrary<Endpoint> = fc.oneof(
  fc.tuple(host, port).map(([host, port]) => tcp(host, port)),
  fc.tuple(host, port).map(([host, port]) => udp(host, port)),
  path.map(unix),
  path.map((name) => unix(`\0${name}`)),
  path.map(unixgram),
  path.map(unixpacket),
  fc.tuple(unsigned, unsigned).map(([cid, port]) => vsock(cid, port)),
)

/** What breaks parsers: delimiters, escapes, zones, controls, marks that turn the direction, lone surrogates. */
const piece = fc.constantFrom(
  ...['tcp', 'udp', 'unix', 'unixgram', 'unixpacket', 'vsock', ':', '//', '/', '[', ']', '@', '%'],
  ...[
    '%00',
    '%2e',
    '%25eth0',
    '::1',
    'fe80::1%',
    '127.0.0.1',
    '0x7f',
    '1.',
    '..',
    '-',
    '_',
    '65535',
  ],
  ...['65536', '-1', '1e3', ' ', '\t', '\n', '\r', '\0', '\u0085', '\u00a0', '\u2028', '\u202e'],
  ...['\ufeff', '\ud800', '\udc00', 'ｔｃｐ', '。', '٣', 'ä', 'xn--', '🙂', '#', '?', '\\', '*'],
)
const hostile = fc.oneof(
  fc.array(piece, { maxLength: 30 }).map((pieces) => pieces.join('')),
  fc
    .tuple(
      fc.constantFrom('tcp://', 'udp://', 'unix:', 'unixgram:', 'unixpacket:', 'vsock://'),
      fc.array(piece, { maxLength: 12 }),
    )
    .map(([scheme, pieces]) => scheme + pieces.join('')),
  fc.string({ unit: 'binary' }),
  fc.string({ unit: 'grapheme' }),
)

/** The endpoint; undefined where it was refused as one has to be, in one line without anything that a terminal obeys. */
function parsed(text: unknown): Endpoint | undefined {
  try {
    return toEndpoint(text as string)
  } catch (error) {
    expect(error).toBeInstanceOf(InvalidEndpointError)
    expect((error as Error).message).toMatch(/^[^\p{Cc}\p{Zl}\p{Zp}\u202a-\u202e]{15,300}$/u)
    return undefined
  }
}

describe('endpoints as text, with whatever comes', () => {
  it('every endpoint is written as text that reads as itself', () => {
    const property = fc.property(endpoint, (endpoint) => {
      const text = formatEndpoint(endpoint)
      expect(parseEndpoint(text)).toEqual(endpoint)
      expect(toEndpoint(endpoint)).toEqual(endpoint)
    })
    fc.assert(property, RUNS)
  })

  it('any text is an endpoint, or InvalidEndpointError; what is one survives the way there and back', () => {
    let accepted = 0
    const property = fc.property(hostile, (text) => {
      const endpoint = parsed(text)
      if (endpoint === undefined) return
      accepted++
      const written = formatEndpoint(endpoint)
      expect(parseEndpoint(written)).toEqual(endpoint)
      expect(formatEndpoint(parseEndpoint(written))).toBe(written)
    })
    fc.assert(property, { numRuns: 10_000 })
    // Else nothing but refusals would have been looked at.
    expect(accepted).toBeGreaterThan(100)
  })

  it('any value at all is an endpoint, or InvalidEndpointError', () => {
    const fields = { scheme: fc.anything(), host: fc.anything(), path: fc.anything() }
    const scheme = fc.constantFrom('tcp', 'udp', 'unix', 'unixgram', 'unixpacket', 'vsock')
    const object = fc.record({ ...fields, cid: fc.anything(), port: fc.anything() }, NOT_ALL)
    const likely = fc.record(
      { ...fields, scheme, cid: fc.anything(), port: fc.anything() },
      NOT_ALL,
    )
    const property = fc.property(fc.oneof(fc.anything(), object, likely), (value) => {
      parsed(value)
    })
    fc.assert(property, RUNS)
  })

  it('what is an address literal has a family, and a name has none', () => {
    const property = fc.property(fc.ipV4(), inet6, fc.domain(), (four, six, name) => {
      expect([four, six, name].map(literalFamily)).toEqual(['inet', 'inet6', undefined])
    })
    fc.assert(property, RUNS)
  })

  it('any text has a family or none, and never both an address and a strange zone', () => {
    const property = fc.property(hostile, (text) => {
      if (literalFamily(text) === undefined) return
      expect(text).toMatch(/^[0-9A-Fa-f.:]+(%[\w.~-]{1,15})?$/)
    })
    fc.assert(property, RUNS)
  })

  it('two addresses with the same text are one address', () => {
    const address: fc.Arbitrary<SocketAddress> = fc.oneof(
      fc.record({ family: fc.constant('inet' as const), address: fc.ipV4(), port }),
      fc.record({ family: fc.constant('inet6' as const), address: inet6, port }),
      fc.record({ family: fc.constant('vsock' as const), cid: unsigned, port: unsigned }),
    )
    const property = fc.property(address, address, (one, other) => {
      if (formatAddress(one) === formatAddress(other)) expect(one).toEqual(other)
    })
    fc.assert(property, RUNS)
  })
})

describe('long texts take no time', () => {
  const LENGTH = 1_000_000
  const long = (piece: string): string => piece.repeat(LENGTH / piece.length)
  it.each([
    ['letters', `tcp://${long('a')}`],
    ['labels', `tcp://${long('a.')}:80`],
    ['digits', `tcp://${long('1')}:80`],
    ['numeric labels', `tcp://${long('1.')}:80`],
    ['hyphens', `tcp://${long('a-')}:80`],
    ['colons', `tcp://${long(':')}`],
    ['brackets', `tcp://${long('[')}`],
    ['groups of an address', `tcp://[${long('1:')}]:80`],
    ['zeros of an address', `tcp://[${long('0')}]:80`],
    ['a zone', `tcp://[fe80::1%${long('a')}]:80`],
    ['per cent signs', `tcp://[${long('%')}]:80`],
    ['a port', `tcp://h:${long('1')}`],
    ['letters of other scripts', `udp://${long('ä')}:80`],
    ['pairs of surrogates', `udp://${long('🙂')}:80`],
    ['a path', `unix:${long('/a')}`],
    ['NULs', `unixgram:/${long('\0')}`],
    ['at signs', `unixpacket:${long('@')}`],
    ['numbers', `vsock://${long('1')}:1`],
    ['lines', long('tcp://h:80\n')],
  ])('%s', (_what, text) => {
    const before = process.cpuUsage()
    expect(parsed(text)).toBeUndefined()
    expect(process.cpuUsage(before).user / 1_000).toBeLessThan(LONGEST_MS)
  })

  it('nor do hosts and literals', () => {
    for (const piece of ['1.', 'a.', ':', '0', '%', 'ä', '-']) {
      const before = process.cpuUsage()
      expect(literalFamily(long(piece))).toBeUndefined()
      expect(() => tcp(long(piece), 80)).toThrow(InvalidEndpointError)
      expect(process.cpuUsage(before).user / 1_000).toBeLessThan(LONGEST_MS)
    }
  })
})

const NOT_ALL = { requiredKeys: [] as never[] }
