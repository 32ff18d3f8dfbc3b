/**
 * Histograms of times: HDR, as Gil Tene's HdrHistogram has them. Values up to a power of two stand in buckets that are as wide as
 * three significant digits need, and each power of two above has buckets twice as wide. So a time is off by a thousandth of
 * itself at most, whatever it is, and to merge two is to add their counts: nothing is lost by it.
 *
 * Written in its V2 encoding (https://github.com/HdrHistogram/HdrHistogram, EncodableHistogram), which its tools read. This and
 * not the library `hdr-histogram-js`: that has a WebAssembly loader in it which can't be bundled, as it brings no licence to pass on.
 */
import { deflateSync, inflateSync } from 'node:zlib'

/** Times are kept in units of 100 ns: what clocks and timers can tell here. */
const UNITS_IN_MS = 10_000
const LONGEST_UNITS = 24 * 3_600_000 * UNITS_IN_MS

const SIGNIFICANT_DIGITS = 3
/** The least power of two that is twice as many as three digits tell apart. */
const SUB_BUCKETS = 2_048
const HALF = SUB_BUCKETS / 2
const HALF_BITS = 10
/** Up to and with that of the longest time. */
const BUCKETS = Math.ceil(Math.log2((LONGEST_UNITS + 1) / SUB_BUCKETS)) + 1
const COUNTS = (BUCKETS + 1) * HALF

/** Of the encoding: "V2", and that the word size does not matter. */
const COOKIE = 0x1c849303 | 0x10
const COMPRESSED_COOKIE = 0x1c849304 | 0x10
const HEADER_BYTES = 40
/** What one that was made elsewhere may unfold to. */
const MOST_BYTES = 9 * COUNTS + HEADER_BYTES

/**
 * Counts times in milliseconds, with three significant digits.
 *
 * @example
 * ```ts
 * import { Histogram } from '@pollout/load'
 *
 * const histogram = new Histogram()
 * for (const ms of [1, 2, 3, 4, 100]) histogram.record(ms)
 * histogram.quantile(0.5) // 3
 * Histogram.decode(histogram.encode()).count // 5
 * ```
 */
export class Histogram {
  /** Grows as far as there are values. */
  #counts = new Float64Array(4 * HALF)
  #count = 0
  #least = Number.POSITIVE_INFINITY
  #most = 0
  #sum = 0
  #squares = 0

  /** Negative times, which clocks of two machines may give, count as 0; what never was (NaN) is left out. Longest: a day. */
  record(ms: number): void {
    if (Number.isNaN(ms)) return
    this.#add(Math.round(Math.min(LONGEST_UNITS, Math.max(0, ms * UNITS_IN_MS))), 1)
  }

  get count(): number {
    return this.#count
  }

  /** Milliseconds; NaN where nothing was recorded, as of all that follow. */
  get minMs(): number {
    return this.#ms(this.#least)
  }

  get maxMs(): number {
    return this.#ms(this.#most)
  }

  get meanMs(): number {
    return this.#ms(this.#sum / this.#count)
  }

  get standardDeviationMs(): number {
    const mean = this.#sum / this.#count
    return this.#ms(Math.sqrt(Math.max(0, this.#squares / this.#count - mean * mean)))
  }

  /** The time that this share of all does not exceed: 0.99 for p99. As HdrHistogram has it, the upper end of its bucket. */
  quantile(share: number): number {
    const wanted = Math.max(1, Math.ceil(Math.min(1, share) * this.#count - 1e-9))
    let reached = 0
    for (let index = 0; index < this.#counts.length; index++) {
      reached += this.#counts[index] as number
      if (reached >= wanted) return this.#ms(Math.min(this.#most, highestOf(index)))
    }
    return Number.NaN
  }

  /** The values that were recorded, each with its count: the upper end of each bucket that is not empty, in milliseconds. */
  *entries(): IterableIterator<readonly [ms: number, count: number]> {
    for (let index = 0; index < this.#counts.length; index++) {
      const count = this.#counts[index] as number
      if (count > 0) yield [Math.min(this.#most, highestOf(index)) / UNITS_IN_MS, count]
    }
  }

  /** Adds all of another one. */
  add(other: Histogram): void {
    this.#room(other.#counts.length)
    for (let index = 0; index < other.#counts.length; index++) {
      this.#counts[index] = (this.#counts[index] as number) + (other.#counts[index] as number)
    }
    this.#count += other.#count
    this.#sum += other.#sum
    this.#squares += other.#squares
    this.#least = Math.min(this.#least, other.#least)
    this.#most = Math.max(this.#most, other.#most)
  }

  reset(): void {
    this.#counts.fill(0)
    this.#count = 0
    this.#sum = 0
    this.#squares = 0
    this.#least = Number.POSITIVE_INFINITY
    this.#most = 0
  }

  /** HdrHistogram's V2 encoding, compressed, as base64; its unit is 100 ns. */
  encode(): string {
    const payload = this.#payload()
    const whole = Buffer.alloc(HEADER_BYTES)
    whole.writeInt32BE(COOKIE, 0)
    whole.writeInt32BE(payload.length, 4)
    whole.writeInt32BE(0, 8)
    whole.writeInt32BE(SIGNIFICANT_DIGITS, 12)
    whole.writeBigInt64BE(1n, 16)
    whole.writeBigInt64BE(BigInt(Math.max(2, LONGEST_UNITS)), 24)
    whole.writeDoubleBE(1, 32)
    const compressed = deflateSync(Buffer.concat([whole, payload]))
    const head = Buffer.alloc(8)
    head.writeInt32BE(COMPRESSED_COOKIE, 0)
    head.writeInt32BE(compressed.length, 4)
    return Buffer.concat([head, compressed]).toString('base64')
  }

  /** Throws RangeError for what is none, or has other digits or units than these. */
  static decode(text: string): Histogram {
    const bytes = Buffer.from(text, 'base64')
    if (bytes.length < 8 || bytes.readInt32BE(0) !== COMPRESSED_COOKIE) throw invalid()
    const whole = inflated(bytes.subarray(8))
    const isKnown =
      whole.length >= HEADER_BYTES &&
      whole.readInt32BE(0) === COOKIE &&
      whole.readInt32BE(4) === whole.length - HEADER_BYTES &&
      whole.readInt32BE(8) === 0 &&
      whole.readInt32BE(12) === SIGNIFICANT_DIGITS &&
      whole.readBigInt64BE(16) === 1n
    if (!isKnown) throw invalid()
    const histogram = new Histogram()
    let index = 0
    for (const count of zigZags(whole.subarray(HEADER_BYTES))) {
      if (count < 0) index -= count
      else if (index >= COUNTS) throw invalid()
      else histogram.#add(middleOf(index++), count)
    }
    return histogram
  }

  /** Counts as zigzag LEB128; so many zeros in a row as one negative number. */
  #payload(): Buffer {
    const bytes: number[] = []
    const end = this.#count === 0 ? 0 : indexOf(this.#most) + 1
    for (let index = 0; index < end; ) {
      let zeros = 0
      while (index < end && this.#counts[index] === 0) {
        zeros++
        index++
      }
      if (zeros > 0) pushZigZag(bytes, -zeros)
      if (index < end) pushZigZag(bytes, this.#counts[index++] as number)
    }
    return Buffer.from(bytes)
  }

  #add(units: number, count: number): void {
    if (count === 0) return
    const index = indexOf(units)
    this.#room(index + 1)
    this.#counts[index] = (this.#counts[index] as number) + count
    this.#count += count
    this.#sum += units * count
    this.#squares += units * units * count
    if (units < this.#least) this.#least = units
    if (units > this.#most) this.#most = units
  }

  #room(length: number): void {
    if (length <= this.#counts.length) return
    const larger = new Float64Array(Math.ceil(length / HALF) * HALF)
    larger.set(this.#counts)
    this.#counts = larger
  }

  #ms(units: number): number {
    return this.#count === 0 ? Number.NaN : units / UNITS_IN_MS
  }
}

/** Which power of two beyond the first bucket's it has; 0 in the first. */
function bucketOf(units: number): number {
  if (units < SUB_BUCKETS) return 0
  // Of a whole number below 2^53 the exponent is exact.
  return Math.floor(Math.log2(units + 0.5)) - HALF_BITS
}

function indexOf(units: number): number {
  const bucket = bucketOf(units)
  return bucket * HALF + Math.floor(units / 2 ** bucket)
}

/** The first value of it, and how many values stand in it. */
function spanOf(index: number): readonly [first: number, width: number] {
  if (index < SUB_BUCKETS) return [index, 1]
  const bucket = Math.floor(index / HALF) - 1
  const width = 2 ** bucket
  return [(index - bucket * HALF) * width, width]
}

function highestOf(index: number): number {
  const [first, width] = spanOf(index)
  return first + width - 1
}

function middleOf(index: number): number {
  const [first, width] = spanOf(index)
  return first + Math.floor(width / 2)
}

function pushZigZag(bytes: number[], value: number): void {
  // By arithmetic, as counts may be above 2^31.
  let left = value < 0 ? -2 * value - 1 : 2 * value
  for (; left >= 128; left = Math.floor(left / 128)) bytes.push((left % 128) | 128)
  bytes.push(left)
}

function* zigZags(bytes: Buffer): IterableIterator<number> {
  for (let at = 0; at < bytes.length; ) {
    let value = 0
    let scale = 1
    for (let more = true; more; scale *= 128) {
      if (at === bytes.length || scale > 2 ** 56) throw invalid()
      const byte = bytes[at++] as number
      value += (byte & 127) * scale
      more = byte >= 128
    }
    yield value % 2 === 0 ? value / 2 : -(value + 1) / 2
  }
}

function inflated(bytes: Buffer): Buffer {
  try {
    return inflateSync(bytes, { maxOutputLength: MOST_BYTES })
  } catch {
    throw invalid()
  }
}

function invalid(): RangeError {
  return new RangeError(
    'this is no histogram of HdrHistogram, V2, with three digits and a unit of 1',
  )
}
