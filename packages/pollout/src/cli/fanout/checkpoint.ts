/**
 * How far a run has come, in a file that is right at any moment, whatever kills the process.
 *
 * Its first line is a snapshot: what the run is, which positions are done, how long the output then was. Each line after it
 * is a batch: positions whose outcomes the kernel has since taken, and the output's length with them. All that a run keeps
 * in memory of what it has done stands in the one or the other. A batch's lines go to the output first and to this file
 * second, and are believed as far as they agree: each line here has a checksum of itself, and each batch one of what it
 * has added to the output. At the first that does not fit, a run goes on from the one before it; what was tried since is
 * tried again, as if it had been in flight.
 *
 * - killed before the output has all of a batch, or before this file has its line: the output is cut to the length of the
 *   last batch that stands here.
 * - killed while this file is written to: a last line without its end does not count.
 * - a power failure leaves of either file what the disk has: less than was written, or zeros in its place.
 *
 * A snapshot takes the place of snapshot and batches now and then, by rename(2), which puts the new file there whole or not
 * at all. It goes to the disk before (fsync(2)), and what the output has before that: so after a power failure, too, there is
 * a state to go on from. Single batches are not synced: of those a power failure may cost the last {@link SNAPSHOT_MS}.
 */
import { type FileHandle, open } from 'node:fs/promises'
import { isFanoutKind } from '../../outcomes/outcome-row.js'
import { Counts, type TallyRow } from '../../outcomes/tally.js'
import { DoneWindow } from './done-window.js'
import type { Tail } from './output-file.js'
import { ownMark } from './process-mark.js'
import { replaceFile } from './replace-file.js'
import { sumOf } from './sum.js'

/** What must be the same for a run to go on; names are for messages. */
export type Settings = Readonly<Record<string, string>>

export interface RunState {
  readonly settings: Settings
  /** Undefined: the targets are tried in the order of the list. */
  readonly seed: string | undefined
  readonly done: DoneWindow
  readonly counts: readonly TallyRow[]
  /** Length of the output with the outcomes of all that is done. */
  readonly outputBytes: number
  /** What it then ends with. */
  readonly tail: Tail
  readonly complete: boolean
}

/** As it is read back. */
export interface SavedState extends RunState {
  /** Of the process that has written it: {@link ownMark}. */
  readonly owner: string
}

/** What a write to the output has made sure of. */
export interface Batch {
  readonly done: readonly number[]
  readonly counts: readonly TallyRow[]
  readonly outputBytes: number
  /** All that the batch has added. */
  readonly tail: Tail
}

/** What tells whether the output has what was written to it: {@link OutputFile.has}. */
export interface WrittenOutput {
  has(end: number, tail: Tail): boolean
}

/** 2: with checksums, and excluded targets have no positions. 3: v4-mapped targets are excluded by IPv6 blocks that hold them. */
const FORMAT = 3
const SNAPSHOT_MS = 5_000
/** Reading it back must not take long either. */
const MOST_LOG_BYTES = 4 * 1_024 * 1_024

export class Checkpoint {
  readonly name: string
  #handle: FileHandle
  #logBytes = 0
  #snapshotAt = performance.now()

  private constructor(name: string, handle: FileHandle) {
    this.name = name
    this.#handle = handle
  }

  /** Puts a snapshot in place of what is there. Rejects with the system's error. */
  static async create(name: string, state: RunState): Promise<Checkpoint> {
    return new Checkpoint(name, await replace(name, state))
  }

  /** It is time for {@link Checkpoint.snapshot}. */
  get isDue(): boolean {
    return this.#logBytes > MOST_LOG_BYTES || performance.now() - this.#snapshotAt > SNAPSHOT_MS
  }

  /** Resolves when the kernel has it. */
  async append(batch: Batch): Promise<void> {
    const line = Buffer.from(`${summed(batch)}\n`)
    await this.#handle.writeFile(line)
    this.#logBytes += line.length
  }

  async snapshot(state: RunState): Promise<void> {
    const handle = await replace(this.name, state)
    await this.#handle.close()
    this.#handle = handle
    this.#logBytes = 0
    this.#snapshotAt = performance.now()
  }

  close(): Promise<void> {
    return this.#handle.close()
  }
}

function replace(name: string, state: RunState): Promise<FileHandle> {
  const snapshot = summed({ owner: ownMark(), ...state })
  return replaceFile(name, `pollout checkpoint ${FORMAT} ${snapshot}\n`, 0o600)
}

/**
 * Goes on to the last batch that the output has. Rejects with the system's error, ENOENT where there is none; with a
 * TypeError, one line, where it is no checkpoint, or one of another version or another output.
 */
export async function readCheckpoint(name: string, output: WrittenOutput): Promise<SavedState> {
  const [first = '', ...batches] = await readLines(name)
  const [, format, snapshot] =
    /^(?:pollout checkpoint|\{"format":"pollout checkpoint) (\d+)(.*)$/s.exec(first) ?? []
  if (format !== undefined && Number(format) !== FORMAT) {
    throw new TypeError(
      `${name} is of another version of pollout, ${format}: end the run with that one, or remove the file to start again`,
    )
  }
  let state: SavedState
  try {
    state = readSnapshot(unsummed(snapshot?.trimStart() ?? ''))
  } catch {
    throw new TypeError(`${name} is no checkpoint of this program, or a damaged one`)
  }
  return withBatches(state, batches, output)
}

/** What comes behind the last line's end is one that was not finished. */
async function readLines(name: string): Promise<readonly string[]> {
  const handle = await open(name, 'r')
  try {
    return (await handle.readFile('utf8')).split('\n').slice(0, -1)
  } finally {
    await handle.close()
  }
}

function summed(value: object): string {
  const text = JSON.stringify(value)
  return `${sumOf(text)} ${text}`
}

function unsummed(line: string): Record<string, unknown> {
  const space = line.indexOf(' ')
  const text = line.slice(space + 1)
  if (space === -1 || sumOf(text) !== line.slice(0, space)) throw new TypeError('no such line')
  return JSON.parse(text)
}

function readSnapshot(value: Record<string, unknown>): SavedState {
  const { owner, settings, seed, done, counts, outputBytes, tail, complete } = value
  const isRight = typeof settings === 'object' && settings !== null
  if (!isRight || (seed !== undefined && typeof seed !== 'string'))
    throw new TypeError('no snapshot')
  return {
    settings: settings as Settings,
    seed,
    done: DoneWindow.from(done),
    counts: readCounts(counts),
    outputBytes: readWhole(outputBytes),
    tail: readTail(tail),
    complete: complete === true,
    owner: String(owner),
  }
}

function withBatches(
  state: SavedState,
  lines: readonly string[],
  output: WrittenOutput,
): SavedState {
  const counts = new Counts()
  counts.addAll(state.counts)
  let { outputBytes, tail } = state
  for (const line of lines) {
    const batch = readBatch(line)
    // A batch has nothing to add to the output where none of its outcomes are to be shown.
    const isWritten = batch && output.has(batch.outputBytes, batch.tail)
    if (!isWritten || batch.outputBytes !== outputBytes + batch.tail.bytes) break
    for (const position of batch.done) state.done.add(position)
    counts.addAll(batch.counts)
    outputBytes = batch.outputBytes
    if (batch.tail.bytes > 0) tail = batch.tail
  }
  return { ...state, counts: [...counts.rows], outputBytes, tail }
}

/** Undefined for what the disk did not get, or not whole. */
function readBatch(line: string): Batch | undefined {
  try {
    const { done, counts, outputBytes, tail } = unsummed(line)
    return {
      done: readArray(done).map(readWhole),
      counts: readCounts(counts),
      outputBytes: readWhole(outputBytes),
      tail: readTail(tail),
    }
  } catch {
    return undefined
  }
}

function readArray(value: unknown): readonly unknown[] {
  if (Array.isArray(value)) return value
  throw new TypeError('no list')
}

function readCounts(value: unknown): readonly TallyRow[] {
  return readArray(value).map((row) => {
    const { kind, code, count } = row as Record<string, unknown>
    if (!isFanoutKind(kind) || typeof code !== 'string') throw new TypeError('no count')
    return { kind, code, count: readWhole(count) }
  })
}

function readTail(value: unknown): Tail {
  const { bytes, sum } = value as Record<string, unknown>
  return { bytes: readWhole(bytes), sum: String(sum) }
}

function readWhole(value: unknown): number {
  if (Number.isSafeInteger(value) && Number(value) >= 0) return Number(value)
  throw new TypeError('no count')
}
