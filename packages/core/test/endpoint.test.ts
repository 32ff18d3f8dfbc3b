/** Endpoints as values and as URIs: what is one, what is none, and the way there and back. */
import { describe, expect, it } from 'vitest'
import { formatEndpoint, parseEndpoint, tcp, toEndpoint, unix } from '../src/endpoint.js'

const label63 = 'a'.repeat(63)

describe('parseEndpoint()', () => {
  it.each([
    ['tcp://example.net:443', tcp('example.net', 443)],
    ['tcp://localhost:0', tcp('localhost', 0)],
    ['tcp://127.0.0.1:65535', tcp('127.0.0.1', 65_535)],
    ['tcp://[::1]:80', tcp('::1', 80)],
    ['tcp://[fe80::1%eth0]:80', tcp('fe80::1%eth0', 80)],
    ['tcp://[::ffff:127.0.0.1]:80', tcp('::ffff:127.0.0.1', 80)],
    ['tcp://xn--bcher-kva.example:80', tcp('xn--bcher-kva.example', 80)],
    ['tcp://bücher.example:80', tcp('bücher.example', 80)],
    ['tcp://example.net.:80', tcp('example.net.', 80)],
    ['tcp://_srv.example:80', tcp('_srv.example', 80)],
    ['tcp://1and1.example:80', tcp('1and1.example', 80)],
    [`tcp://${label63}.example:80`, tcp(`${label63}.example`, 80)],
    ['unix:/run/x.sock', unix('/run/x.sock')],
    ['unix:relative.sock', unix('relative.sock')],
    ['unix:/with space:and?query', unix('/with space:and?query')],
    ['unix:@abstract', unix('\0abstract')],
    [`unix:/${'a'.repeat(106)}`, unix(`/${'a'.repeat(106)}`)],
    [`unix:@${'a'.repeat(107)}`, unix(`\0${'a'.repeat(107)}`)],
  ])('reads %s, and it is written so again', (text, endpoint) => {
    expect(parseEndpoint(text)).toEqual(endpoint)
    expect(formatEndpoint(endpoint)).toBe(text)
    expect(toEndpoint(text)).toEqual(endpoint)
    expect(toEndpoint(endpoint)).toEqual(endpoint)
  })

  it.each([
    [''],
    ['example.net:443'],
    ['example.net'],
    ['http://example.net:80'],
    ['TCP://example.net:80'],
    ['tcp:example.net:80'],
    ['tcp://:80'],
    ['tcp://example.net'],
    ['tcp://example.net:'],
    ['tcp://example.net:http'],
    ['tcp://example.net:80/'],
    ['tcp://example.net:-1'],
    ['tcp://example.net:65536'],
    ['tcp://example.net:80.5'],
    ['tcp://example.net:1e3'],
    ['tcp://example.net: 80'],
    ['tcp://user@example.net:80'],
    ['tcp://::1:80'],
    ['tcp://[127.0.0.1]:80'],
    ['tcp://[]:80'],
    ['tcp://[::1]'],
    ['tcp://[::1]x:80'],
    ['tcp://127.1:80'],
    ['tcp://0x7f000001:80'],
    ['tcp://2130706433:80'],
    ['tcp://127.0.0.256:80'],
    ['tcp://exa mple.net:80'],
    ['tcp://-a.example:80'],
    ['tcp://a..example:80'],
    [`tcp://a${label63}.example:80`],
    ['unix:'],
    ['unix:@'],
    ['unix:/a\0b'],
    [`unix:/${'a'.repeat(107)}`],
    [`unix:/${'ä'.repeat(54)}`],
    [`unix:@${'a'.repeat(108)}`],
    [' tcp://example.net:80'],
    ['tcp://example.net:80\n'],
  ])('refuses %j, with a message', (text) => {
    const refused = expect(() => parseEndpoint(text))
    refused.toThrow(expect.objectContaining({ code: 'ERR_INVALID_ENDPOINT' }))
    refused.toThrow(TypeError)
    refused.toThrow(/^[ -~ä-ü]{20,}$/)
  })
})

describe('values that are no endpoints', () => {
  const none = undefined as unknown as string
  it.each([
    ['no host', () => tcp(none, 80)],
    ['a host that is null', () => tcp(null as unknown as string, 80)],
    ['a port as text', () => tcp('example.net', '80' as unknown as number)],
    ['NaN for a port', () => tcp('example.net', Number.NaN)],
    ['no path', () => unix(none)],
    ['undefined', () => toEndpoint(none)],
    ['null', () => toEndpoint(null as unknown as string)],
    ['a number', () => toEndpoint(80 as unknown as string)],
    ['an unknown scheme', () => toEndpoint({ scheme: 'udp' } as unknown as string)],
    [
      'a tcp one without a host',
      () => toEndpoint({ scheme: 'tcp', port: 80 } as unknown as string),
    ],
    ['a unix one without a path', () => toEndpoint({ scheme: 'unix' } as unknown as string)],
  ])('%s throws', (_what, make) => {
    expect(make).toThrow(expect.objectContaining({ code: 'ERR_INVALID_ENDPOINT' }))
  })

  it('a long or strange text is quoted in one short line', () => {
    const refused = expect(() => parseEndpoint(`tcp://${'\n\u001b[31m'.repeat(1_000)}`))
    refused.toThrow(expect.objectContaining({ message: expect.stringMatching(/^.{20,250}$/) }))
  })
})
