/**
 * How far a run has come, in a file that is right at any moment, whatever kills the process.
 *
 * Its first line is a snapshot: what the run is, which positions are done, how long the output then was. Each line after it
 * is a batch: positions whose outcomes the kernel has since taken, and the output's length with them. A batch's lines go to
 * the output first and to this file second, so what a run resumes from never promises more than there is:
 *
 * - killed before the output has all of a batch, or before this file has its line: the output is cut to the length of the
 *   last batch that stands here, and those targets are tried again. They are as good as in flight.
 * - killed while this file is written to: a last line without its end does not count.
 *
 * A snapshot takes the place of snapshot and batches now and then, by rename(2), which puts the new file there whole or not
 * at all. It goes to the disk before (fsync(2)), and what the output has before that: so after a power failure, too, there is
 * a state to go on from. Single batches are not synced: of those a power failure may cost the last {@link SNAPSHOT_MS}.
 */
import { type FileHandle, open, rename, rm } from 'node:fs/promises'
import { dirname } from 'node:path'
import { DoneWindow } from './done-window.js'
import { isFanoutKind } from './outcome-row.js'
import { ownMark } from './process-mark.js'
import { Counts, type TallyRow } from './tally.js'

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
}

const FORMAT = 'pollout checkpoint 2'
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
    const line = Buffer.from(`${JSON.stringify(batch)}\n`)
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

/** The new file is open for what is to be appended. */
async function replace(name: string, state: RunState): Promise<FileHandle> {
  const temporary = `${name}.tmp`
  const handle = await open(temporary, 'w', 0o600)
  try {
    await handle.writeFile(`${JSON.stringify({ format: FORMAT, owner: ownMark(), ...state })}\n`)
    await handle.sync()
    await rename(temporary, name)
    await syncFolder(dirname(name))
  } catch (error) {
    await handle.close()
    await rm(temporary, { force: true })
    throw error
  }
  return handle
}

/**
 * rename(2) changes the folder, which is a file of its own: fsync(2), notes. Not every file system can do that; the
 * checkpoint is there all the same, and only a power failure could tell the difference.
 */
async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r')
  await handle.sync().catch(() => {})
  await handle.close()
}

/** Rejects with the system's error, ENOENT where there is none; with a TypeError where it is no checkpoint. */
export async function readCheckpoint(name: string): Promise<SavedState> {
  const handle = await open(name, 'r')
  try {
    const text = await handle.readFile('utf8')
    // What comes behind the last line's end is one that was not finished.
    const [snapshot = '', ...batches] = text.split('\n').slice(0, -1)
    return withBatches(readSnapshot(snapshot), batches)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).errno !== undefined) throw error
    throw new TypeError(`${name} is no checkpoint of this program, or a damaged one`)
  } finally {
    await handle.close()
  }
}

function readSnapshot(text: string): SavedState {
  const { format, owner, settings, seed, done, counts, outputBytes, complete } = JSON.parse(text)
  const isRight = format === FORMAT && typeof settings === 'object' && settings !== null
  if (!isRight || (seed !== undefined && typeof seed !== 'string'))
    throw new TypeError('no snapshot')
  return {
    settings,
    seed,
    done: DoneWindow.from(done),
    counts: counts.map(readCount),
    outputBytes: readWhole(outputBytes),
    complete: complete === true,
    owner: String(owner),
  }
}

function withBatches(state: SavedState, lines: readonly string[]): SavedState {
  const counts = new Counts()
  counts.addAll(state.counts)
  let { outputBytes } = state
  for (const line of lines) {
    const batch = JSON.parse(line)
    for (const position of batch.done) state.done.add(readWhole(position))
    counts.addAll(batch.counts.map(readCount))
    outputBytes = readWhole(batch.outputBytes)
  }
  return { ...state, counts: [...counts.rows], outputBytes }
}

function readCount({ kind, code, count }: Record<string, unknown>): TallyRow {
  if (!isFanoutKind(kind) || typeof code !== 'string') throw new TypeError('no count')
  return { kind, code, count: readWhole(count) }
}

function readWhole(value: unknown): number {
  if (Number.isSafeInteger(value) && Number(value) >= 0) return Number(value)
  throw new TypeError('no count')
}
