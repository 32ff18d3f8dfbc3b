/** Normalisation of addresses, on random ones: every spelling of an address is read as that address, and no other. */
import { BlockList, SocketAddress } from 'node:net'
import { destinationPolicy, publicInternetOnly } from '@pollout/core'
import fc from 'fast-check'
import ipaddr from 'ipaddr.js'
import { describe, expect, it } from 'vitest'
import { formatIp, type IpBytes, parseBlock, parseIp, reach } from '../src/policy/policy-address.js'
import { BlockSet } from '../src/policy/policy-blocks.js'

const v4 = fc.array(fc.nat(255), { minLength: 4, maxLength: 4 })
/** Groups with many zeros, so that there is something to leave out. */
const v6 = fc
  .array(fc.oneof(fc.constant(0), fc.nat(0xffff)), { minLength: 8, maxLength: 8 })
  .map((groups) => groups.flatMap((group) => [group >> 8, group & 0xff]))

/** One of the many ways to write an address: case, leading zeros, any run of zeros left out, IPv4 at the end. */
function spell(bytes: IpBytes, random: { nat(max: number): number }): string {
  if (bytes.length === 4) return bytes.join('.')
  const dotted = random.nat(1) === 1
  const groups = Array.from({ length: dotted ? 6 : 8 }, (_, i) => {
    const group = ((bytes[2 * i] ?? 0) << 8) | (bytes[2 * i + 1] ?? 0)
    const hex = group.toString(16)
    const padded = hex.padStart(hex.length + random.nat(4 - hex.length), '0')
    return random.nat(1) === 1 ? padded.toUpperCase() : padded
  })
  if (dotted) groups.push(bytes.slice(12).join('.'))
  const runs = groups.flatMap((_, from) =>
    groups.slice(from).flatMap((_, extra) => {
      const run = groups.slice(from, from + extra + 1)
      return run.every((group) => /^0+$/.test(group)) ? [[from, run.length] as const] : []
    }),
  )
  const [from, length] = runs[random.nat(runs.length)] ?? []
  if (from === undefined || length === undefined) return groups.join(':')
  return `${groups.slice(0, from).join(':')}::${groups.slice(from + length).join(':')}`
}

const spelt = fc.tuple(fc.oneof(v4, v6), fc.infiniteStream(fc.nat(1_000))).map(([bytes, dice]) => {
  const text = spell(bytes, { nat: (max) => Number(dice.next().value) % (max + 1) })
  return { bytes, text }
})

describe('parseIp()', () => {
  it('reads every spelling as the same bytes, as the system does', () => {
    fc.assert(
      fc.property(spelt, ({ bytes, text }) => {
        expect(parseIp(text)).toEqual(bytes)
        const family = bytes.length === 4 ? 'ipv4' : 'ipv6'
        const canonical = new SocketAddress({ address: text, family }).address
        expect(parseIp(canonical)).toEqual(bytes)
      }),
      { numRuns: 2_000 },
    )
  })

  it('is stable: what is formatted is read as the same, and formatted so again', () => {
    fc.assert(
      fc.property(spelt, ({ bytes, text }) => {
        const normal = formatIp(parseIp(text) ?? [])
        expect(parseIp(normal)).toEqual(bytes)
        expect(formatIp(parseIp(normal) ?? [])).toBe(normal)
      }),
    )
  })

  it('never throws, and takes nothing that is no literal', () => {
    const alphabet = fc.constantFrom(...'0123456789abcdefxABCDEF.:%/[]- \0１。٣')
    const noise = fc.string({ unit: alphabet, maxLength: 45 })
    fc.assert(
      fc.property(fc.oneof(noise, fc.string(), fc.string({ unit: 'binary' })), (text) => {
        const bytes = parseIp(text)
        if (bytes === undefined) return
        const family = bytes.length === 4 ? 'ipv4' : 'ipv6'
        const address = text.split('%')[0] ?? ''
        // The system's parser has to take it as well, or it throws.
        expect(parseIp(new SocketAddress({ address, family }).address)).toEqual(bytes)
      }),
      { numRuns: 5_000 },
    )
  })
})

describe('a verdict', () => {
  it('is the same for every spelling of an address', () => {
    fc.assert(
      fc.property(spelt, ({ bytes, text }) => {
        const family = bytes.length === 4 ? 'inet' : 'inet6'
        const one = publicInternetOnly.check({ family, address: text, port: 1 })
        const two = publicInternetOnly.check({ family, address: formatIp(bytes), port: 1 })
        expect(one).toEqual(two)
      }),
    )
  })

  it('denies what another list of special ranges has', () => {
    // Where those ranges begin, so that many of the addresses lie in one.
    const begins = [
      0, 0x64, 0x100, 0x2001, 0x2002, 0x2620, 0x3fff, 0x5f00, 0xfd00, 0xfe80, 0xfec0, 0xff02,
    ]
    const special = fc
      .tuple(
        fc.constantFrom(...begins),
        fc.constantFrom(0, 1, 2, 4, 0x10, 0x20, 0x30, 0x4f, 0xdb8),
        v6,
      )
      .map(([first, second, rest]) => [
        first >> 8,
        first & 255,
        second >> 8,
        second & 255,
        ...rest.slice(4),
      ])
    let denied = 0
    fc.assert(
      fc.property(fc.oneof(v4, special), (bytes) => {
        const text = formatIp(bytes)
        const range = ipaddr.parse(text).range()
        // These two are judged by the IPv4 address in them.
        fc.pre(range !== 'unicast' && range !== 'ipv4Mapped' && range !== 'rfc6052')
        const family = bytes.length === 4 ? 'inet' : 'inet6'
        expect([
          text,
          publicInternetOnly.check({ family, address: text, port: 1 }).allowed,
        ]).toEqual([text, false])
        denied++
      }),
      { numRuns: 2_000, maxSkipsPerRun: 10_000 },
    )
    expect(denied).toBe(2_000)
  })

  it('on an IPv4 address holds for every IPv6 address that carries it', () => {
    const carriers: ((v4: IpBytes, random: number) => IpBytes)[] = [
      (a) => [...Array(10).fill(0), 0xff, 0xff, ...a],
      (a) => [...Array(12).fill(0), ...a],
      (a) => [...Array(8).fill(0), 0xff, 0xff, 0, 0, ...a],
      (a) => [0, 0x64, 0xff, 0x9b, 0, 0, 0, 0, 0, 0, 0, 0, ...a],
      (a, n) => [0, 0x64, 0xff, 0x9b, 0, 1, n, n, n, n, n, n, ...a],
      (a, n) => [0x20, 0x02, ...a, ...Array(10).fill(n)],
      (a, n) => [0x20, 0x01, 0, 0, ...a, ...Array(8).fill(n)],
      (a, n) => [0x20, 0x01, 0, 0, ...Array(8).fill(n), ...a.map((byte) => byte ^ 0xff)],
      (a, n) => [0x26, n, n, n, n, n, n, n, 0, 0, 0x5e, 0xfe, ...a],
      (a, n) => [0x26, n, n, n, n, n, n, n, 2, 0, 0x5e, 0xfe, ...a],
    ]
    const carrier = fc.constantFrom(...carriers)
    fc.assert(
      fc.property(v4, carrier, fc.nat(255), (inner, wrap, random) => {
        const outer = wrap(inner, random)
        fc.pre(inner.some((byte) => byte !== 0))
        // ::1 is itself, and no 0.0.0.1.
        fc.pre(outer.slice(0, 15).some((byte) => byte !== 0) || outer[15] !== 1)
        const { targets, also } = reach(outer)
        expect([...targets, ...also]).toContainEqual(inner)
        const policy = destinationPolicy({ deny: [formatIp(inner)] })
        const verdict = policy.check({ family: 'inet6', address: formatIp(outer), port: 1 })
        expect(verdict.rule).toBe(`deny ${formatIp(inner)}`)
      }),
      { numRuns: 2_000 },
    )
  })
})

describe('BlockSet', () => {
  const block = fc.tuple(fc.oneof(v4, v6), fc.nat(128)).map(([bytes, n]) => {
    const prefix = n % (bytes.length * 8 + 1)
    const start = bytes.map((byte, i) => byte & ~(0xff >> Math.min(8, Math.max(0, prefix - i * 8))))
    return { start, prefix, text: `${formatIp(start)}/${prefix}` }
  })
  const close = fc.tuple(block, fc.nat(127)).map(([{ start }, bit]) => {
    const at = bit % (start.length * 8)
    return start.map((byte, i) => (i === at >> 3 ? byte ^ (0x80 >> (at & 7)) : byte))
  })

  it('agrees with net.BlockList, on one block and addresses near to it', () => {
    fc.assert(
      fc.property(
        fc.array(block, { minLength: 1, maxLength: 5 }),
        fc.oneof(close, v4, v6),
        (blocks, bytes) => {
          const set = new BlockSet()
          const list = new BlockList()
          for (const { start, prefix, text } of blocks) {
            // A BlockList takes an IPv4 address for its v4-mapped one, and finds it in IPv6 blocks.
            if (start.length !== bytes.length) continue
            const parsed = parseBlock(text)
            // v4-mapped blocks are read as IPv4 ones here, and that is where the two part.
            fc.pre(parsed?.prefix === prefix && prefix > 0)
            if (parsed) set.add(parsed, text)
            list.addSubnet(formatIp(start), prefix, start.length === 4 ? 'ipv4' : 'ipv6')
          }
          fc.pre(reach(bytes).targets[0] === bytes)
          const family = bytes.length === 4 ? 'ipv4' : 'ipv6'
          expect(set.find(bytes) !== undefined).toBe(list.check(formatIp(bytes), family))
        },
      ),
      { numRuns: 1_000 },
    )
  })

  it('finds the narrowest', () => {
    const set = new BlockSet()
    for (const text of ['0.0.0.0/0', '10.0.0.0/8', '10.1.2.3', '10.1.0.0/16', '::/0']) {
      const parsed = parseBlock(text)
      if (parsed) set.add(parsed, text)
    }
    const find = (text: string) => set.find(parseIp(text) ?? [])
    expect(['10.1.2.3', '10.1.2.4', '10.2.0.0', '11.0.0.0', '::1'].map(find)).toEqual([
      '10.1.2.3',
      '10.1.0.0/16',
      '10.0.0.0/8',
      '0.0.0.0/0',
      '::/0',
    ])
  })
})
