/**
 * What is excluded of the address space, as segments in a row: how many targets of a range they leave, and which is the
 * n-th of those. Both by binary search over sums, so that a block of any size is never gone through.
 *
 * A target is an address with a port. Where no segment is about ports, all ports of an address stay or go together, and
 * an address counts as one.
 */
import type { AddressRange } from './hosts.js'
import { PortList, type SomePorts } from './ports.js'

/** All addresses as 128 bits, those of IPv4 where v4-mapped ones are: their packets are IPv4 on the wire. */
export type Span = Pick<AddressRange, 'first' | 'last'>

export interface Segment extends Span {
  /** What is excluded of each of these addresses. */
  readonly ports: SomePorts
}

/** The n-th target that is left: its address, and which of the ports that this address has left. */
export interface Found {
  readonly address: bigint
  readonly nthPort: bigint
}

export class SegmentSums {
  readonly #segments: readonly Segment[]
  /** Targets of an address of which nothing is excluded. */
  readonly #perAddress: bigint
  /** By segment: targets that each of its addresses has left, and targets that are gone in all segments before. */
  readonly #left: readonly bigint[]
  readonly #goneBefore: readonly bigint[]

  /** Segments are sorted and have no overlaps. `ports` are those of the targets; undefined counts addresses alone. */
  constructor(segments: readonly Segment[], ports: PortList | undefined) {
    this.#segments = segments
    this.#perAddress = BigInt(ports?.count ?? 1)
    this.#left = segments.map((segment) =>
      ports === undefined || segment.ports === 'all'
        ? 0n
        : BigInt(ports.without(segment.ports).count),
    )
    let gone = 0n
    this.#goneBefore = segments.map(({ first, last }, i) => {
      const before = gone
      gone += (last - first + 1n) * (this.#perAddress - (this.#left[i] as bigint))
      return before
    })
  }

  /** Targets of the range that are left. */
  count({ first, last }: Span): bigint {
    return this.#leftBelow(first, last + 1n)
  }

  /** The `nth` of them, from 0; there must be so many. */
  at({ first }: Span, nth: bigint): Found {
    // The last segment that does not begin behind the target: it is in there, or in what follows.
    const i = this.#after((segment) => this.#leftBelow(first, segment.first) <= nth) - 1
    const segment = this.#segments[i]
    if (segment === undefined || segment.last < first)
      return this.#step(first, nth, this.#perAddress)
    const start = segment.first > first ? segment.first : first
    const rest = nth - this.#leftBelow(first, start)
    const left = this.#left[i] as bigint
    const inside = (segment.last - start + 1n) * left
    if (rest < inside) return this.#step(start, rest, left)
    return this.#step(segment.last + 1n, rest - inside, this.#perAddress)
  }

  #step(start: bigint, nth: bigint, perAddress: bigint): Found {
    return { address: start + nth / perAddress, nthPort: nth % perAddress }
  }

  /** Targets left from one address up to, and without, another; 0 where that is not behind it. */
  #leftBelow(from: bigint, to: bigint): bigint {
    if (to <= from) return 0n
    return (to - from) * this.#perAddress - (this.#goneBelow(to) - this.#goneBelow(from))
  }

  #goneBelow(address: bigint): bigint {
    const i = this.#after((segment) => segment.first < address) - 1
    const segment = this.#segments[i]
    if (segment === undefined) return 0n
    const end = segment.last < address ? segment.last + 1n : address
    const perAddress = this.#perAddress - (this.#left[i] as bigint)
    return (this.#goneBefore[i] as bigint) + (end - segment.first) * perAddress
  }

  /** How many of the first segments are so. */
  #after(isSo: (segment: Segment) => boolean): number {
    return countWhile(this.#segments, isSo)
  }
}

/** The segment that an address is in. */
export function segmentOf(segments: readonly Segment[], address: bigint): Segment | undefined {
  const segment = segments[countWhile(segments, ({ first }) => first <= address) - 1]
  return segment && segment.last >= address ? segment : undefined
}

/** How many of the first are so, where none behind them is: by binary search. */
function countWhile(segments: readonly Segment[], isSo: (segment: Segment) => boolean): number {
  let low = 0
  let high = segments.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if (isSo(segments[middle] as Segment)) low = middle + 1
    else high = middle
  }
  return low
}

/** Sorted, and cut so that none overlap. Takes as long as sorting, but where many with ports lie on one another. */
export function toSegments(excluded: readonly Segment[]): readonly Segment[] {
  const whole = merged(excluded.filter(({ ports }) => ports === 'all'))
  const withPorts = excluded.filter(({ ports }) => ports !== 'all')
  return withPorts.length === 0 ? whole : cut([...whole, ...withPorts])
}

/** Those of all ports: what overlaps or touches becomes one. */
function merged(spans: readonly Segment[]): readonly Segment[] {
  const result: Segment[] = []
  for (const span of spans.toSorted(byFirst)) {
    const before = result.at(-1)
    if (before === undefined || span.first > before.last + 1n) result.push(span)
    else if (span.last > before.last) result[result.length - 1] = { ...before, last: span.last }
  }
  return result
}

/** At each place where one begins or ends. */
function cut(spans: readonly Segment[]): readonly Segment[] {
  const waiting = spans.toSorted(byFirst)
  const edges = spans.flatMap(({ first, last }) => [first, last + 1n]).sort(compare)
  const result: Segment[] = []
  let next = 0
  let active: Segment[] = []
  for (const [i, first] of edges.entries()) {
    const end = edges[i + 1]
    if (end === undefined || end === first) continue
    active = active.filter(({ last }) => last >= first)
    for (; waiting[next]?.first === first; next++) active.push(waiting[next] as Segment)
    if (active.length > 0) result.push({ first, last: end - 1n, ports: portsOf(active) })
  }
  return result
}

function portsOf(segments: readonly Segment[]): SomePorts {
  const lists = segments.map(({ ports }) => ports)
  if (lists.includes('all')) return 'all'
  return lists.length === 1 ? (lists[0] as PortList) : PortList.parse(lists.join(','))
}

function byFirst(a: Span, b: Span): number {
  return compare(a.first, b.first)
}

function compare(a: bigint, b: bigint): number {
  return a < b ? -1 : a > b ? 1 : 0
}
