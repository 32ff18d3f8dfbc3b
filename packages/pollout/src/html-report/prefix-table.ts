/**
 * The outcomes by address prefix, in bounded memory: where there are too many prefixes, all get shorter, and those that
 * are the same then become one. What is told stays exact, only coarser.
 */
import ipaddr from 'ipaddr.js'

export interface PrefixRow {
  /** As CIDR, or the text that was added. */
  readonly prefix: string
  readonly total: number
  readonly connected: number
  /** Of the connected, in milliseconds; 0 where there are none. */
  readonly meanMs: number
  readonly slowestMs: number
}

interface Entry {
  bytes: number[] | undefined
  label: string
  total: number
  connected: number
  sumMs: number
  slowestMs: number
}

const MOST_PREFIXES = 10_000
/** Names can't be made coarser: those that come when there is no room left are counted together. */
const OTHERS = 'other hosts'
/** Each next one where the last one is too fine. */
const LENGTHS = {
  4: [24, 20, 16, 12, 8],
  16: [48, 44, 40, 36, 32, 24, 16],
} as const

export class PrefixTable {
  #entries = new Map<string, Entry>()
  #step = 0

  /** `place`: an IP address as text; or any other text, which stands for itself. */
  add(place: string, elapsedMs: number | undefined): void {
    const entry = this.#entryOf(place)
    entry.total++
    if (elapsedMs !== undefined) {
      entry.connected++
      entry.sumMs += elapsedMs
      entry.slowestMs = Math.max(entry.slowestMs, elapsedMs)
    }
    while (this.#entries.size > MOST_PREFIXES && this.#step < LENGTHS[16].length) this.#coarsen()
  }

  /** Those with the largest mean latency of the connected. */
  slowest(most: number): readonly PrefixRow[] {
    const rows = this.#rows().filter(({ connected }) => connected > 0)
    return rows.sort((a, b) => b.meanMs - a.meanMs).slice(0, most)
  }

  /** Those with the most targets that did not connect. */
  failing(most: number): readonly PrefixRow[] {
    const failed = ({ total, connected }: PrefixRow): number => total - connected
    const rows = this.#rows().filter((row) => failed(row) > 0)
    return rows.sort((a, b) => failed(b) - failed(a)).slice(0, most)
  }

  #rows(): PrefixRow[] {
    return [...this.#entries.values()].map(({ label, total, connected, sumMs, slowestMs }) => ({
      prefix: label,
      total,
      connected,
      meanMs: connected === 0 ? 0 : sumMs / connected,
      slowestMs,
    }))
  }

  #entryOf(place: string): Entry {
    const bytes = ipaddr.isValid(place) ? ipaddr.parse(place).toByteArray() : undefined
    const isFull = this.#entries.size >= MOST_PREFIXES
    const name = isFull && !this.#entries.has(place) ? OTHERS : place
    const label = bytes ? this.#prefixOf(bytes) : name
    let entry = this.#entries.get(label)
    if (entry === undefined) {
      entry = { bytes, label, total: 0, connected: 0, sumMs: 0, slowestMs: 0 }
      this.#entries.set(label, entry)
    }
    return entry
  }

  #prefixOf(bytes: readonly number[]): string {
    const lengths: readonly number[] = LENGTHS[bytes.length === 4 ? 4 : 16]
    const length = lengths[Math.min(this.#step, lengths.length - 1)] ?? 0
    const masked = bytes.map((byte, index) => {
      const bits = Math.min(8, Math.max(0, length - 8 * index))
      return byte & (0xff << (8 - bits)) & 0xff
    })
    return `${ipaddr.fromByteArray(masked).toString()}/${length}`
  }

  #coarsen(): void {
    this.#step++
    const old = this.#entries
    this.#entries = new Map()
    for (const entry of old.values()) {
      if (entry.bytes) entry.label = this.#prefixOf(entry.bytes)
      const merged = this.#entries.get(entry.label)
      if (merged === undefined) {
        this.#entries.set(entry.label, entry)
        continue
      }
      merged.total += entry.total
      merged.connected += entry.connected
      merged.sumMs += entry.sumMs
      merged.slowestMs = Math.max(merged.slowestMs, entry.slowestMs)
    }
  }
}
