/**
 * A set of address blocks, each with a name, that finds the narrowest one an address is in.
 *
 * The command's exclusions are another matcher (`packages/pollout/src/targets/exclusions.ts`): they count what is left of a range, and
 * say nothing of names. A test of theirs holds both to one rule about v4-mapped addresses.
 */
import type { Block, IpBytes } from './policy-address.js'

/** Blocks of one prefix length: a look-up costs one step for each length in use, however many blocks there are. */
interface Level {
  readonly prefix: number
  readonly names: Map<bigint, string>
}

export class BlockSet {
  /** By the number of bytes of an address; longest prefix first. */
  readonly #levels = new Map<number, Level[]>([
    [4, []],
    [16, []],
  ])

  /** Of equal blocks the first one's name stays. */
  add({ bytes, prefix }: Block, name: string): void {
    const levels = this.#of(bytes)
    let level = levels.find((other) => other.prefix === prefix)
    if (level === undefined) {
      level = { prefix, names: new Map() }
      levels.push(level)
      levels.sort((a, b) => b.prefix - a.prefix)
    }
    const key = head(toNumber(bytes), bytes, prefix)
    if (!level.names.has(key)) level.names.set(key, name)
  }

  /** The name of the narrowest block that holds this address. */
  find(bytes: IpBytes): string | undefined {
    const value = toNumber(bytes)
    for (const { prefix, names } of this.#of(bytes)) {
      const name = names.get(head(value, bytes, prefix))
      if (name !== undefined) return name
    }
    return undefined
  }

  #of(bytes: IpBytes): Level[] {
    const levels = this.#levels.get(bytes.length)
    if (levels === undefined) throw new RangeError(`${bytes.length} bytes are no IP address`)
    return levels
  }
}

function toNumber(bytes: IpBytes): bigint {
  return BigInt(`0x${Buffer.from(bytes).toString('hex')}`)
}

/** The first `prefix` bits. */
function head(value: bigint, bytes: IpBytes, prefix: number): bigint {
  return value >> BigInt(bytes.length * 8 - prefix)
}
