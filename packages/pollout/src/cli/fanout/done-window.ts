/**
 * Which positions of a run are done: all below a mark, and some of those above it. What is between the mark and the
 * newest is a bit each, so its size is bounded, and the run waits for its slowest target when it is used up.
 */

/** Room for 20,000 targets a second of which one takes 50 seconds. */
export const WINDOW = 2 ** 20

export class DoneWindow {
  #low: number
  /** Above all that are done. */
  #high: number
  /** By position modulo the window; only bits of positions from the mark on are set. */
  readonly #bits = new Uint8Array(WINDOW / 8)

  private constructor(low: number) {
    this.#low = low
    this.#high = low
  }

  static empty(): DoneWindow {
    return new DoneWindow(0)
  }

  /** What {@link toJSON} has made. Throws TypeError for anything else. */
  static from(value: unknown): DoneWindow {
    const { low, above } = (value ?? {}) as { low?: unknown; above?: unknown }
    if (!Number.isSafeInteger(low) || Number(low) < 0 || typeof above !== 'string') {
      throw new TypeError('no window')
    }
    const window = new DoneWindow(Number(low))
    const bytes = Buffer.from(above, 'base64')
    for (let i = 0; i < bytes.length * 8; i++) {
      if ((bytes[i >> 3] ?? 0) & (1 << (i & 7))) window.add(Number(low) + i)
    }
    return window
  }

  /** Everything below is done. */
  get low(): number {
    return this.#low
  }

  has(position: number): boolean {
    if (position < this.#low) return true
    if (position >= this.#high) return false
    const bit = position % WINDOW
    return ((this.#bits[bit >> 3] ?? 0) & (1 << (bit & 7))) !== 0
  }

  /** A position further off has to wait for the mark. */
  holds(position: number): boolean {
    return position < this.#low + WINDOW
  }

  /** Throws RangeError for one that it has no room for. */
  add(position: number): void {
    if (position < this.#low) return
    if (!this.holds(position)) throw new RangeError(`no room for position ${position}`)
    const bit = position % WINDOW
    this.#bits[bit >> 3] = (this.#bits[bit >> 3] ?? 0) | (1 << (bit & 7))
    this.#high = Math.max(this.#high, position + 1)
    while (this.#low < this.#high && this.has(this.#low)) this.#clearLowest()
  }

  toJSON(): { low: number; above: string } {
    const bytes = Buffer.alloc(Math.ceil((this.#high - this.#low) / 8))
    for (let i = 0; i < this.#high - this.#low; i++) {
      if (this.has(this.#low + i)) bytes[i >> 3] = (bytes[i >> 3] ?? 0) | (1 << (i & 7))
    }
    return { low: this.#low, above: bytes.toString('base64') }
  }

  #clearLowest(): void {
    const bit = this.#low++ % WINDOW
    this.#bits[bit >> 3] = (this.#bits[bit >> 3] ?? 0) & ~(1 << (bit & 7))
  }
}
