/** Gathers what a fan-out is to try, and what not: arguments, lists, exclusions. */
import { randomBytes } from 'node:crypto'
import { existsSync, openSync, statSync, unlinkSync, writeSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { addAbortSignal } from 'node:stream'
import { Exclusions } from '../../targets/exclusions.js'
import { type Line, LineSplitter, LONGEST_LINE } from '../../targets/line-splitter.js'
import { ListFile } from '../../targets/list-file.js'
import { contentOf, readLine } from '../../targets/listed-line.js'
import type { Order } from '../../targets/order.js'
import type { PortList } from '../../targets/ports.js'
import { TargetSpace } from '../../targets/target-space.js'
import { say } from '../common/console.js'
import { messageOf, UsageError } from '../common/exit-codes.js'
import type { DoneWindow } from './done-window.js'
import type { Numbered } from './feed.js'
import { type Input, unreadable } from './input.js'

/** Throws UsageError for an argument that is no target, and for a list that can't be read. */
export async function readSpace(
  items: readonly string[],
  lists: readonly Input[],
  ports: PortList | undefined,
  exclusions: Exclusions,
  signal: AbortSignal,
): Promise<TargetSpace> {
  const space = new TargetSpace(exclusions)
  for (const item of items) addItem(space, item, ports)
  for (const input of lists) {
    const list = await scan(input, ports, exclusions, signal)
    refusing(() => space.addList(list))
  }
  return space
}

function addItem(space: TargetSpace, item: string, ports: PortList | undefined): void {
  const isFile = existsSync(item) && !statSync(item).isDirectory()
  const hint = isFile ? `; for the list in that file, -l ${item}` : ''
  try {
    space.addItem(item, ports)
  } catch (error) {
    throw new UsageError(`${messageOf(error)}${hint}`)
  }
  // Both may be meant: who keeps a file for each host calls them alike.
  if (isFile) say(`${item} is tried as a host${hint}`)
}

/** Reads a list through once. What can't be read twice goes into a file that nobody else sees. */
async function scan(
  input: Input,
  ports: PortList | undefined,
  exclusions: Exclusions,
  signal: AbortSignal,
): Promise<ListFile> {
  const spool = input.fd === undefined ? openSpool() : undefined
  const list = new ListFile(input.fd ?? (spool as number), ports, exclusions)
  try {
    for await (const chunk of addAbortSignal(signal, input.stream)) {
      if (spool !== undefined) keep(spool, chunk)
      list.scan(chunk)
    }
  } catch (error) {
    if (error instanceof UsageError) throw error
    if (!signal.aborted) throw unreadable(input.name, error)
  }
  list.scan(Buffer.alloc(0))
  return list
}

/** Without a name from the start: it is gone with the process, however that ends. */
function openSpool(): number {
  const name = join(tmpdir(), `pollout-${randomBytes(8).toString('hex')}`)
  try {
    const fd = openSync(name, 'wx+', 0o600)
    unlinkSync(name)
    return fd
  } catch (error) {
    throw noSpool(error)
  }
}

function keep(spool: number, chunk: Buffer): void {
  try {
    for (let done = 0; done < chunk.length; ) done += writeSync(spool, chunk, done)
  } catch (error) {
    throw noSpool(error)
  }
}

function noSpool(error: unknown): UsageError {
  return new UsageError(
    `can't keep the list in ${tmpdir()}: ${messageOf(error)}; name a file with -l, set TMPDIR, or read it as it comes with --stream`,
  )
}

/** What is left of a run, in its order. */
export function* inOrder(
  space: TargetSpace,
  order: Order,
  done: DoneWindow | undefined,
): Generator<Numbered> {
  for (let position = done?.low ?? 0; position < order.size; position++) {
    if (done?.has(position)) continue
    yield { position, listed: space.at(order.indexAt(position)) }
  }
}

/** As they come. Rejects with what the input fails with. `onExcluded` is told how many are left out. */
export async function* asTheyCome(
  items: readonly string[],
  input: Input | undefined,
  ports: PortList | undefined,
  exclusions: Exclusions,
  onExcluded: (targets: number) => void,
): AsyncGenerator<Numbered> {
  const space = new TargetSpace(exclusions)
  for (const item of items) addItem(space, item, ports)
  onExcluded(space.excluded)
  for (let index = 0; index < space.size; index++) {
    yield { position: -1, listed: space.at(index) }
  }
  if (input === undefined) return
  const splitter = new LineSplitter()
  const targetsOf = function* (lines: Iterable<Line>) {
    for (const line of lines) {
      const read = readLine(line, ports, exclusions)
      onExcluded(read.excluded)
      for (let i = 0; i < read.count; i++) yield { position: -1, listed: read.at(i) }
    }
  }
  for await (const chunk of input.stream) yield* targetsOf(splitter.lines(chunk))
  yield* targetsOf(splitter.rest())
}

/** `--exclude` and the lines of `--exclude-file`. Throws UsageError. */
export async function readExclusions(
  items: readonly string[],
  lists: readonly Input[],
): Promise<Exclusions> {
  const exclusions = new Exclusions()
  refusing(() => {
    for (const item of items) exclusions.add(item)
  })
  for (const input of lists) {
    const splitter = new LineSplitter()
    try {
      for await (const chunk of input.stream)
        addLines(exclusions, splitter.lines(chunk), input.name)
      addLines(exclusions, splitter.rest(), input.name)
    } catch (error) {
      throw error instanceof UsageError ? error : unreadable(input.name, error)
    }
  }
  return exclusions
}

/** Not passed over as a target's would be: what must not be touched might be. */
function addLines(exclusions: Exclusions, lines: Iterable<Line>, name: string): void {
  for (const line of lines) {
    const { text, isCut } = contentOf(line)
    try {
      if (isCut) throw new Error(`longer than ${LONGEST_LINE} bytes`)
      if (text !== '') exclusions.add(text)
    } catch (error) {
      throw new UsageError(`${name}, line ${line.number}: ${messageOf(error)}`)
    }
  }
}

/** What a user wrote on the command line is refused before anything is tried. */
function refusing(action: () => void): void {
  try {
    action()
  } catch (error) {
    throw new UsageError(messageOf(error))
  }
}
