/**
 * Every file of a run, known by what it is and not by how it is called. Before anything is made, cut or opened for
 * writing: a file that is read is never written to, no two outputs are one file, and no other run writes to them.
 */
import { accessSync, constants, fstatSync } from 'node:fs'
import { dirname } from 'node:path'
import { say } from '../common/console.js'
import { messageOf, UsageError } from '../common/exit-codes.js'
import { identitiesOf, type Place, placeOf } from '../common/file-place.js'
import type { FanoutCommandOptions } from './fanout-options.js'
import { takeLock } from './file-lock.js'
import type { Input } from './input.js'
import { temporaryOf } from './replace-file.js'

export interface Outputs {
  /** Undefined: standard output. */
  readonly output: Place | undefined
  readonly checkpoint: Place | undefined
  readonly report: Place | undefined
}

/** A file with what it is to the user, for messages. */
interface Role {
  readonly what: string
  readonly identities: readonly string[]
  /** Standard output and standard error may be one: `2>&1`. */
  readonly isStandard?: boolean
}

/** Throws UsageError, and has changed nothing then. */
export function outputsOf(options: FanoutCommandOptions, inputs: readonly Input[]): Outputs {
  const output = outputPlace('', options.output)
  const checkpoint = outputPlace('the checkpoint ', options.checkpoint)
  const report = outputPlace('the report to ', options.report)
  if (checkpoint?.isStandardOutput || (checkpoint?.stat && !checkpoint.stat.isFile())) {
    throw new UsageError(`--checkpoint needs a regular file, which ${checkpoint.name} is not`)
  }
  const hasOutput = output !== undefined && !output.isStandardOutput
  if (!hasOutput && report?.isStandardOutput) {
    throw new UsageError(
      'standard output has the outcomes; name a file for them, with -o, or for the report',
    )
  }
  const outputs = { output: hasOutput ? output : undefined, checkpoint, report }
  const usesStandardOutput = !hasOutput || report?.isStandardOutput === true
  refuseClashes(inputs, [...rolesOf(outputs, usesStandardOutput)])
  return outputs
}

/** Of each until this process ends. Rejects with UsageError where another run has one of them. */
export async function lockOutputs({ checkpoint, output, report }: Outputs): Promise<void> {
  for (const place of [checkpoint, output, report]) {
    // Pipes and devices take what many write.
    if (place && (place.stat?.isFile() ?? true)) await lockFile(place)
  }
}

/** To be asked again for a file that was not there before: hard links lead to it from now on. */
export async function lockFile({ name, identities }: Place): Promise<void> {
  for (const identity of identities) {
    const holder = await takeLock(identity).catch((error) => {
      say(`can't see whether another run writes to ${name}: ${messageOf(error)}`)
      return undefined
    })
    if (holder === undefined) continue
    const who = holder === 0 ? '' : `, process ${holder}`
    throw new UsageError(`${name} is in use by another run${who}; wait for its end`)
  }
}

function outputPlace(what: string, name: string | undefined): Place | undefined {
  if (name === undefined) return undefined
  try {
    const place = placeOf(name)
    if (place.isStandardOutput) return place
    // Better now than after hours. What is replaced needs the folder, what is only written to does not.
    if (place.stat) accessSync(place.path, constants.W_OK)
    const isMade = place.stat === undefined || (what !== '' && place.stat.isFile())
    if (isMade) accessSync(dirname(place.path), constants.W_OK | constants.X_OK)
    return place
  } catch (error) {
    throw new UsageError(`can't write ${what === '' ? 'to ' : what}${name}: ${messageOf(error)}`)
  }
}

function refuseClashes(inputs: readonly Input[], outputs: readonly Role[]): void {
  for (const [i, output] of outputs.entries()) {
    const read = inputs.find((input) => isSame(input, output))
    if (read) {
      throw new UsageError(
        `${output.what} is ${read.name}, which this run reads: it would be overwritten; name another file`,
      )
    }
    const other = outputs.slice(0, i).find((before) => isSame(before, output))
    if (other === undefined || (other.isStandard && output.isStandard)) continue
    throw new UsageError(`${other.what} and ${output.what} are one file; name two`)
  }
}

function isSame(a: Pick<Role, 'identities'>, b: Pick<Role, 'identities'>): boolean {
  return a.identities.some((identity) => b.identities.includes(identity))
}

/** All that is written to, standard error too. */
function* rolesOf(
  { output, checkpoint, report }: Outputs,
  usesStandardOutput: boolean,
): Generator<Role> {
  if (output) yield { what: `-o ${output.name}`, identities: output.identities }
  for (const [option, place] of [
    ['--checkpoint', checkpoint],
    ['--report', report],
  ] as const) {
    if (place === undefined || place.isStandardOutput) continue
    yield { what: `${option} ${place.name}`, identities: place.identities }
    const temporary = placeOf(temporaryOf(place.path))
    yield { what: `${temporary.name}, which ${option} needs,`, identities: temporary.identities }
  }
  if (usesStandardOutput) yield standard('standard output', 1)
  yield standard('standard error', 2)
}

function standard(what: string, fd: number): Role {
  return { what, identities: identitiesOf(fstatSync(fd, { bigint: true })), isStandard: true }
}
