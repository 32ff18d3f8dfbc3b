/**
 * The destination policy: what is public, and the rules one by one. Hostile spellings: packages/conformance/test/hostile-addresses.test.ts.
 *
 * One file: a table for each list of a policy, and they are read beside each other.
 */
import type { SocketAddress } from '@pollout/core'
import {
  destinationPolicy,
  nonPublicRanges,
  publicInternetOnly,
  unicastRanges,
} from '@pollout/core'
import { describe, expect, it } from 'vitest'

const at = (address: string, port = 80): SocketAddress => ({
  family: address.includes(':') ? 'inet6' : 'inet',
  address,
  port,
})
const nothing = {} as never

/** Public addresses, some at the very edge of what is not. */
const PUBLIC = [
  '1.0.0.0',
  '1.1.1.1',
  '8.8.8.8',
  '9.255.255.255',
  '11.0.0.0',
  '93.184.215.14',
  '100.63.255.255',
  '100.128.0.0',
  '126.255.255.255',
  '128.0.0.0',
  '168.63.129.15',
  '169.253.255.255',
  '169.255.0.0',
  '172.15.255.255',
  '172.32.0.0',
  '191.255.255.255',
  '192.0.1.0',
  '192.0.3.0',
  '192.167.255.255',
  '192.169.0.0',
  '198.17.255.255',
  '198.20.0.0',
  '198.51.99.255',
  '203.0.112.255',
  '203.0.114.0',
  '223.255.255.255',
  '::ffff:8.8.8.8',
  '::FFFF:808:808',
  '64:ff9b::8.8.8.8',
  '64:ff9b::808:808',
  '2000::1',
  '2001:200::1',
  '2001:4860:4860::8888',
  '2001:db7:ffff::1',
  '2001:db9::1',
  '2003::1',
  '2606:4700:4700::1111',
  '2606:4700::5efe:8.8.8.8',
  '2620:4f:7fff::1',
  '2620:4f:8001::1',
  '2a00:1450:4001:81b::200e',
  '3ffe:ffff::1',
  '3fff:1000::1',
]

describe('publicInternetOnly', () => {
  it.each(PUBLIC)('allows %s', (address) => {
    const verdict = publicInternetOnly.check(at(address))
    expect(verdict).toMatchObject({ allowed: true, rule: expect.stringMatching(/^allow [02]/) })
  })

  it.each([
    [{ family: 'unix', path: '/run/docker.sock' }],
    [{ family: 'unix', path: '\0abstract' }],
    [{ family: 'unix', path: '' }],
    [{ family: 'vsock', cid: 2, port: 1024 }],
  ] satisfies [SocketAddress][])('denies %o', (address) => {
    expect(publicInternetOnly.check(address).allowed).toBe(false)
  })

  it('denies the first address of every block of the list, and names it', () => {
    for (const { cidr, name } of nonPublicRanges) {
      const address = cidr.split('/')[0] ?? ''
      const { rule, reason } = publicInternetOnly.check(at(address))
      // Where blocks are nested the narrower one decides.
      expect([`deny ${cidr}`, 'deny 2001::/32', 'unspecified']).toContain(rule)
      expect(rule === `deny ${cidr}` ? reason : name).toContain(name)
    }
  })

  it('says where an address leads', () => {
    expect(publicInternetOnly.check(at('64:ff9b::7f00:1'))).toEqual({
      allowed: false,
      rule: 'deny 127.0.0.0/8',
      reason: '64:ff9b::7f00:1 leads to 127.0.0.1, which is in 127.0.0.0/8 (loopback, RFC 1122)',
    })
    expect(publicInternetOnly.check(at('10.1.2.3')).reason).toBe(
      '10.1.2.3 is in 10.0.0.0/8 (private use, RFC 1918)',
    )
  })

  it("its lists make policies of one's own", () => {
    const own = destinationPolicy({
      allow: unicastRanges,
      deny: [...nonPublicRanges, '8.8.8.0/24'],
    })
    expect(own.check(at('8.8.8.8')).rule).toBe('deny 8.8.8.0/24')
    expect(own.check(at('::ffff:8.8.8.8')).allowed).toBe(false)
    expect(own.check(at('8.8.9.8')).allowed).toBe(true)
  })
})

describe('what fails closed', () => {
  const everything = destinationPolicy({ unixPaths: 'any', vsock: 'any' })

  it.each([
    undefined,
    null,
    'tcp://1.1.1.1:80',
    [],
    {},
    { family: 'inet' },
    { family: 'inet', address: '1.1.1.1' },
    { family: 'inet', address: '1.1.1.1', port: Number.NaN },
    { family: 'inet', address: '1.1.1.1', port: '80' },
    { family: 'inet', address: '1.1.1.1', port: 80.5 },
    { family: 'inet', address: '1.1.1.1', port: -1 },
    { family: 'inet', address: '1.1.1.1', port: 65_536 },
    { family: 'inet', address: '1.1.1.1', port: Number.POSITIVE_INFINITY },
    { family: 'inet', address: '1.1.1.1', port: null },
    { family: 'inet', address: ['1.1.1.1'], port: 80 },
    { family: 'inet', address: new String('1.1.1.1'), port: 80 },
    { family: 'inet', address: { toString: () => '1.1.1.1' }, port: 80 },
    { family: 'inet', address: 16_843_009, port: 80 },
    { family: 'inet', address: undefined, port: 80 },
    { family: 'inet', address: '2606:4700::1', port: 80 },
    { family: 'inet6', address: '1.1.1.1', port: 80 },
    { family: 'INET', address: '1.1.1.1', port: 80 },
    { family: 'IPv4', address: '1.1.1.1', port: 80 },
    { family: 4, address: '1.1.1.1', port: 80 },
    { family: 'packet', address: '1.1.1.1', port: 80 },
    { family: '__proto__', address: '1.1.1.1', port: 80 },
    { family: 'unix' },
    { family: 'unix', path: '' },
    { family: 'unix', path: '\0' },
    { family: 'unix', path: '\0a\0b' },
    { family: 'unix', path: 'relative.sock' },
    { family: 'unix', path: './relative.sock' },
    { family: 'unix', path: '@abstract' },
    { family: 'unix', path: '/run/../etc/x.sock' },
    { family: 'unix', path: '/run/./x.sock' },
    { family: 'unix', path: '/run//x.sock' },
    { family: 'unix', path: '//run/x.sock' },
    { family: 'unix', path: '/run/x.sock/' },
    { family: 'unix', path: '/run/..' },
    { family: 'unix', path: '/' },
    { family: 'unix', path: '/run/x.sock\0.safe' },
    { family: 'unix', path: `/${'x'.repeat(107)}` },
    { family: 'unix', path: ['/run/x.sock'] },
    { family: 'vsock', cid: -1, port: 1 },
    { family: 'vsock', cid: 2 ** 32, port: 1 },
    { family: 'vsock', cid: 2, port: Number.NaN },
    { family: 'vsock', cid: '2', port: 1 },
    { family: Symbol('inet') },
  ])('is not even allowed where all is: %o', (address) => {
    expect(everything.check(address as unknown as SocketAddress)).toMatchObject({
      allowed: false,
      rule: 'malformed',
    })
  })

  it('an address that throws is none', () => {
    const get = (): never => {
      throw new Error('no')
    }
    expect(everything.check(new Proxy(at('1.1.1.1'), { get })).rule).toBe('malformed')
  })

  it('reads each property once', () => {
    const seen: string[] = []
    const tricky = new Proxy(at('1.1.1.1'), {
      get(target, key: string) {
        seen.push(key)
        return seen.filter((other) => other === key).length === 1
          ? Reflect.get(target, key)
          : '127.0.0.1'
      },
    })
    expect(everything.check(tricky).allowed).toBe(true)
    expect(seen.sort()).toEqual(['address', 'family', 'port'])
  })

  it.each([
    [{ denny: ['10.0.0.0/8'] }],
    [{ allow: '10.0.0.0/8' }],
    [{ allow: ['10.0.0.1/8'] }],
    [{ allow: ['10.0.0.0/33'] }],
    [{ allow: ['10.0.0.0/08'] }],
    [{ allow: ['10.0.0.0/'] }],
    [{ allow: ['10.0.0.0/-1'] }],
    [{ allow: ['10.0.0.0/255.0.0.0'] }],
    [{ allow: ['10/8'] }],
    [{ allow: ['0x7f.1'] }],
    [{ allow: [''] }],
    [{ allow: ['example.net'] }],
    [{ allow: [10] }],
    [{ allow: [null] }],
    [{ allow: [{ name: 'no block' }] }],
    [{ deny: ['fe80::1%eth0'] }],
    [{ deny: ['2001:db8::/129'] }],
    [{ deny: ['2001:db8::1/32'] }],
    [{ deny: ['::ffff:10.0.0.1/104'] }],
    [{ deny: '10.0.0.0/8' }],
    [{ ports: [70_000] }],
    [{ ports: ['90-80'] }],
    [{ ports: ['http'] }],
    [{ ports: [Number.NaN] }],
    [{ ports: [-1] }],
    [{ ports: [80.5] }],
    [{ ports: ['80-'] }],
    [{ ports: [''] }],
    [{ ports: 80 }],
    [{ denyPorts: ['0x50'] }],
    [{ unixPaths: ['relative.sock'] }],
    [{ unixPaths: [''] }],
    [{ unixPaths: ['@'] }],
    [{ unixPaths: ['/run/../x'] }],
    [{ unixPaths: ['/run//'] }],
    [{ unixPaths: [1] }],
    [{ unixPaths: 'all' }],
    [{ vsock: [{ cid: -1 }] }],
    [{ vsock: [{ cid: 2, ports: [2 ** 32] }] }],
    [{ vsock: [2] }],
    [{ vsock: [null] }],
    [{ nat64Prefixes: ['2001:db8::/33'] }],
    [{ nat64Prefixes: ['10.0.0.0/8'] }],
    [{ nat64Prefixes: ['::ffff:0:0/96'] }],
  ])('a rule that can be none throws: %j', (options) => {
    expect(() => destinationPolicy(options as never)).toThrow(TypeError)
  })
})

describe('address blocks', () => {
  const judge = (options: Parameters<typeof destinationPolicy>[0], address: string) =>
    destinationPolicy(options).check(at(address)).rule

  it('without rules all IP addresses are allowed, and only they', () => {
    expect(destinationPolicy().check(at('127.0.0.1')).allowed).toBe(true)
    expect(destinationPolicy().check({ family: 'unix', path: '/run/x' }).allowed).toBe(false)
    expect(destinationPolicy().check({ family: 'vsock', cid: 1, port: 1 }).allowed).toBe(false)
    expect(destinationPolicy({ allow: [] }).check(at('127.0.0.1')).allowed).toBe(false)
  })

  it('what is denied wins, and the narrowest block is named', () => {
    const options = { allow: ['10.0.0.0/8'], deny: ['10.1.0.0/16', '10.1.2.0/24'] }
    expect(judge(options, '10.0.0.1')).toBe('allow 10.0.0.0/8')
    expect(judge(options, '10.1.0.1')).toBe('deny 10.1.0.0/16')
    expect(judge(options, '10.1.2.3')).toBe('deny 10.1.2.0/24')
    expect(judge(options, '11.0.0.1')).toBe('allow')
    expect(judge({ allow: ['10.1.2.3'], deny: ['10.0.0.0/8'] }, '10.1.2.3')).toBe('deny 10.0.0.0/8')
  })

  it.each([
    '127.0.0.1',
    '::127.0.0.1',
    '::ffff:127.0.0.1',
    '::ffff:0:127.0.0.1',
    '64:ff9b::127.0.0.1',
    '64:ff9b:1::127.0.0.1',
    '64:ff9b:1:7f00:0:100:1:1',
    '64:ff9b:1:7f:0:1:1:1',
    '64:ff9b:1:0:7f:0:100:1',
    '64:ff9b:1:1:101:101:7f00:1',
    '2002:7f00:1::1',
    '2002:0:0::1',
    '2001:0:7f00:1::',
    '2001:0:4136:e378:8000:63bf:80ff:fffe',
    'fe80::5efe:127.0.0.1',
    '2606:4700::200:5efe:7f00:1',
    '2002:808:808::5efe:7f00:1',
  ])('a rule about 127.0.0.0/8 denies %s', (address) => {
    expect(judge({ deny: ['127.0.0.0/8'] }, address)).toBe('deny 127.0.0.0/8')
    expect(judge({}, address)).toBe('allow')
  })

  it.each(['0.0.0.0', '::', '::0.0.0.0', '::ffff:0.0.0.0', '64:ff9b::', '64:ff9b::0.0.0.0'])(
    'the unspecified address is denied whatever is allowed: %s',
    (address) => {
      expect(judge({ allow: ['0.0.0.0/0', '0.0.0.0', '::/0', '::'] }, address)).toBe('unspecified')
      expect(judge({}, address)).toBe('unspecified')
    },
  )

  it('a local NAT64 prefix is guessed where it is not told', () => {
    const deny = ['127.0.0.0/8', '0.0.0.0/8']
    expect(judge({ deny }, '64:ff9b:1::8.8.8.8')).toBe('deny 0.0.0.0/8')
    const nat64Prefixes = ['64:ff9b:1::/96']
    expect(judge({ deny, nat64Prefixes }, '64:ff9b:1::8.8.8.8')).toBe('allow')
    expect(judge({ deny, nat64Prefixes }, '64:ff9b:1::127.0.0.1')).toBe('deny 127.0.0.0/8')
    expect(judge({ deny, nat64Prefixes }, '64:ff9b:1:7f00:0:100::')).toBe('deny 127.0.0.0/8')
  })

  it('what is allowed is the place itself, not what it leads to by a tunnel', () => {
    const allow = ['192.0.2.0/24']
    expect(judge({ allow }, '192.0.2.1')).toBe('allow 192.0.2.0/24')
    expect(judge({ allow }, '::ffff:192.0.2.1')).toBe('allow 192.0.2.0/24')
    expect(judge({ allow }, '64:ff9b::192.0.2.1')).toBe('allow 192.0.2.0/24')
    for (const tunnel of [
      '2002:c000:201::1',
      '2001:0:c000:201::',
      '::192.0.2.1',
      'fe80::5efe:192.0.2.1',
    ]) {
      expect(judge({ allow }, tunnel)).toBe('allow')
      expect(judge({ allow: ['::/0'] }, tunnel)).toBe('allow ::/0')
    }
  })

  it('IPv6 as a whole is not IPv4 in other clothes', () => {
    expect(judge({ allow: ['::/0'] }, '::ffff:10.0.0.1')).toBe('allow')
    expect(judge({ deny: ['::/0'] }, '::ffff:10.0.0.1')).toBe('deny ::/0')
    expect(judge({ deny: ['::/0'] }, '10.0.0.1')).toBe('allow')
    expect(judge({ allow: ['::/0'] }, '64:ff9b::10.0.0.1')).toBe('allow ::/0')
    expect(judge({ deny: ['::ffff:10.0.0.0/104'] }, '10.0.0.1')).toBe('deny ::ffff:10.0.0.0/104')
  })

  it.each([
    ['2001:db8::/32', '2001:db8:a00:1::'],
    ['2001:db8:100::/40', '2001:db8:10a:0:1::'],
    ['2001:db8:122::/48', '2001:db8:122:a00:0:100::'],
    ['2001:db8:122:300::/56', '2001:db8:122:30a:0:1::'],
    ['2001:db8:122:344::/64', '2001:db8:122:344:a:0:100:0'],
    ['2001:db8:122:344::/96', '2001:db8:122:344::10.0.0.1'],
  ])('sees through a translator at %s', (prefix, address) => {
    const deny = ['10.0.0.1']
    expect(judge({ deny }, address)).toBe('allow')
    expect(judge({ deny, nat64Prefixes: [prefix] }, address)).toBe('deny 10.0.0.1')
    expect(judge({ allow: deny, nat64Prefixes: [prefix] }, address)).toBe('allow 10.0.0.1')
  })

  it('zones change nothing', () => {
    expect(judge({ deny: ['fe80::/10'] }, 'fe80::1%eth0')).toBe('deny fe80::/10')
    expect(judge({ allow: ['fe80::/10'] }, 'fe80::1%br-lan.7')).toBe('allow fe80::/10')
  })

  it('lists may be changed afterwards, the policy is not', () => {
    const deny = ['10.0.0.0/8']
    const policy = destinationPolicy({ deny })
    deny.pop()
    expect(policy.check(at('10.0.0.1')).allowed).toBe(false)
    expect(() => (nonPublicRanges as unknown[]).pop()).toThrow(TypeError)
  })
})

describe('other rules', () => {
  it.each([
    [{ ports: [443] }, [443], [80, 0, 444]],
    [{ ports: ['8000-8999', 22] }, [22, 8000, 8500, 8999], [23, 7999, 9000]],
    [{ ports: [] }, [], [0, 80, 65_535]],
    [{ denyPorts: [25] }, [24, 26, 0, 65_535], [25]],
    [{ ports: ['0-1023'], denyPorts: ['20-29'] }, [19, 30, 1023], [20, 25, 29, 1024]],
  ])('%j', (options, allowed, refused) => {
    const policy = destinationPolicy(options)
    for (const port of allowed) expect(policy.check(at('1.1.1.1', port)).allowed).toBe(true)
    for (const port of refused) {
      expect(policy.check(at('1.1.1.1', port)).rule).toMatch(/^(ports|denyPorts)$/)
    }
  })

  it('unix paths', () => {
    const rules = ['/run/x.sock', '/run/app/', '@metrics', '@app/']
    const policy = destinationPolicy({ unixPaths: rules })
    const rule = (path: string) => policy.check({ family: 'unix', path }).rule
    expect(rule('/run/x.sock')).toBe('unixPaths /run/x.sock')
    expect(rule('/run/app/a')).toBe('unixPaths /run/app/')
    expect(rule('/run/app/a/b')).toBe('unixPaths /run/app/')
    expect(rule('\0metrics')).toBe('unixPaths @metrics')
    expect(rule('\0app/1')).toBe('unixPaths @app/')
    for (const path of [
      '/run/x.sock2',
      '/run/x',
      '/run/app',
      '/run/apple',
      '\0metrics2',
      '\0app',
    ]) {
      expect(rule(path)).toBe('unixPaths')
    }
    expect(rule('/run/app/../x')).toBe('malformed')
    expect(policy.check(at('10.0.0.1')).allowed).toBe(true)
    const root = destinationPolicy({ unixPaths: ['/'] })
    expect(root.check({ family: 'unix', path: '/any/where' }).allowed).toBe(true)
    expect(root.check({ family: 'unix', path: '\0any' }).allowed).toBe(false)
  })

  it('vsock', () => {
    const policy = destinationPolicy({ vsock: [{ cid: 2, ports: ['1024-2048'] }, { cid: 3 }] })
    const allowed = (cid: number, port: number) =>
      policy.check({ family: 'vsock', cid, port }).allowed
    expect([allowed(2, 1024), allowed(2, 2048), allowed(3, 0xffff_ffff)]).toEqual([
      true,
      true,
      true,
    ])
    expect([allowed(2, 1023), allowed(2, 2049), allowed(1, 1024)]).toEqual([false, false, false])
  })

  it('a missing or empty options object is none of the others', () => {
    expect(() => destinationPolicy(null as never)).toThrow(TypeError)
    expect(destinationPolicy(nothing).check(at('1.1.1.1')).allowed).toBe(true)
  })
})
