/**
 * All targets of a run, from arguments and lists, as one numbered row: how many there are, and which is the n-th. It holds
 * the arguments, and of lists an index of about a byte a line; ranges of addresses and ports are computed. What is excluded
 * has no number in it.
 */
import { createHash } from 'node:crypto'
import { type Exclusions, NOTHING_EXCLUDED } from './exclusions.js'
import { InvalidTargetError } from './invalid-target.js'
import type { ListFile } from './list-file.js'
import type { Listed } from './listed-line.js'
import { LARGEST_PERMUTATION } from './permutation.js'
import type { PortList } from './ports.js'
import { parseItem, type TargetItem } from './target-item.js'

interface Part {
  /** Targets of the parts before. */
  readonly from: number
  readonly count: number
  at(index: number): Listed
}

export class TargetSpace {
  readonly #hash = createHash('sha256')
  readonly #parts: Part[] = []
  readonly #exclusions: Exclusions
  #size = 0
  #excluded = 0

  constructor(exclusions: Exclusions = NOTHING_EXCLUDED) {
    this.#exclusions = exclusions
  }

  /** Targets that are left out. */
  get excluded(): number {
    return this.#excluded
  }

  get size(): number {
    return this.#size
  }

  /** An argument. Throws what {@link parseItem} throws. */
  addItem(text: string, ports: PortList | undefined): void {
    const item: TargetItem = parseItem(text, ports, this.#exclusions)
    const { count, excluded, fields } = item
    this.#hash.update(`item ${text}\n`)
    this.#add(count, excluded, (index) => ({ endpoint: item.at(index), fields }))
  }

  /** A list whose scan, with the same exclusions, is over. */
  addList(list: ListFile): void {
    this.#hash.update(`list ${list.digest()}\n`)
    this.#add(list.count, list.excluded, (index) => list.at(index))
  }

  at(index: number): Listed {
    let low = 0
    let high = this.#parts.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if ((this.#parts[middle] as Part).from <= index) low = middle + 1
      else high = middle
    }
    const part = this.#parts[low - 1]
    if (part === undefined || index - part.from >= part.count) {
      throw new RangeError(`there is no target ${index} of ${this.#size}`)
    }
    return part.at(index - part.from)
  }

  /** Equal where the same is given in the same order. To be asked for once, at the end. */
  digest(): string {
    return this.#hash.digest('hex')
  }

  #add(count: number, excluded: number, at: (index: number) => Listed): void {
    if (this.#size + count > LARGEST_PERMUTATION) {
      throw new InvalidTargetError('these are more than 2^52 targets')
    }
    // A part without any would hide the one before it.
    if (count > 0) this.#parts.push({ from: this.#size, count, at })
    this.#size += count
    this.#excluded += excluded
  }
}
