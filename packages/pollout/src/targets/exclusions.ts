/** What must not be touched: hosts, address ranges and ports, of a command line and of files. */
import { createHash } from 'node:crypto'
import type { DestinationPolicy, Endpoint, SocketAddress } from '@pollout/core'
import { literalFamily } from '@pollout/core'
import { type AddressRange, parseHosts, parseRange, toNumber } from './hosts.js'
import { PortList } from './ports.js'
import { splitPorts } from './target-item.js'

interface ExcludedRange extends AddressRange {
  /** Undefined: all. */
  readonly ports: PortList | undefined
}

const V4_MAPPED = 0xffffn << 32n

export class Exclusions {
  readonly #hash = createHash('sha256')
  readonly #names = new Map<string, PortList | undefined>()
  readonly #ports: PortList[] = []
  /** Sorted by their first address when they are first asked for, with no overlaps among those of all ports. */
  readonly #ranges: ExcludedRange[] = []
  readonly #withPorts: ExcludedRange[] = []
  #sorted = true
  #count = 0

  /** Reads `host`, `10.0.0.0/8`, `10.0.0.1-9`, each with `:ports` or without, or `:ports` for all hosts. Throws {@link InvalidTargetError}. */
  add(text: string): void {
    this.#count++
    this.#hash.update(`${text}\n`)
    const [hosts, portText] = splitPorts(text)
    const ports = portText === undefined ? undefined : PortList.parse(portText)
    if (hosts === '' && ports !== undefined) {
      this.#ports.push(ports)
      return
    }
    const range = parseRange(hosts)
    if (range === undefined) {
      const name = normalName(parseHosts(hosts).at(0))
      // A name that stands there twice is excluded by both.
      const before = this.#names.get(name)
      const all = ports === undefined || (this.#names.has(name) && before === undefined)
      this.#names.set(
        name,
        all ? undefined : PortList.parse(before ? `${before},${ports}` : `${ports}`),
      )
    } else if (ports === undefined) {
      this.#ranges.push({ ...range, ports })
      this.#sorted = false
    } else {
      this.#withPorts.push({ ...range, ports })
    }
  }

  get isEmpty(): boolean {
    return this.#count === 0
  }

  /** Equal where the same was excluded in the same order. To be asked for once, at the end. */
  digest(): string {
    return this.isEmpty ? '' : this.#hash.digest('hex')
  }

  excludes(endpoint: Endpoint): boolean {
    if (this.#count === 0 || !('host' in endpoint)) return false
    const { host, port } = endpoint
    if (literalFamily(host) !== undefined) return this.#excludesAddress(host, port)
    if (this.#ports.some((ports) => ports.has(port))) return true
    const name = normalName(host)
    return this.#names.has(name) && (this.#names.get(name)?.has(port) ?? true)
  }

  /** For what a name turns out to stand for: an excluded address is not connected to by that way either. */
  get policy(): DestinationPolicy {
    return {
      check: (address: SocketAddress) => {
        const denied = 'address' in address && this.#excludesAddress(address.address, address.port)
        if (!denied) return { allowed: true, rule: 'exclude', reason: 'not excluded' }
        return { allowed: false, rule: 'exclude', reason: `${address.address} is excluded` }
      },
    }
  }

  #excludesAddress(literal: string, port: number): boolean {
    if (this.#ports.some((ports) => ports.has(port))) return true
    if (this.#ranges.length + this.#withPorts.length === 0) return false
    const number = toNumber(literal)
    // Packets to a v4-mapped address are IPv4 on the wire.
    const isMapped = literal.includes(':') && number >> 32n === V4_MAPPED >> 32n
    const family = literal.includes(':') && !isMapped ? 'inet6' : 'inet'
    const address = isMapped ? number & 0xffff_ffffn : number
    const holds = (range: ExcludedRange): boolean =>
      range.family === family && address >= range.first && address <= range.last
    const found = this.#find(family, address)
    if (found && holds(found)) return true
    return this.#withPorts.some((range) => holds(range) && range.ports?.has(port))
  }

  /** The last range that begins at the address or before. */
  #find(family: AddressRange['family'], address: bigint): ExcludedRange | undefined {
    if (!this.#sorted) this.#sort()
    let low = 0
    let high = this.#ranges.length
    while (low < high) {
      const middle = (low + high) >>> 1
      const range = this.#ranges[middle] as ExcludedRange
      if (compare(range, { family, first: address }) <= 0) low = middle + 1
      else high = middle
    }
    return this.#ranges[low - 1]
  }

  /** Puts ranges together that overlap, so that the nearest one decides. */
  #sort(): void {
    this.#sorted = true
    const sorted = [...this.#ranges].sort(compare)
    this.#ranges.length = 0
    for (const range of sorted) {
      const last = this.#ranges.at(-1)
      if (last?.family === range.family && range.first <= last.last) {
        if (range.last > last.last)
          this.#ranges[this.#ranges.length - 1] = { ...last, last: range.last }
      } else this.#ranges.push(range)
    }
  }
}

function compare(
  a: Pick<AddressRange, 'family' | 'first'>,
  b: Pick<AddressRange, 'family' | 'first'>,
): number {
  if (a.family !== b.family) return a.family === 'inet' ? -1 : 1
  return a.first < b.first ? -1 : a.first > b.first ? 1 : 0
}

function normalName(name: string): string {
  return name.toLowerCase().replace(/\.$/, '')
}
