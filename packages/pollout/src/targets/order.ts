/** In which order the targets are tried, and which of them by this shard: positions to indices of the list. */
import { Permutation } from './permutation.js'

/** One of `count` parts that together are everything; `number` counts from 1. */
export interface Shard {
  readonly number: number
  readonly count: number
}

export const WHOLE: Shard = { number: 1, count: 1 }

/**
 * The shard takes every count-th index, and goes through its own in an order of its own: so shards are disjoint and
 * complete whatever their seeds are, as long as their lists are the same.
 */
export class Order {
  /** Targets of this shard. */
  readonly size: number
  readonly #shard: Shard
  readonly #permutation: Permutation | undefined

  /** Without a seed: as the list has them. */
  constructor(listSize: number, shard: Shard, seed: string | undefined) {
    this.#shard = shard
    this.size = Math.max(0, Math.ceil((listSize - (shard.number - 1)) / shard.count))
    this.#permutation = seed === undefined ? undefined : new Permutation(this.size, seed)
  }

  indexAt(position: number): number {
    const nth = this.#permutation ? this.#permutation.at(position) : position
    return nth * this.#shard.count + this.#shard.number - 1
  }
}
