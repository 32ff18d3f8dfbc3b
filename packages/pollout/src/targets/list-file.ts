/** A list in a file: read once to find its targets, then again at the places that are asked for. */
import { createHash, type Hash } from 'node:crypto'
import { readSync } from 'node:fs'
import { type Block, BlockIndex } from './block-index.js'
import { type Exclusions, NOTHING_EXCLUDED } from './exclusions.js'
import { LINE_FEED, type Line, LineSplitter, LONGEST_LINE } from './line-splitter.js'
import { type Listed, type ListedLine, readLine } from './listed-line.js'
import type { PortList } from './ports.js'

const LARGE_READ = 256 * 1_024

export class ListFile {
  readonly #fd: number
  readonly #ports: PortList | undefined
  readonly #exclusions: Exclusions
  #excluded = 0
  readonly #index = new BlockIndex()
  readonly #hash: Hash = createHash('sha256')
  readonly #splitter = new LineSplitter()
  /** For blocks, of which all but absurd ones fit, and where in the file what it holds begins. */
  readonly #scratch = Buffer.allocUnsafe(LARGE_READ)
  #scratchStart = -1

  /** The descriptor stays its owner's; it must be of something with places, that is: a regular file. */
  constructor(fd: number, ports: PortList | undefined, exclusions: Exclusions = NOTHING_EXCLUDED) {
    this.#fd = fd
    this.#ports = ports
    this.#exclusions = exclusions
  }

  get count(): number {
    return this.#index.targets
  }

  /** Targets that are not in its count. */
  get excluded(): number {
    return this.#excluded
  }

  /** Takes the next bytes of the file into the index; an empty chunk is the end. */
  scan(chunk: Buffer): void {
    this.#hash.update(chunk)
    const lines = chunk.length > 0 ? this.#splitter.lines(chunk) : this.#splitter.rest()
    for (const line of lines) {
      const { count, excluded } = this.#read(line)
      this.#index.add(count, line.endOffset)
      this.#excluded += excluded
    }
  }

  /** Of its bytes. To be asked for once, at the end of the scan. */
  digest(): string {
    return this.#hash.digest('hex')
  }

  /** Throws where the file is no longer what it was. */
  at(target: number): Listed {
    const block = this.#index.find(target)
    const rest = target - block.targetsBefore
    const listed =
      block.targetsPerLine > 0 && block.end - block.start <= LARGE_READ
        ? this.#inUniform(block, rest)
        : this.#inAny(block, rest)
    if (listed) return listed
    throw new ListChangedError()
  }

  /** The usual case: only the one line is looked at. */
  #inUniform({ start, end, firstLine, targetsPerLine }: Block, rest: number): Listed | undefined {
    if (this.#scratchStart !== start) {
      this.#scratchStart = -1
      if (readSync(this.#fd, this.#scratch, 0, end - start, start) < end - start) return undefined
      this.#scratchStart = start
    }
    const bytes = this.#scratch
    const nth = Math.floor(rest / targetsPerLine)
    let from = 0
    for (let i = 0; i < nth; i++) from = bytes.indexOf(LINE_FEED, from) + 1
    const found = bytes.indexOf(LINE_FEED, from)
    const to = found === -1 ? end - start : Math.min(found, end - start)
    if (to - from > LONGEST_LINE || to < from) return this.#inAny({ start, end, firstLine }, rest)
    const text = bytes.toString('utf8', from, to)
    const line = { number: firstLine + nth, text, overlong: false, endOffset: start + to }
    const read = this.#read(line)
    return read.count === targetsPerLine ? read.at(rest % targetsPerLine) : undefined
  }

  #inAny({ start, end, firstLine }: Pick<Block, 'start' | 'end' | 'firstLine'>, nth: number) {
    let rest = nth
    for (const line of this.#lines(start, end, firstLine)) {
      const read = this.#read(line)
      if (rest < read.count) return read.at(rest)
      rest -= read.count
    }
    return undefined
  }

  #read(line: Line): ListedLine {
    return readLine(line, this.#ports, this.#exclusions)
  }

  *#lines(start: number, end: number, firstLine: number): Generator<Line, void, undefined> {
    const splitter = new LineSplitter(firstLine - 1)
    for (let offset = start; offset < end; ) {
      const buffer = Buffer.allocUnsafe(Math.min(LARGE_READ, end - offset))
      const length = readSync(this.#fd, buffer, 0, buffer.length, offset)
      if (length === 0) break
      yield* splitter.lines(buffer.subarray(0, length))
      offset += length
    }
    yield* splitter.rest()
  }
}

/** What is tried, and what is counted as done, would no longer be what the list says. */
export class ListChangedError extends Error {
  override readonly name = 'ListChangedError'

  constructor() {
    super('the list was changed while it was being used')
  }
}
