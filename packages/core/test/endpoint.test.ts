/** Endpoints as values and as URIs: what is one, what is none, and the way there and back. */

import {
  addressOf,
  endpointOf,
  formatEndpoint,
  parseEndpoint,
  type SocketAddress,
  type SocketType,
  socketTypeOf,
  tcp,
  tls,
  toEndpoint,
  udp,
  unix,
  unixgram,
  unixpacket,
  vsock,
} from '@pollout/core'
import { describe, expect, it } from 'vitest'

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
    ['tls://example.net:443', tls('example.net', 443)],
    ['tls://[::1]:443', tls('::1', 443)],
    ['unix:/run/x.sock', unix('/run/x.sock')],
    ['unix:relative.sock', unix('relative.sock')],
    ['unix:/with space:and?query', unix('/with space:and?query')],
    ['unix:@abstract', unix('\0abstract')],
    [`unix:/${'a'.repeat(106)}`, unix(`/${'a'.repeat(106)}`)],
    [`unix:@${'a'.repeat(107)}`, unix(`\0${'a'.repeat(107)}`)],
    ['tcp://[fe80::1%br_lan.1-x]:80', tcp('fe80::1%br_lan.1-x', 80)],
    ['udp://example.net:53', udp('example.net', 53)],
    ['udp://[::1]:0', udp('::1', 0)],
    ['unixgram:/run/log.sock', unixgram('/run/log.sock')],
    ['unixgram:@abstract', unixgram('\0abstract')],
    ['unixpacket:relative', unixpacket('relative')],
    ['vsock://2:1024', vsock(2, 1_024)],
    ['vsock://4294967295:4294967295', vsock(4_294_967_295, 4_294_967_295)],
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
    ['tcp://[fe80::1%]:80'],
    ['tcp://[fe80::1%eth/0]:80'],
    ['tcp://[fe80::1%aninterfacewith16]:80'],
    ['tcp://127.0.0.1%lo:80'],
    ['tcp://example%2enet:80'],
    ['tcp://a\0b:80'],
    ['udp://example.net'],
    ['udp:example.net:53'],
    ['udp://[::1]'],
    ['udp://127.0.0.1:65536'],
    ['unixgram:'],
    ['unixgram:@'],
    ['unixpacket:/a\0b'],
    [`unixpacket:/${'a'.repeat(107)}`],
    ['unixstream:/x'],
    ['vsock:2:1024'],
    ['vsock://2'],
    ['vsock://-1:1024'],
    ['vsock://2:4294967296'],
    ['vsock://host:1024'],
    ['vsock://2:1024/'],
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
    ['an unknown scheme', () => toEndpoint({ scheme: 'sctp' } as unknown as string)],
    [
      'a tcp one without a host',
      () => toEndpoint({ scheme: 'tcp', port: 80 } as unknown as string),
    ],
    ['a unix one without a path', () => toEndpoint({ scheme: 'unix' } as unknown as string)],
    ['an object without a prototype', () => toEndpoint(Object.create(null))],
    ['a symbol', () => parseEndpoint(Symbol('x') as unknown as string)],
    ['a vsock cid of 2 ** 32', () => vsock(2 ** 32, 1)],
    ['a vsock cid of -1', () => vsock(-1, 1)],
    ['a vsock port as text', () => vsock(1, '1' as unknown as number)],
    ['a vsock port with a fraction', () => vsock(1, 0.5)],
    ['an array for a host', () => udp(['127.0.0.1'] as unknown as string, 1)],
  ])('%s throws', (_what, make) => {
    expect(make).toThrow(expect.objectContaining({ code: 'ERR_INVALID_ENDPOINT' }))
  })

  it('a long or strange text is quoted in one short line', () => {
    const refused = expect(() => parseEndpoint(`tcp://${'\n\u001b[31m'.repeat(1_000)}`))
    refused.toThrow(expect.objectContaining({ message: expect.stringMatching(/^.{20,250}$/) }))
  })
})

describe('endpoints, sockets and addresses', () => {
  const inet: SocketAddress = { family: 'inet', address: '192.0.2.1', port: 80 }
  const inet6: SocketAddress = { family: 'inet6', address: 'fe80::1%eth0', port: 80 }
  const path: SocketAddress = { family: 'unix', path: '/run/x' }
  const vm: SocketAddress = { family: 'vsock', cid: 2, port: 80 }

  it.each<[string, SocketAddress, SocketType]>([
    ['tcp://192.0.2.1:80', inet, 'stream'],
    ['udp://192.0.2.1:80', inet, 'dgram'],
    ['tcp://[fe80::1%eth0]:80', inet6, 'stream'],
    ['unix:/run/x', path, 'stream'],
    ['unixgram:/run/x', path, 'dgram'],
    ['unixpacket:/run/x', path, 'seqpacket'],
    ['vsock://2:80', vm, 'stream'],
  ])('%s is its address and its type of socket, and comes of them', (text, address, type) => {
    const endpoint = parseEndpoint(text)
    expect(addressOf(endpoint)).toEqual(address)
    expect(socketTypeOf(endpoint)).toBe(type)
    expect(endpointOf(address, type)).toEqual(endpoint)
  })

  it('a host name has no address yet', () => {
    expect(addressOf(tcp('example.net', 80))).toBeUndefined()
  })

  it.each<[SocketAddress, SocketType]>([
    [inet, 'seqpacket'],
    [vm, 'seqpacket'],
    [vm, 'dgram'],
  ])('no endpoint stands for %j, %s', (address, type) => {
    expect(() => endpointOf(address, type)).toThrow('no endpoint stands for')
  })

  it('a peer without a name, as that of socketpair(2), has an endpoint that nobody can connect to', () => {
    const endpoint = endpointOf({ family: 'unix', path: '' }, 'stream')
    expect(formatEndpoint(endpoint)).toBe('unix:')
    expect(() => toEndpoint(endpoint)).toThrow('needs a path')
  })

  it('a file whose name begins with @ is not taken for an abstract name', () => {
    const endpoint = endpointOf({ family: 'unix', path: '@x' }, 'dgram')
    expect(formatEndpoint(endpoint)).toBe('unixgram:./@x')
    expect(toEndpoint(endpoint)).toEqual(endpoint)
  })
})
