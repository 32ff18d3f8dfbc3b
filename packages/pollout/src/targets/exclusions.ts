/** What must not be touched: hosts, address ranges and ports, of a command line and of files. */
import { createHash } from 'node:crypto'
import { domainToASCII } from 'node:url'
import type { DestinationPolicy, SocketAddress } from '@pollout/core'
import { literalFamily } from '@pollout/core'
import { type Segment, SegmentSums, segmentOf, toSegments } from './address-segments.js'
import { type AddressRange, parseHosts, parseRange, toNumber } from './hosts.js'
import { PortList, type SomePorts, splitPorts } from './ports.js'

/** Where IPv4 stands among 128-bit addresses: `::ffff:0:0/96`. */
const V4_FIRST = 0xffff_0000_0000n
const V4_LAST = 0xffff_ffff_ffffn
/** A list whose lines have ports of their own needs sums for each set of ports; few lists have many. */
const MOST_SUMS = 64

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
  #segments: readonly Segment[] = []
  #isBuilt = true
  #isAboutPorts = false
  readonly #sums = new Map<string, SegmentSums>()
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
    const isName = literalFamily(host) === undefined
    const excluded = isName ? this.#ofName(host) : this.#ofAddress(positionOf(host))
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
    const sums = this.#sumsFor(left)
    // Where nothing is about ports, sums are of addresses, and every address has the same ports left.
    const each = this.#isAboutPorts ? 1 : left.count
    return {
      count: Number(sums.count(span)) * each,
      at: (index) => {
        const found = sums.at(span, BigInt(Math.floor(index / each)))
        const nthAddress = Number(found.address - span.first)
        if (!this.#isAboutPorts) return [nthAddress, left.at(index % each)]
        const excluded = this.#ofAddress(found.address)
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
        const denied = 'address' in address && this.#excludes(address.address, address.port)
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
    this.#isBuilt = false
    this.#isAboutPorts ||= ports !== 'all'
    const isV4 = first >= V4_FIRST && last <= V4_LAST
    const overlapsV4 = first <= V4_LAST && last >= V4_FIRST
    if (isV4 || !overlapsV4) this.#added.push({ first, last, ports })
    else {
      // `::/0` is all of IPv6, and not IPv4 with it.
      if (first < V4_FIRST) this.#added.push({ first, last: V4_FIRST - 1n, ports })
      if (last > V4_LAST) this.#added.push({ first: V4_LAST + 1n, last, ports })
    }
  }

  #excludes(literal: string, port: number): boolean {
    if (this.#ports?.has(port)) return true
    const excluded = this.#ofAddress(positionOf(literal))
    return excluded instanceof PortList ? excluded.has(port) : excluded === 'all'
  }

  /** Undefined: nothing. */
  #ofName(host: string): SomePorts | undefined {
    return this.#names.size === 0 ? undefined : this.#names.get(normalName(host))
  }

  #ofAddress(position: bigint): SomePorts | undefined {
    this.#build()
    return segmentOf(this.#segments, position)?.ports
  }

  #sumsFor(ports: PortList): SegmentSums {
    this.#build()
    const key = this.#isAboutPorts ? String(ports) : ''
    const known = this.#sums.get(key)
    if (known) return known
    const sums = new SegmentSums(this.#segments, this.#isAboutPorts ? ports : undefined)
    if (this.#sums.size === MOST_SUMS) this.#sums.clear()
    this.#sums.set(key, sums)
    return sums
  }

  #build(): void {
    if (this.#isBuilt) return
    this.#isBuilt = true
    this.#segments = toSegments(this.#added)
    this.#sums.clear()
  }
}

export const NOTHING_EXCLUDED = new Exclusions()

/** Where an address literal stands among 128-bit addresses. */
function positionOf(literal: string): bigint {
  return literal.includes(':') ? toNumber(literal) : V4_FIRST + toNumber(literal)
}

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
