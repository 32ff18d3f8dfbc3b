/** What the bench runs on: the numbers mean little without it. */
import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { availableParallelism, cpus, loadavg, release } from 'node:os'

export interface Machine {
  readonly cpu: string
  readonly cores: number
  readonly kernel: string
  readonly node: string
  /** Of the minute before the run. */
  readonly load: number
  readonly openFilesLimit: number
  /** The cores of client and server; undefined where they can't be held apart. */
  readonly pinned: { readonly client: number; readonly server: number } | undefined
}

/** Of util-linux; runs a program on one core. */
export const PINNING_PROGRAM = 'taskset'

/** POSIX asks for no more, and it is what is left where the system does not tell. */
const FEWEST_OPEN_FILES = 256

export function lookAtMachine(): Machine {
  return {
    cpu: cpus()[0]?.model ?? 'unknown',
    cores: availableParallelism(),
    kernel: `${process.platform} ${release()} ${process.arch}`,
    node: process.version,
    load: loadavg()[0] ?? 0,
    openFilesLimit: openFilesLimit(),
    pinned: pinning(),
  }
}

/** Node raises its own soft limit to the hard one; what it starts inherits that. */
function openFilesLimit(): number {
  const shell = spawnSync('sh', ['-c', 'ulimit -n'], { encoding: 'utf8' })
  if (shell.stdout?.trim() === 'unlimited') return Number.MAX_SAFE_INTEGER
  return Number(shell.stdout) || FEWEST_OPEN_FILES
}

function pinning(): Machine['pinned'] {
  if (spawnSync(PINNING_PROGRAM, ['--version'], { stdio: 'ignore' }).status !== 0) return undefined
  const [client, server] = allowedCpus()
  return client === undefined || server === undefined ? undefined : { client, server }
}

/** From a list like `0-3,8`: proc_pid_status(5). */
function allowedCpus(): number[] {
  const list = /^Cpus_allowed_list:\s*(\S+)/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1]
  return (list ?? '').split(',').flatMap((range) => {
    const [first = Number.NaN, last = first] = range.split('-').map(Number)
    return Array.from({ length: last - first + 1 || 0 }, (_, i) => first + i)
  })
}
