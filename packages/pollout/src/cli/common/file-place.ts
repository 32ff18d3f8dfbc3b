/**
 * Which file a name leads to, before it is opened, and where there is none yet: links are followed, and spellings, links
 * and hard links of one file are alike. What stands on a file system that takes `A` and `a` for one is not seen.
 */
import { type BigIntStats, readlinkSync, realpathSync, statSync } from 'node:fs'
import { basename, dirname, join, resolve } from 'node:path'

/** As many as the kernel follows: path_resolution(7). */
const MOST_LINKS = 40

export interface Place {
  /** As it was given. */
  readonly name: string
  /** Without links in it: what is made or replaced here is the file itself. */
  readonly path: string
  /** Undefined where there is no file yet. */
  readonly stat: BigIntStats | undefined
  /** Of one file the same, whatever leads to it. */
  readonly identities: readonly string[]
  /** It is standard output under another name: `-`, `/dev/stdout`, `/proc/self/fd/1`. */
  readonly isStandardOutput: boolean
}

/** Throws the system's error where there can't be such a file. */
export function placeOf(name: string): Place {
  if (name === '-') return standardOutputPlace(name)
  let path = resolve(name)
  for (let links = 0; ; links++) {
    const folder = realpathSync(dirname(path))
    path = join(folder, basename(path))
    if (isDescriptor(path, 1)) return standardOutputPlace(name)
    const target = linkTarget(path)
    // What /proc shows as a link of an open file may be the name of nothing.
    if (target === undefined || folder.startsWith('/proc/')) break
    if (links === MOST_LINKS) throw new Error('it is a link that leads nowhere')
    path = resolve(folder, target)
  }
  const stat = statSync(path, { bigint: true, throwIfNoEntry: false })
  if (stat?.isDirectory() || name.endsWith('/')) throw new Error('it is a folder')
  const folder = statSync(dirname(path), { bigint: true })
  const spot = `${folder.dev}:${folder.ino}/${basename(path)}`
  const inode = identitiesOf(stat)
  const identities = stat && inode.length === 0 ? [] : [spot, ...inode]
  return { name, path, stat, identities, isStandardOutput: false }
}

/** What is read or written for ever, as terminals are, may be used twice; bytes that are somebody's may not. */
export function identitiesOf(stat: BigIntStats | undefined): readonly string[] {
  const isShared = stat === undefined || stat.isCharacterDevice() || stat.isSocket()
  return isShared ? [] : [`${stat.dev}:${stat.ino}`]
}

/** Whether a name stands for one of this process's descriptors. */
function isDescriptor(path: string, fd: number): boolean {
  const [, number] = DESCRIPTOR.exec(path) ?? []
  return number === String(fd)
}

const DESCRIPTOR = new RegExp(
  `^(?:/dev/fd|/proc/${process.pid}(?:/task/${process.pid})?/fd)/(\\d+)$`,
)

function standardOutputPlace(name: string): Place {
  return { name, path: name, stat: undefined, identities: [], isStandardOutput: true }
}

/** Undefined for what is no link. */
function linkTarget(path: string): string | undefined {
  try {
    return readlinkSync(path)
  } catch {
    return undefined
  }
}
