/** Target lists without memory: what each item is, and how many targets. */
import { formatEndpoint, tcp } from '@pollout/core'
import { describe, expect, it } from 'vitest'
import { Exclusions } from '../src/targets/exclusions.js'
import { parseHosts, parseRange } from '../src/targets/hosts.js'
import { PortList } from '../src/targets/ports.js'
import { parseItem } from '../src/targets/target-item.js'
import { TargetSpace } from '../src/targets/target-space.js'
import { all } from './numbering.js'

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
