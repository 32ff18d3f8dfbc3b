/** What is excluded of a list, and which targets are left. */
import { destinationPolicy, formatEndpoint, literalFamily, tcp } from '@pollout/core'
import { describe, expect, it } from 'vitest'
import { Exclusions } from '../src/targets/exclusions.js'
import { Permutation } from '../src/targets/permutation.js'
import { PortList } from '../src/targets/ports.js'
import { parseItem } from '../src/targets/target-item.js'
import { all } from './numbering.js'

/** The same numbers each time: the least of them 0. */
function randomOf(seed: string): (below: number) => number {
  const permutation = new Permutation(2 ** 32, seed)
  let drawn = 0
  return (below) => permutation.at(drawn++) % below
}

describe('Exclusions', () => {
  const of = (...items: string[]) => {
    const exclusions = new Exclusions()
    for (const item of items) exclusions.add(item)
    return (host: string, port = 80) => exclusions.excludes(tcp(host, port))
  }

  it('excludes addresses, blocks and ranges', () => {
    const excludes = of('10.1.0.0/16', '10.0.0.5', '10.0.0.7-9', '2001:db8::/32', '10.1.2.0/24')
    for (const host of [
      '10.1.0.0',
      '10.1.255.255',
      '10.0.0.5',
      '10.0.0.7',
      '10.0.0.9',
      '2001:db8::9',
    ]) {
      expect([host, excludes(host)]).toEqual([host, true])
    }
    for (const host of [
      '10.0.255.255',
      '10.2.0.0',
      '10.0.0.6',
      '10.0.0.10',
      '2001:db9::',
      '::',
      'h',
    ]) {
      expect([host, excludes(host)]).toEqual([host, false])
    }
  })

  it('sees through v4-mapped addresses', () => {
    const excludes = of('10.0.0.0/8')
    expect([excludes('::ffff:10.0.0.1'), excludes('::ffff:11.0.0.1')]).toEqual([true, false])
  })

  it('excludes ports, of all and of some', () => {
    const excludes = of(':22,9000-9009', '10.0.0.1:80', 'Some.Host.:443', '10.2.0.0/16:1-1023')
    expect(excludes('h', 22)).toBe(true)
    expect(excludes('10.9.9.9', 9_005)).toBe(true)
    expect([excludes('10.0.0.1', 80), excludes('10.0.0.1', 81)]).toEqual([true, false])
    expect([excludes('some.host', 443), excludes('some.host', 80)]).toEqual([true, false])
    expect([excludes('10.2.3.4', 1_023), excludes('10.2.3.4', 1_024)]).toEqual([true, false])
  })

  it('excludes names, without regard to case and the final dot', () => {
    const excludes = of('Some.Host', 'both:1', 'both:2', 'wide:1', 'wide')
    expect([excludes('some.HOST.'), excludes('host')]).toEqual([true, false])
    expect([excludes('both', 1), excludes('both', 2), excludes('both', 3)]).toEqual([
      true,
      true,
      false,
    ])
    expect(excludes('wide', 9)).toBe(true)
  })

  it.each(['bücher.x', 'BÜCHER.X.', 'xn--bcher-kva.x', 'XN--BCHER-KVA.x', 'bu\u0308cher.x'])(
    'excludes a name in whatever script it is written: %s',
    (written) => {
      const excludes = of(written, 'straße.example:443')
      for (const name of ['bücher.x', 'xn--bcher-kva.x', 'Xn--Bcher-Kva.X.', 'BÜCHER.x']) {
        expect([name, excludes(name)]).toEqual([name, true])
      }
      expect([excludes('bucher.x'), excludes('xn--bcher-kva.y')]).toEqual([false, false])
      expect(excludes('xn--strae-oqa.example', 443)).toBe(true)
      expect(excludes('xn--strae-oqa.example', 80)).toBe(false)
    },
  )

  it('::/0 is all of IPv6, and not IPv4 with it', () => {
    const excludes = of('::/0')
    expect([excludes('::'), excludes('ffff::1'), excludes('64:ff9b::1')]).toEqual([
      true,
      true,
      true,
    ])
    // As a policy's `deny` has it, whose test is policy.test.ts of core: what is written as IPv6 is of it, wherever it leads.
    expect([excludes('10.0.0.1'), excludes('::ffff:10.0.0.1')]).toEqual([false, true])
    expect(of('::ffff:0:0/96')('10.0.0.1')).toBe(true)
  })

  it('sees of v4-mapped addresses what a policy sees', () => {
    const blocks = [
      '::/0',
      '::/80',
      '::fffe:0:0/95',
      '::ffff:0:0/96',
      '::ffff:10.0.0.0/104',
      '10.0.0.0/8',
    ]
    const addresses = [
      '10.0.0.1',
      '::ffff:10.0.0.1',
      '11.0.0.1',
      '::ffff:11.0.0.1',
      '::1',
      '2001:db8::1',
    ]
    for (const block of blocks) {
      const policy = destinationPolicy({ deny: [block] })
      const exclusions = new Exclusions()
      exclusions.add(block)
      for (const host of addresses) {
        const address = { family: literalFamily(host) ?? 'inet', address: host, port: 1 } as const
        const { allowed } = policy.check(address)
        expect([block, host, !exclusions.excludes({ host, port: 1 })]).toEqual([
          block,
          host,
          allowed,
        ])
        expect([block, host, exclusions.policy.check(address).allowed]).toEqual([
          block,
          host,
          allowed,
        ])
      }
    }
  })

  it('denies what a name stands for', () => {
    const exclusions = new Exclusions()
    exclusions.add('10.0.0.0/8')
    const verdict = (address: string) =>
      exclusions.policy.check({ family: 'inet', address, port: 1 })
    expect(verdict('10.0.0.1')).toMatchObject({ allowed: false, rule: 'exclude' })
    expect(verdict('11.0.0.1')).toMatchObject({ allowed: true })
  })
})

describe('what is left of a target', () => {
  const excluding = (...items: string[]) => {
    const exclusions = new Exclusions()
    for (const item of items) exclusions.add(item)
    return exclusions
  }
  const left = (text: string, exclusions: Exclusions, ports?: PortList) => {
    const { count, excluded, at } = parseItem(text, ports, exclusions)
    return { uris: all(count, (i) => formatEndpoint(at(i))), excluded }
  }
  /** One by one, as `pollout` once did. */
  const sifted = (text: string, exclusions: Exclusions) => {
    const { count, at } = parseItem(text, undefined)
    return all(count, at as (index: number) => unknown)
      .map((endpoint) => endpoint as ReturnType<typeof tcp>)
      .filter(({ host, port }) => exclusions.portsLeft(host, PortList.parse(`${port}`)).count > 0)
      .map(formatEndpoint)
  }

  it.each([
    ['10.0.0.0/8:1', ['10.0.0.0/8']],
    ['10.0.0.0/8:1-65535', ['10.0.0.0/9', '10.128.0.0/9']],
    ['0.0.0.0/0:80', [':80']],
    ['2001:db8::/76', ['2001:db8::/32']],
    ['10.0.0.7:1', ['10.0.0.0/29']],
    ['tcp://[2001:db8::7]:1', ['2001:db8::/32']],
    ['udp://10.0.0.7:1', ['10.0.0.7']],
    ['{"host":"10.0.0.0/8","port":1,"id":7}', ['10.0.0.0/8']],
  ])('nothing of %s, and at once', (text, items) => {
    const ports = PortList.parse('1')
    expect(left(text, excluding(...items), ports).uris).toEqual([])
    expect(left(text, excluding(...items), ports).excluded).toBeGreaterThan(0)
  })

  it('of a block: its ends, its middle, ports of some and of all', () => {
    const exclusions = excluding('10.0.0.0', '10.0.0.3-5', '10.0.0.7', '10.0.0.1:2', ':3')
    expect(left('10.0.0.0/29:1-3', exclusions)).toEqual({
      uris: [
        'tcp://10.0.0.1:1',
        ...['tcp://10.0.0.2:1', 'tcp://10.0.0.2:2', 'tcp://10.0.0.6:1', 'tcp://10.0.0.6:2'],
      ],
      excluded: 19,
    })
    expect(left('h:1-3', exclusions)).toEqual({ uris: ['tcp://h:1', 'tcp://h:2'], excluded: 1 })
  })

  it('of very large ones, counted and found without a walk', () => {
    const { count, excluded, at } = parseItem(
      '[2001:db8::/80]:1-2',
      undefined,
      excluding('2001:db8::8000:0:0/82', '2001:db8::1', '2001:db8::ffff:ffff:ffff:2'),
    )
    expect(count + excluded).toBe(2 ** 49)
    expect(excluded).toBe(2 ** 47 + 2)
    expect([0, 1, 2, count - 2, count - 1].map((i) => formatEndpoint(at(i)))).toEqual([
      'tcp://[2001:db8::]:1',
      'tcp://[2001:db8::]:2',
      'tcp://[2001:db8::2]:1',
      'tcp://[2001:db8::ffff:ffff:ffff]:1',
      'tcp://[2001:db8::ffff:ffff:ffff]:2',
    ])
  })

  it('is what sifting leaves, in the same order: of 300 random lists', () => {
    const random = randomOf('what is left')
    const among = <T>(values: readonly T[]): T => values[random(values.length)] as T
    const net = () => among(['10.0.0.', '2001:db8::', '::ffff:10.0.0.'])
    const span = () => {
      const [low, high] = [random(40), random(40)].sort((a, b) => a - b)
      const start = net()
      return `${start}${low}-${start}${high}`
    }
    const host = () => `${net()}${random(40)}`
    const block = () => `10.0.0.${random(40)}/${24 + random(9)}`
    const hosts = () => among([span, host, block])()
    const wide = () =>
      among(['::/0', '::/80', '::fffe:ffff:fffe-::ffff:a00:9', '::ffff:a00:9-::1:0:0:1'])
    const excludable = () => among([span, host, block, hosts, hosts, wide])()
    for (let run = 0; run < 300; run++) {
      const items = all(random(12), () => {
        return `[${excludable()}]${among([':1', ':2-3', ':4', ':1-4', '', '', ''])}`
      }) as string[]
      const text = `[${hosts()}]${among([':1', ':1-4', ':2,4'])}`
      const exclusions = excluding(...items)
      const { uris, excluded } = left(text, exclusions)
      expect([text, items, uris]).toEqual([text, items, sifted(text, exclusions)])
      expect(uris.length + excluded).toBe(parseItem(text, undefined).count)
    }
  })
})
