/** Builds a yardstick on the spot, unless that was done since the last change of its sources. */
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, renameSync, statSync } from 'node:fs'
import { basename, join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** This package's folder. */
export const root = fileURLToPath(new URL('..', import.meta.url))
const folder = join(root, 'build')

/**
 * `command` gets `-o`, the program's path and the first of the sources, which the others only go into. Returns the path;
 * throws where it does not compile.
 */
export function build(
  name: string,
  [compiler, ...flags]: readonly [string, ...string[]],
  [source, ...others]: readonly [string, ...string[]],
): string {
  const program = join(folder, name)
  const changedAt = Math.max(...[source, ...others].map(changeOf))
  if (existsSync(program) && changeOf(program) > changedAt) return program
  mkdirSync(folder, { recursive: true })
  // Renamed when it is whole: another bench may run at the same time.
  const unfinished = `${program}.${process.pid}`
  const args = [...flags, '-o', unfinished, source]
  const { error, status, stderr } = spawnSync(compiler, args, { encoding: 'utf8' })
  if (error || status !== 0) {
    const complaint = error?.message ?? stderr.trim().split('\n')[0]
    throw new Error(`${basename(source)} does not compile: ${complaint}`)
  }
  renameSync(unfinished, program)
  return program
}

function changeOf(file: string): number {
  return statSync(file).mtimeMs
}
