/**
 * A keyed permutation of 0 ... size - 1 that is computed and not stored, so that a list of any size can be gone through
 * in a random order without holding it.
 *
 * An unbalanced Feistel network on [0, a) x [0, b) with a * b just above the size, and cycle walking for the few
 * values beyond it: Black and Rogaway, "Ciphers with Arbitrary Finite Domains", CT-RSA 2002, section 4; masscan orders
 * its targets by the same construction ("blackrock"). ZMap's multiplicative group needs a prime above the size and
 * goes through it in one direction only; here any position can be asked for, which is what `--resume` needs.
 *
 * It spreads load over networks. It keeps no secrets: the round function mixes well, and is not a cipher's.
 */
import { createHash } from 'node:crypto'

/** Up to here all sums and products below are exact in a double. */
export const LARGEST_PERMUTATION = 2 ** 52

/** Four for each half; with two of them (as few as are a permutation of any use) neighbours stay neighbours. */
const ROUNDS = 8

export class Permutation {
  readonly size: number
  readonly #a: number
  readonly #b: number
  readonly #keys: Uint32Array

  /** Throws RangeError for a size that is not a whole number from 0 to {@link LARGEST_PERMUTATION}. */
  constructor(size: number, seed: string) {
    if (!Number.isInteger(size) || size < 0 || size > LARGEST_PERMUTATION) {
      throw new RangeError(`size must be a whole number from 0 to 2^52, not ${size}`)
    }
    this.size = size
    this.#a = Math.max(1, Math.ceil(Math.sqrt(size)))
    this.#b = Math.max(1, Math.ceil(size / this.#a))
    const digest = createHash('sha512').update(seed).digest()
    this.#keys = Uint32Array.from({ length: 2 * ROUNDS }, (_, i) => digest.readUInt32LE(4 * i))
  }

  /** The value at a position: each of 0 ... size - 1 stands at exactly one. Throws RangeError beyond. */
  at(position: number): number {
    if (!(position >= 0 && position < this.size)) {
      throw new RangeError(`there is no position ${position} in ${this.size}`)
    }
    // A value beyond the size lies on a cycle that begins inside of it, so this ends. Most need no second step.
    let value = this.#encrypt(position)
    while (value >= this.size) value = this.#encrypt(value)
    return value
  }

  #encrypt(value: number): number {
    const a = this.#a
    const b = this.#b
    const keys = this.#keys
    let right = Math.floor(value / a)
    let left = value - right * a
    for (let round = 0; round < 2 * ROUNDS; round += 4) {
      left = (left + mix(right, keys[round] as number, keys[round + 1] as number)) % a
      right = (right + mix(left, keys[round + 2] as number, keys[round + 3] as number)) % b
    }
    return right * a + left
  }
}

/** 32 bits, each of which depends on all of the value and the keys: the finalizer of MurmurHash3. */
function mix(value: number, key: number, otherKey: number): number {
  let hash = value ^ key
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35) ^ otherKey
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
  return (hash ^ (hash >>> 13)) >>> 0
}
