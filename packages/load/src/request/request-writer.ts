/** Makes each request anew: what differs from one to the next is filled in. The addon's request_plan.cc does the same. */
import type { RequestPart } from '@pollout/core'

const GOLDEN = 0x9e3779b97f4a7c15n
const LETTERS = Buffer.from('0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz')

export class RequestWriter {
  readonly #parts: readonly RequestPart[]
  readonly #seed: bigint
  /** Where nothing differs. */
  readonly #always: Buffer | undefined

  constructor(parts: readonly RequestPart[], seed: number) {
    this.#parts = parts
    this.#seed = BigInt(seed)
    const isFixed = parts.every((part) => 'bytes' in part)
    this.#always = isFixed ? this.write(0) : undefined
  }

  /** The request with that number. */
  write(id: number): Buffer {
    return this.#always ?? Buffer.concat(this.#parts.map((part, i) => this.#part(part, id, i)))
  }

  #part(part: RequestPart, id: number, place: number): Uint8Array {
    if ('bytes' in part) return part.bytes
    if ('counter' in part) {
      return digits(BigInt(part.counter.first) + BigInt(id), part.counter.digits)
    }
    const chance = new Chance(this.#seed, BigInt(id), BigInt(place))
    if ('number' in part) {
      const { least, most } = part.number
      const number = BigInt(least) + chance.below(BigInt(most - least + 1))
      return digits(number, String(most).length)
    }
    return Buffer.from(
      Array.from(
        { length: part.text },
        () => LETTERS[Number(chance.below(BigInt(LETTERS.length)))] as number,
      ),
    )
  }
}

/** The last of them, with zeros in front. */
function digits(number: bigint, count: number): Buffer {
  return Buffer.from(String(number).padStart(count, '0').slice(-count))
}

/** SplitMix64, Steele, Lea and Flood (2014): a good number for each state, and states may be any. */
class Chance {
  #state: bigint

  constructor(seed: bigint, id: bigint, part: bigint) {
    this.#state = mix(mix(seed + id * GOLDEN) + part)
  }

  /** From 0 to below `count`: by the high half of a product, Lemire (2019). */
  below(count: bigint): bigint {
    this.#state = BigInt.asUintN(64, this.#state + GOLDEN)
    return (mix(this.#state) * count) >> 64n
  }
}

function mix(value: bigint): bigint {
  let mixed = BigInt.asUintN(64, value)
  mixed = BigInt.asUintN(64, (mixed ^ (mixed >> 30n)) * 0xbf58476d1ce4e5b9n)
  mixed = BigInt.asUintN(64, (mixed ^ (mixed >> 27n)) * 0x94d049bb133111ebn)
  return mixed ^ (mixed >> 31n)
}
