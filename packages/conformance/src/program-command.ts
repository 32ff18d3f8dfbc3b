/** How the text of an ES module is run as a program, and how a program is sent a signal. */
import type { ChildProcess } from 'node:child_process'

const { bun, deno } = process.versions as Partial<Record<string, string>>

/** And none that has its interfaces. */
export const isNode = bun === undefined && deno === undefined

/** By the runtime at hand, its arguments from `process.argv[1]` on. */
export function programCommand(
  program: string,
  args: readonly string[],
): readonly [string, ...string[]] {
  if (deno === undefined) return nodeCommand(process.execPath, program, args)
  // Its own name for the program comes before them.
  return [process.execPath, 'eval', `process.argv.splice(1, 1)\n${program}`, ...args]
}

/** By Node: by the one that runs this, else by `node` in PATH. */
export function nodeProgramCommand(
  program: string,
  args: readonly string[],
): readonly [string, ...string[]] {
  return nodeCommand(isNode ? process.execPath : 'node', program, args)
}

const nodeCommand = (node: string, program: string, args: readonly string[]) =>
  [node, '--input-type=module', '-e', program, ...args] as const

/** Not `child.kill()`: Deno's takes a child that was sent any signal for killed, and sends it no other. */
export function sendSignal({ pid }: ChildProcess, name: NodeJS.Signals): void {
  if (pid !== undefined) process.kill(pid, name)
}
