/**
 * What must not be touched: hosts, address ranges and ports, of a command line and of files.
 *
 * core's `destinationPolicy()` matches blocks too (`policy/policy-blocks.ts`), and is another matcher: it says which of its rules an
 * address falls under. Here what is left of a range is counted, and its n-th target found; a range need not be a block, and has ports
 * of its own. Of v4-mapped addresses both say the same, as `deny` does: such an address is excluded by what is said of the IPv4
 * address in it, and by IPv6 blocks that hold it, as `::/0`. Those say nothing of the IPv4 address itself.
 */
import { createHash } from 'node:crypto'
import { domainToASCII } from 'node:url'
import type { DestinationPolicy, InetAddress, SocketAddress } from '@pollout/core'
import { literalFamily } from '@pollout/core'
import type { Segment } from './address-segments.js'
import { type AddressRange, parseHosts, parseRange, toNumber } from './hosts.js'
import { PortList, type SomePorts, splitPorts } from './ports.js'
import { SegmentTable } from './segment-table.js'

/** Where IPv4 stands among 128-bit addresses: `::ffff:0:0/96`. */
const V4_FIRST = 0xffff_0000_0000n
const V4_LAST = 0xffff_ffff_ffffn

/** What a row of addresses with ports is, less what is excluded. */
export interface Remaining {
  readonly count: number
  /** By its number, from 0: which of the row's addresses, and the port. */
  at(index: number): readonly [nthAddress: number, port: number]
}

export class Exclusions {
  readonly #hash = createHash('sha256')
  readonly #names = new Map<string, SomePorts>()
  /** Of all hosts. */
  #ports: PortList | undefined
  readonly #added: Segment[] = []
  /** Of IPv6 blocks that hold v4-mapped addresses, those addresses: excluded where they are written so, and not as IPv4. */
  readonly #mapped: Segment[] = []
  /** Made when they are needed. */
  readonly #tables = new Map<AddressRange['family'], SegmentTable>()
  #isAboutPorts = false
  #count = 0

  /** Reads `host`, `10.0.0.0/8`, `10.0.0.1-9`, each with `:ports` or without, or `:ports` for all hosts. Throws {@link InvalidTargetError}. */
  add(text: string): void {
    const [hosts, portText] = splitPorts(text)
    const ports = portText === undefined ? 'all' : PortList.parse(portText)
    if (hosts === '' && ports !== 'all') this.#ports = this.#ports?.with(ports) ?? ports
    else {
      const range = parseRange(hosts)
      if (range === undefined) this.#addName(normalName(parseHosts(hosts.normalize()).at(0)), ports)
      else this.#addRange(range, ports)
    }
    this.#count++
    this.#hash.update(`${text}\n`)
  }

  get isEmpty(): boolean {
    return this.#count === 0
  }

  /** Equal where the same was excluded in the same order. To be asked for once, at the end. */
  digest(): string {
    return this.isEmpty ? '' : this.#hash.digest('hex')
  }

  /** The ports of one host, a name or an address, that are not excluded. */
  portsLeft(host: string, ports: PortList): PortList {
    const left = this.#ports ? ports.without(this.#ports) : ports
    const family = literalFamily(host)
    const excluded = family === undefined ? this.#ofName(host) : this.#ofLiteral(family, host)
    if (excluded === undefined) return left
    return left.without(excluded === 'all' ? left : excluded)
  }

  excludes({ host, port }: { readonly host: string; readonly port: number }): boolean {
    return this.portsLeft(host, PortList.parse(String(port))).count === 0
  }

  /** The same for all addresses of a range. */
  rangeLeft(range: AddressRange, ports: PortList): Remaining {
    const left = this.#ports ? ports.without(this.#ports) : ports
    const span = spanOf(range)
    const table = this.#tableFor(range.family)
    const sums = table.sumsFor(this.#isAboutPorts ? left : undefined)
    // Where nothing is about ports, sums are of addresses, and every address has the same ports left.
    const each = this.#isAboutPorts ? 1 : left.count
    return {
      count: Number(sums.count(span)) * each,
      at: (index) => {
        const found = sums.at(span, BigInt(Math.floor(index / each)))
        const nthAddress = Number(found.address - span.first)
        if (!this.#isAboutPorts) return [nthAddress, left.at(index % each)]
        const excluded = table.find(found.address)
        // One that is excluded with all its ports is never found.
        const own = excluded instanceof PortList ? left.without(excluded) : left
        return [nthAddress, own.at(Number(found.nthPort))]
      },
    }
  }

  /** For what a name turns out to stand for: an excluded address is not connected to by that way either. */
  get policy(): DestinationPolicy {
    return {
      check: (address: SocketAddress) => {
        const denied = 'address' in address && this.#excludes(address)
        if (!denied) return { allowed: true, rule: 'exclude', reason: 'not excluded' }
        return { allowed: false, rule: 'exclude', reason: `${address.address} is excluded` }
      },
    }
  }

  #addName(name: string, ports: SomePorts): void {
    const before = this.#names.get(name)
    // A name that stands there twice is excluded by both.
    if (before === 'all' || before === undefined || ports === 'all') {
      this.#names.set(name, before === 'all' ? before : ports)
    } else this.#names.set(name, before.with(ports))
  }

  #addRange(range: AddressRange, ports: SomePorts): void {
    const { first, last } = spanOf(range)
    this.#tables.clear()
    this.#isAboutPorts ||= ports !== 'all'
    const isV4 = first >= V4_FIRST && last <= V4_LAST
    const overlapsV4 = first <= V4_LAST && last >= V4_FIRST
    if (isV4 || !overlapsV4) this.#added.push({ first, last, ports })
    else {
      if (first < V4_FIRST) this.#added.push({ first, last: V4_FIRST - 1n, ports })
      if (last > V4_LAST) this.#added.push({ first: V4_LAST + 1n, last, ports })
      const from = first > V4_FIRST ? first : V4_FIRST
      this.#mapped.push({ first: from, last: last < V4_LAST ? last : V4_LAST, ports })
    }
  }

  #excludes({ family, address, port }: InetAddress): boolean {
    if (this.#ports?.has(port)) return true
    const excluded = this.#ofLiteral(family, address)
    return excluded instanceof PortList ? excluded.has(port) : excluded === 'all'
  }

  /** Undefined: nothing. */
  #ofName(host: string): SomePorts | undefined {
    return this.#names.size === 0 ? undefined : this.#names.get(normalName(host))
  }

  #ofLiteral(family: AddressRange['family'], literal: string): SomePorts | undefined {
    const value = toNumber(literal)
    return this.#tableFor(family).find(family === 'inet' ? V4_FIRST + value : value)
  }

  #tableFor(family: AddressRange['family']): SegmentTable {
    const known = this.#tables.get(family)
    if (known) return known
    const mapped = family === 'inet6' ? this.#mapped : []
    const [other] = this.#tables.values()
    const table =
      other && this.#mapped.length === 0 ? other : new SegmentTable([...this.#added, ...mapped])
    this.#tables.set(family, table)
    return table
  }
}

export const NOTHING_EXCLUDED = new Exclusions()

function spanOf({ family, first, last }: AddressRange): AddressRange {
  return family === 'inet6'
    ? { family, first, last }
    : { family, first: V4_FIRST + first, last: V4_FIRST + last }
}

/** As the DNS has it: case, the final dot and the script do not matter. */
function normalName(name: string): string {
  const plain = name.toLowerCase().replace(/\.$/, '')
  // Empty for what is none: RFC 5891 has nothing to say about `a_b-`.
  return domainToASCII(plain) || plain
}
