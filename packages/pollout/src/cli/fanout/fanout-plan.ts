/** What a run is going to do, settled before its first connect: its targets in their order, and where it goes on. */
import type { Exclusions } from '../../targets/exclusions.js'
import { Order, WHOLE } from '../../targets/order.js'
import type { TargetSpace } from '../../targets/target-space.js'
import { CantWriteError, messageOf, UsageError } from '../common/exit-codes.js'
import type { Place } from '../common/file-place.js'
import {
  Checkpoint,
  type RunState,
  readCheckpoint,
  type SavedState,
  type Settings,
} from './checkpoint.js'
import { type FanoutCommandOptions, seedOf, settingsOf } from './fanout-options.js'
import { asTheyCome, inOrder, readSpace } from './fanout-targets.js'
import type { Numbered } from './feed.js'
import type { Input } from './input.js'
import { Ledger } from './ledger.js'
import type { Journal } from './outcome-writer.js'
import { NO_TAIL, type OutputFile } from './output-file.js'
import { runningProcess } from './process-mark.js'

export interface Plan {
  readonly source: Iterator<Numbered> | AsyncIterator<Numbered>
  /** Undefined in a stream: nobody knows. */
  readonly total: number | undefined
  /** Of the whole list, whatever the shard; in a stream so far. */
  readonly excluded: () => number
  /** Undefined: in the order of the list. */
  readonly seed: string | undefined
  /** Undefined without `--checkpoint`. */
  readonly journal: Journal | undefined
  /** What an earlier run has done of it. */
  readonly resumed: RunState | undefined
}

export interface PlanRequest {
  readonly items: readonly string[]
  readonly lists: readonly Input[]
  readonly exclusions: Exclusions
  readonly output: OutputFile | undefined
  readonly checkpoint: Place | undefined
  readonly options: FanoutCommandOptions
  readonly signal: AbortSignal
}

const NO_LIST = { total: undefined, seed: undefined, journal: undefined, resumed: undefined }

/** Throws UsageError. Undefined where the signal came first. */
export async function makePlan(request: PlanRequest): Promise<Plan | undefined> {
  const { items, lists, exclusions, output, options, signal } = request
  const { ports, stream } = options
  if (stream) {
    await output?.open()
    output?.cut(0, NO_TAIL)
    let excluded = 0
    const source = asTheyCome(items, lists[0], ports, exclusions, (more) => {
      excluded += more
    })
    return { ...NO_LIST, source, excluded: () => excluded }
  }
  const space = await readSpace(items, lists, ports, exclusions, signal)
  if (signal.aborted) return undefined
  if (space.size + space.excluded === 0) throw noTargets(lists)
  return planOf(space, request)
}

async function planOf(
  space: TargetSpace,
  { exclusions, output, checkpoint, options }: PlanRequest,
): Promise<Plan> {
  const digests = { targets: space.digest(), exclusions: exclusions.digest() }
  const settings = settingsOf(options, digests)
  const resumed = await earlierState(settings, options, checkpoint, output)
  const seed = resumed ? resumed.seed : seedOf(options)
  const order = new Order(space.size, options.shard ?? WHOLE, seed)
  // Nothing is made or changed before here.
  await output?.open()
  const journal = await openJournal(
    new Ledger(settings, seed, resumed),
    checkpoint,
    output,
    resumed,
  )
  // What stands behind the last confirmed line is of targets that are tried again.
  output?.cut(resumed?.outputBytes ?? 0, resumed?.tail ?? NO_TAIL)
  const source = inOrder(space, order, journal?.ledger.done)
  return { source, total: order.size, excluded: () => space.excluded, seed, journal, resumed }
}

async function openJournal(
  ledger: Ledger,
  checkpoint: Place | undefined,
  output: OutputFile | undefined,
  resumed: RunState | undefined,
): Promise<Journal | undefined> {
  if (checkpoint === undefined || output === undefined) return undefined
  const { outputBytes: bytes, tail } = resumed ?? { outputBytes: 0, tail: NO_TAIL }
  try {
    // The log's batches, which are a snapshot's from now on, were not synced.
    if (bytes > 0) await output.sync()
    const file = await Checkpoint.create(checkpoint.path, ledger.state({ bytes, tail }, false))
    return { file, output, ledger }
  } catch (error) {
    output.discard()
    // Whether the folder can be written to was asked before: it is the disk, and no slip of the pen.
    throw new CantWriteError(`can't write the checkpoint ${checkpoint.name}: ${messageOf(error)}`)
  }
}

/** The state to go on from; undefined for a run from the start. Throws UsageError where it can be neither. */
async function earlierState(
  settings: Settings,
  { resume, seed }: FanoutCommandOptions,
  place: Place | undefined,
  output: OutputFile | undefined,
): Promise<RunState | undefined> {
  if (place === undefined || output === undefined) return undefined
  if (!output.isRegular) {
    throw new UsageError(`--checkpoint needs -o of a regular file, which ${output.name} is not`)
  }
  const { name: checkpoint } = place
  const state = await readState(place, output)
  const pid = state && runningProcess(state.owner)
  if (pid !== undefined) {
    throw new UsageError(`${checkpoint} is in use by another run, process ${pid}; wait for its end`)
  }
  if (!resume) {
    if (state === undefined || state.complete) return undefined
    throw new UsageError(
      `${checkpoint} is there from a run that did not come to its end; add --resume to go on with it, or remove it`,
    )
  }
  if (state === undefined) {
    if (output.bytesInFile === 0) return undefined
    throw new UsageError(
      `can't resume: there is no ${checkpoint}, and yet ${output.name} is not empty; remove that to start again`,
    )
  }
  const different = Object.keys(settings).filter((name) => settings[name] !== state.settings[name])
  if (seed !== undefined && seed !== state.seed) different.push('--seed')
  if (different.length > 0) {
    throw new UsageError(
      `can't resume from ${checkpoint}: not as in the run that it is of: ${different.join(', ')}; give what that run was given, or remove ${checkpoint} and leave --resume out to start again`,
    )
  }
  const orStartAgain = `put it back as it was, or remove ${checkpoint} and leave --resume out to start again`
  if (output.bytesInFile < state.outputBytes) {
    throw new UsageError(
      `can't resume: ${output.name} has ${output.bytesInFile} bytes, and had ${state.outputBytes} on the disk when ${checkpoint} was saved: it was cut since, and nobody knows whose outcomes are lost; ${orStartAgain}`,
    )
  }
  if (!output.has(state.outputBytes, state.tail)) {
    throw new UsageError(
      `can't resume: ${output.name} is not the output that ${checkpoint} is of, or has been changed since; ${orStartAgain}`,
    )
  }
  return state
}

async function readState(
  { name, path }: Place,
  output: OutputFile,
): Promise<SavedState | undefined> {
  try {
    return await readCheckpoint(path, output)
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'ENOENT') return undefined
    const what =
      error instanceof TypeError ? messageOf(error) : `can't read ${name}: ${messageOf(error)}`
    throw new UsageError(what)
  }
}

export function noTargets(lists: readonly Input[]): UsageError {
  const where = lists.map(({ name }) => name).join(', ') || 'the arguments'
  return new UsageError(
    `no targets in ${where}; write one a line: host:port, a CIDR block with -p, or a URI`,
  )
}
