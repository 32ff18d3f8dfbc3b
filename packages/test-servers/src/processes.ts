/** Programs and processes of the system: where they are, who runs them, what state they are in. */
import { execFileSync } from 'node:child_process'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

/** Debian keeps servers in sbin, which is not on everybody's PATH, and PostgreSQL's by version. */
export function findProgram(program: string): string | undefined {
  const folders = [...(process.env['PATH'] ?? '').split(':'), '/usr/sbin', '/usr/local/sbin']
  const versions = '/usr/lib/postgresql'
  if (existsSync(versions)) {
    folders.unshift(...readdirSync(versions).map((version) => join(versions, version, 'bin')))
  }
  return folders.map((folder) => join(folder, program)).find((path) => existsSync(path))
}

/** Who the user is, where the tests may become another one: a server that refuses to run as root. */
export function unprivileged(user: string): { uid: number; gid: number } | undefined {
  if (process.getuid?.() !== 0) return undefined
  const id = (flag: string): number =>
    Number(execFileSync('id', [flag, user], { encoding: 'utf8' }))
  return { uid: id('-u'), gid: id('-g') }
}

/**
 * The command that runs the rest of its arguments so that the kernel ends it when this process ends, in whatever way:
 * prctl(2), PR_SET_PDEATHSIG. Nothing where there is no setpriv(1).
 */
export function endingWithParent(): readonly string[] {
  const setpriv = findProgram('setpriv')
  return setpriv === undefined ? [] : [setpriv, '--pdeathsig', 'KILL']
}

/** SIGKILL to the process and all that it has started. */
export function killAll(pid: number): void {
  for (const one of withDescendants(pid)) {
    try {
      process.kill(one, 'SIGKILL')
    } catch {
      // It has ended since it was listed.
    }
  }
}

/** proc(5). */
function withDescendants(pid: number): number[] {
  const children = readOr('', `/proc/${pid}/task/${pid}/children`).split(' ').filter(Boolean)
  return [pid, ...children.flatMap((child) => withDescendants(Number(child)))]
}

/** kill(2) does not wait until each thread has taken notice, and Node has no event for it: proc(5) is asked. */
export async function stopped(pid: number): Promise<void> {
  const tasks = `/proc/${pid}/task`
  const state = (task: string): string | undefined =>
    /^State:\s+(\S)/m.exec(readFileSync(`${tasks}/${task}/status`, 'utf8'))?.[1]
  while (!readdirSync(tasks).every((task) => state(task) === 'T')) await sleep(1)
}

function readOr(otherwise: string, file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    return otherwise
  }
}
