/** Target lists without memory: what each item is, and in which order they come. */
import { formatEndpoint, tcp } from '@pollout/core'
import { describe, expect, it } from 'vitest'
import { Exclusions } from '../src/targets/exclusions.js'
import { parseHosts, parseRange } from '../src/targets/hosts.js'
import { Order, WHOLE } from '../src/targets/order.js'
import { LARGEST_PERMUTATION, Permutation } from '../src/targets/permutation.js'
import { PortList } from '../src/targets/ports.js'
import { parseItem } from '../src/targets/target-item.js'
import { TargetSpace } from '../src/targets/target-space.js'

const all = (count: number, at: (index: number) => unknown) =>
  Array.from({ length: count }, (_, index) => at(index))
const sorted = (values: unknown[]) => values.map(Number).sort((a, b) => a - b)

/** The same numbers each time: the least of them 0. */
function randomOf(seed: string): (below: number) => number {
  const permutation = new Permutation(2 ** 32, seed)
  let drawn = 0
  return (below) => permutation.at(drawn++) % below
}

describe('Permutation', () => {
  it.each([...Array(70).keys(), 255, 256, 257, 1_000, 4_096, 9_999, 65_537, 100_000])(
    'of %i gives each number once',
    (size) => {
      const permutation = new Permutation(size, 'seed')
      expect(sorted(all(size, (i) => permutation.at(i)))).toEqual([...Array(size).keys()])
    },
  )

  it('is the same for a seed, and another one for another', () => {
    const of = (seed: string) => {
      const permutation = new Permutation(1_000, seed)
      return all(1_000, (i) => permutation.at(i))
    }
    const [a, b] = [of('a'), of('b')]
    expect(of('a')).toEqual(a)
    const same = a.filter((value, i) => value === b[i])
    // Of two random orders one place agrees, on average.
    expect(same.length).toBeLessThan(10)
  })

  it.each([LARGEST_PERMUTATION, 2 ** 40 + 1, 2 ** 32])(
    'of %i stays inside, without repetitions',
    (size) => {
      const permutation = new Permutation(size, 'seed')
      const values = all(20_000, (i) => permutation.at(i)) as number[]
      expect(
        values.every((value) => Number.isSafeInteger(value) && value >= 0 && value < size),
      ).toBe(true)
      expect(new Set(values).size).toBe(values.length)
      expect(permutation.at(size - 1)).toBeLessThan(size)
    },
  )

  it('has no end but its size', () => {
    const permutation = new Permutation(10, 'seed')
    expect(() => permutation.at(10)).toThrow(RangeError)
    expect(() => permutation.at(-1)).toThrow(RangeError)
    expect(() => new Permutation(2 ** 53, 'seed')).toThrow(RangeError)
    expect(() => new Permutation(1.5, 'seed')).toThrow(RangeError)
  })

  it.each(['a', 'b', 'c'])('leaves nothing of the old order: no correlation, seed %s', (seed) => {
    const size = 20_000
    const permutation = new Permutation(size, seed)
    const mean = (size - 1) / 2
    let covariance = 0
    for (let i = 0; i < size; i++) covariance += (i - mean) * (permutation.at(i) - mean)
    const correlation = covariance / (size * ((size * size - 1) / 12))
    // Four standard deviations of what chance gives.
    expect(Math.abs(correlation)).toBeLessThan(4 / Math.sqrt(size))
  })

  it.each(['a', 'b', 'c'])(
    'hits no /24 in a run: a /8 in windows of 256 connects, seed %s',
    (seed) => {
      const permutation = new Permutation(2 ** 24, seed)
      let worst = 0
      let neighbours = 0
      let last = -1
      for (let window = 0; window < 400; window++) {
        const hits = new Map<number, number>()
        for (let i = 0; i < 256; i++) {
          const prefix = permutation.at(window * 256 + i) >>> 8
          if (prefix === last) neighbours++
          last = prefix
          hits.set(prefix, (hits.get(prefix) ?? 0) + 1)
        }
        worst = Math.max(worst, ...hits.values())
      }
      // 65,536 prefixes: twice in a window happens by chance, four times does not in 400 of them.
      expect(worst).toBeLessThanOrEqual(3)
      // In the list's own order it would be 102,000 of 102,400; by chance it is 1.6.
      expect(neighbours).toBeLessThan(12)
    },
  )
})

describe('Order', () => {
  it.each([
    [0, 3],
    [2, 3],
    [10, 3],
    [1_001, 7],
    [1_000, 1],
  ])('of %i targets in %i shards: disjoint and complete, whatever the seeds', (size, count) => {
    const indices: unknown[] = []
    for (let number = 1; number <= count; number++) {
      const seed = number === 2 ? undefined : `seed ${number}`
      const order = new Order(size, { number, count }, seed)
      indices.push(...all(order.size, (i) => order.indexAt(i)))
    }
    expect(sorted(indices)).toEqual([...Array(size).keys()])
  })

  it('is that of the list without a seed', () => {
    const order = new Order(5, WHOLE, undefined)
    expect(all(order.size, (i) => order.indexAt(i))).toEqual([0, 1, 2, 3, 4])
  })
})

describe('PortList', () => {
  it.each([
    ['80', [80]],
    ['443,80', [80, 443]],
    ['22,80,8000-8003', [22, 80, 8000, 8001, 8002, 8003]],
    ['1-3,2-5,5', [1, 2, 3, 4, 5]],
    [' 7 , 9 ', [7, 9]],
    ['0', [0]],
  ])('reads %j', (text, expected) => {
    const ports = PortList.parse(text)
    expect(all(ports.count, (i) => ports.at(i))).toEqual(expected)
    expect(expected.every((port) => ports.has(port))).toBe(true)
    expect(ports.has(10_000)).toBe(false)
    expect(String(PortList.parse(String(ports)))).toBe(String(ports))
  })

  it('reads - as all but 0', () => {
    const ports = PortList.parse('-')
    expect([ports.count, ports.at(0), ports.at(65_534), ports.has(0)]).toEqual([
      65_535,
      1,
      65_535,
      false,
    ])
  })

  it.each(['', 'http', '70000', '9-3', '1-70000', '1,,2', '-5', '80;90', '1.5'])(
    'refuses %j',
    (text) => {
      expect(() => PortList.parse(text)).toThrow(/neither a port nor a range of ports; write 22,80/)
    },
  )
})

describe('hosts', () => {
  it.each([
    ['192.0.2.7', ['192.0.2.7']],
    ['2001:db8::7', ['2001:db8::7']],
    ['fe80::1%eth0', ['fe80::1%eth0']],
    ['some-host.example', ['some-host.example']],
    ['10.0.0.0/30', ['10.0.0.0', '10.0.0.1', '10.0.0.2', '10.0.0.3']],
    ['10.0.0.7/31', ['10.0.0.6', '10.0.0.7']],
    ['255.255.255.255/32', ['255.255.255.255']],
    ['10.0.0.254-10.0.1.1', ['10.0.0.254', '10.0.0.255', '10.0.1.0', '10.0.1.1']],
    ['10.0.0.1-3', ['10.0.0.1', '10.0.0.2', '10.0.0.3']],
    ['2001:db8::fffe/127', ['2001:db8::fffe', '2001:db8::ffff']],
    ['2001:db8::ffff-2001:db8::1:0', ['2001:db8::ffff', '2001:db8::1:0']],
    ['::1.2.3.4/127', ['::102:304', '::102:305']],
  ])('reads %j', (text, expected) => {
    const hosts = parseHosts(text)
    expect(all(hosts.count, (i) => hosts.at(i))).toEqual(expected)
  })

  it('counts large blocks without holding them', () => {
    expect(parseHosts('0.0.0.0/0').count).toBe(2 ** 32)
    expect(parseHosts('0.0.0.0/0').at(2 ** 32 - 1)).toBe('255.255.255.255')
    expect(parseHosts('2001:db8::/76').count).toBe(2 ** 52)
    expect(parseHosts('2001:db8::/76').at(2 ** 52 - 1)).toBe('2001:db8::f:ffff:ffff:ffff')
  })

  it.each([
    ['10.0.0.0/33', /no CIDR block/],
    ['10.0.0/8', /no CIDR block/],
    ['name/24', /no CIDR block/],
    ['10.0.0.9-10.0.0.1', /no range of addresses/],
    ['10.0.0.1-300', /no range of addresses/],
    ['10.0.0.1-2001:db8::1', /no range of addresses/],
    ['2001:db8::/64', /more than 2\^52/],
    ['127.1', /no host name/],
    ['a b', /no host name/],
    ['', /no host name/],
  ])('refuses %j', (text, message) => {
    expect(() => parseHosts(text)).toThrow(message)
  })

  it('a name is no range', () => {
    expect(parseRange('some-host.example')).toBeUndefined()
  })
})

describe('items', () => {
  const ports = PortList.parse('22,80')
  const uris = (text: string, given?: PortList) => {
    const item = parseItem(text, given)
    return all(item.count, (i) => formatEndpoint(item.at(i)))
  }

  it.each([
    ['h:443', ['tcp://h:443']],
    ['h', ['tcp://h:22', 'tcp://h:80']],
    ['h:1-2', ['tcp://h:1', 'tcp://h:2']],
    ['10.0.0.0/31:7', ['tcp://10.0.0.0:7', 'tcp://10.0.0.1:7']],
    ['::1', ['tcp://[::1]:22', 'tcp://[::1]:80']],
    ['[::1]', ['tcp://[::1]:22', 'tcp://[::1]:80']],
    ['[::1]:9', ['tcp://[::1]:9']],
    ['[2001:db8::/127]:9', ['tcp://[2001:db8::]:9', 'tcp://[2001:db8::1]:9']],
    ['tcp://h:7', ['tcp://h:7']],
    ['unix:/run/x', ['unix:/run/x']],
    ['unix:@x', ['unix:@x']],
    ['{"endpoint":"tcp://h:7"}', ['tcp://h:7']],
    ['{"host":"h","port":7}', ['tcp://h:7']],
    ['{"host":"h","ports":"7-8"}', ['tcp://h:7', 'tcp://h:8']],
    [
      '{"host":"10.0.0.0/31"}',
      ['tcp://10.0.0.0:22', 'tcp://10.0.0.0:80', 'tcp://10.0.0.1:22', 'tcp://10.0.0.1:80'],
    ],
  ])('reads %j', (text, expected) => {
    expect(uris(text, ports)).toEqual(expected)
  })

  it('keeps the own fields of a JSON line', () => {
    const { fields } = parseItem('{"id":7,"host":"h","port":1,"tags":["a"]}', undefined)
    expect(fields).toEqual({ id: 7, tags: ['a'] })
    expect(parseItem('{"host":"h","port":1}', undefined).fields).toBeUndefined()
  })

  it.each([
    ['h', /"h" has no port; write h:443, or give ports for all by -p/],
    ['::1', /write \[::1\]:443/],
    ['h:', /neither a port/],
    ['h:x', /neither a port/],
    ['http://h/', /not an endpoint/],
    ['{"port":1}', /needs "endpoint" \(a URI\), or "host" and "port"/],
    ['{"host":"h","port":"x"}', /neither a port/],
    ['{"host"', /begins like a JSON object/],
    ['[::1', /no host name/],
  ])('refuses %j', (text, message) => {
    expect(() => parseItem(text, undefined)).toThrow(message)
  })
})

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
    expect([excludes('10.0.0.1'), excludes('::ffff:10.0.0.1')]).toEqual([false, false])
    expect(of('::ffff:0:0/96')('10.0.0.1')).toBe(true)
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
    for (let run = 0; run < 300; run++) {
      const items = all(random(12), () => {
        return `[${hosts()}]${among([':1', ':2-3', ':4', ':1-4', '', '', ''])}`
      }) as string[]
      const text = `[${hosts()}]${among([':1', ':1-4', ':2,4'])}`
      const exclusions = excluding(...items)
      const { uris, excluded } = left(text, exclusions)
      expect([text, items, uris]).toEqual([text, items, sifted(text, exclusions)])
      expect(uris.length + excluded).toBe(parseItem(text, undefined).count)
    }
  })
})

describe('TargetSpace', () => {
  it('leaves out what is excluded, and counts it', () => {
    const exclusions = new Exclusions()
    exclusions.add('10.0.0.0/9')
    const space = new TargetSpace(exclusions)
    space.addItem('10.0.0.0/8', PortList.parse('1'))
    space.addItem('10.0.0.1:1', undefined)
    expect([space.size, space.excluded]).toEqual([2 ** 23, 2 ** 23 + 1])
    expect(space.at(0)).toEqual({ endpoint: tcp('10.128.0.0', 1) })
    expect(space.at(2 ** 23 - 1)).toEqual({ endpoint: tcp('10.255.255.255', 1) })
    expect(() => space.at(2 ** 23)).toThrow(RangeError)
  })

  it('numbers the targets of all its parts', () => {
    const space = new TargetSpace()
    space.addItem('10.0.0.0/31', PortList.parse('1,2'))
    space.addItem('unix:/x', undefined)
    space.addItem('{"host":"h","port":9,"id":1}', undefined)
    expect(space.size).toBe(6)
    const targets = all(space.size, (i) => {
      const listed = space.at(i)
      return 'raw' in listed ? listed.raw : formatEndpoint(listed.endpoint)
    })
    expect(targets).toEqual([
      'tcp://10.0.0.0:1',
      'tcp://10.0.0.0:2',
      'tcp://10.0.0.1:1',
      'tcp://10.0.0.1:2',
      'unix:/x',
      'tcp://h:9',
    ])
    expect(space.at(5)).toMatchObject({ fields: { id: 1 } })
    expect(() => space.at(6)).toThrow(RangeError)
  })

  it('refuses more than it can count', () => {
    const space = new TargetSpace()
    space.addItem('2001:db8::/76', PortList.parse('1'))
    expect(() => space.addItem('h:1', undefined)).toThrow(/more than 2\^52/)
    expect(() => space.addItem('2001:db8::/76', PortList.parse('1-2'))).toThrow(/more than 2\^52/)
  })
})
