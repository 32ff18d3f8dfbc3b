/**
 * Where the targets of a list stand in its file, at little more than a byte a line: for each block of lines its offset,
 * the number of targets before it, and how many each of its lines is, where that is the same for all.
 */
const LINES_PER_BLOCK = 16
const FIRST_CAPACITY = 1_024

export interface Block {
  /** Bytes in the file. */
  readonly start: number
  readonly end: number
  /** Of its first line, from 1. */
  readonly firstLine: number
  /** Targets of the whole list before it. */
  readonly targetsBefore: number
  readonly targets: number
  /** How many targets each of its lines is; 0 where they differ. */
  readonly targetsPerLine: number
}

export class BlockIndex {
  #starts = new Float64Array(FIRST_CAPACITY)
  #targetsBefore = new Float64Array(FIRST_CAPACITY)
  #perLine = new Float64Array(FIRST_CAPACITY)
  #blocks = 0
  #lines = 0
  #targets = 0
  #end = 0

  get targets(): number {
    return this.#targets
  }

  /** The next line, that ends at this byte of the file and is so many targets: 0 for a blank one. */
  add(targets: number, endOffset: number): void {
    const isFirst = this.#lines++ % LINES_PER_BLOCK === 0
    if (isFirst) this.#begin(targets)
    const block = this.#blocks - 1
    if (this.#perLine[block] !== targets) this.#perLine[block] = 0
    this.#targets += targets
    this.#end = endOffset
  }

  /** The block that holds a target. */
  find(target: number): Block {
    let low = 0
    let high = this.#blocks
    // The last block with no more than `target` targets before it; of several (blank ones between) the last.
    while (low < high) {
      const middle = (low + high) >>> 1
      if ((this.#targetsBefore[middle] as number) <= target) low = middle + 1
      else high = middle
    }
    return this.#block(low - 1)
  }

  #block(block: number): Block {
    const isLast = block === this.#blocks - 1
    const targetsBefore = this.#targetsBefore[block] as number
    return {
      start: this.#starts[block] as number,
      end: isLast ? this.#end : (this.#starts[block + 1] as number),
      firstLine: block * LINES_PER_BLOCK + 1,
      targetsBefore,
      targets:
        (isLast ? this.#targets : (this.#targetsBefore[block + 1] as number)) - targetsBefore,
      targetsPerLine: this.#perLine[block] as number,
    }
  }

  #begin(targets: number): void {
    const block = this.#blocks++
    if (block === this.#starts.length) this.#grow()
    this.#starts[block] = this.#end
    this.#targetsBefore[block] = this.#targets
    this.#perLine[block] = targets
  }

  #grow(): void {
    this.#starts = doubled(this.#starts)
    this.#targetsBefore = doubled(this.#targetsBefore)
    this.#perLine = doubled(this.#perLine)
  }
}

function doubled(array: Float64Array<ArrayBuffer>): Float64Array<ArrayBuffer> {
  const larger = new Float64Array(array.length * 2)
  larger.set(array)
  return larger
}
