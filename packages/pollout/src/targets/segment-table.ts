/** Segments of the address space to look up and to count in: sorted once, and sums of them kept. */
import { type Segment, SegmentSums, segmentOf, toSegments } from './address-segments.js'
import type { PortList, SomePorts } from './ports.js'

/** A list whose lines have ports of their own needs sums for each set of ports; few lists have many. */
const MOST_SUMS = 64

export class SegmentTable {
  readonly #segments: readonly Segment[]
  readonly #sums = new Map<string, SegmentSums>()

  /** In any order, and on one another. */
  constructor(segments: readonly Segment[]) {
    this.#segments = toSegments(segments)
  }

  /** What is excluded of an address; undefined: nothing. */
  find(address: bigint): SomePorts | undefined {
    return segmentOf(this.#segments, address)?.ports
  }

  /** For targets with these ports; undefined counts addresses alone. */
  sumsFor(ports: PortList | undefined): SegmentSums {
    const key = ports === undefined ? 'addresses' : String(ports)
    const known = this.#sums.get(key)
    if (known) return known
    const sums = new SegmentSums(this.#segments, ports)
    if (this.#sums.size === MOST_SUMS) this.#sums.clear()
    this.#sums.set(key, sums)
    return sums
  }
}
