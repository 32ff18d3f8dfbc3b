/** Port lists as nmap and naabu write them: `22,80,8000-8010`, and `-` for all. */
import { InvalidTargetError, quoted } from './invalid-target.js'

const LAST_PORT = 65_535

/** Of a host: some, or whatever there are. */
export type SomePorts = PortList | 'all'

export class PortList {
  /** Ports without repetitions. */
  readonly count: number
  readonly #ranges: ReadonlyArray<readonly [low: number, high: number]>

  private constructor(ranges: ReadonlyArray<readonly [number, number]>) {
    this.#ranges = ranges
    this.count = ranges.reduce((sum, [low, high]) => sum + high - low + 1, 0)
  }

  /** Throws {@link InvalidTargetError}. */
  static parse(text: string): PortList {
    // The usual case of a long list, without ado.
    if (/^\d{1,5}$/.test(text)) return new PortList([range(text)])
    const sorted = text
      .split(',')
      .map(range)
      .sort(([a], [b]) => a - b)
    const merged: [number, number][] = []
    for (const [low, high] of sorted) {
      const last = merged.at(-1)
      if (last && low <= last[1] + 1) last[1] = Math.max(last[1], high)
      else merged.push([low, high])
    }
    return new PortList(merged)
  }

  at(index: number): number {
    let rest = index
    for (const [low, high] of this.#ranges) {
      if (rest <= high - low) return low + rest
      rest -= high - low + 1
    }
    throw new RangeError(`there is no port number ${index} in ${this}`)
  }

  /** What is in either. */
  with(other: PortList): PortList {
    return PortList.parse(`${this},${other}`)
  }

  /** What is not in the other; it may be empty. */
  without(other: PortList): PortList {
    const left: [number, number][] = []
    for (const [low, high] of this.#ranges) {
      let from = low
      for (const [otherLow, otherHigh] of other.#ranges) {
        if (otherHigh < from || otherLow > high) continue
        if (otherLow > from) left.push([from, otherLow - 1])
        from = otherHigh + 1
      }
      if (from <= high) left.push([from, high])
    }
    return new PortList(left)
  }

  has(port: number): boolean {
    return this.#ranges.some(([low, high]) => port >= low && port <= high)
  }

  /** In its shortest form, which {@link PortList.parse} reads back. */
  toString(): string {
    return this.#ranges.map(([low, high]) => (low === high ? low : `${low}-${high}`)).join(',')
  }
}

/** `[v6]:ports` and `hosts:ports` cut in two; an IPv6 address without brackets is all host. */
export function splitPorts(text: string): readonly [hosts: string, ports: string | undefined] {
  const [, bracketed, ownPorts] = /^\[([^\]]*)\](?::(.*))?$/.exec(text) ?? []
  if (bracketed !== undefined) return [bracketed, ownPorts]
  const colon = text.indexOf(':')
  if (colon === -1 || text.includes(':', colon + 1)) return [text, undefined]
  return [text.slice(0, colon), text.slice(colon + 1)]
}

function range(text: string): readonly [number, number] {
  const trimmed = text.trim()
  // Nobody can listen on port 0, so "all" is without it.
  if (trimmed === '-') return [1, LAST_PORT]
  const [, from, to = from] = /^(\d{1,5})(?:-(\d{1,5}))?$/.exec(trimmed) ?? []
  const [low, high] = [Number(from), Number(to)]
  if (low <= high && high <= LAST_PORT) return [low, high]
  throw new InvalidTargetError(
    `${quoted(trimmed)} is neither a port nor a range of ports; write 22,80,8000-8010, or - for all`,
  )
}
