/** Programs of `fixtures/` as child processes. */
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'

export function fixturePath(name: string): string {
  return fileURLToPath(new URL(`./fixtures/${name}`, import.meta.url))
}

/** Runs until stopped; resolves when it has sent its first message. */
export async function startFixture(name: string, args: readonly string[]): Promise<ChildProcess> {
  const child = fork(fixturePath(name), args, { execArgv: [] })
  await once(child, 'message')
  return child
}

export async function stopFixture(child: ChildProcess): Promise<void> {
  const exited = once(child, 'exit')
  child.kill('SIGKILL')
  await exited
}

/** What it printed, and whether it ended by itself within `withinMs`. */
export async function runFixture(
  name: string,
  args: readonly string[],
  withinMs: number,
): Promise<{ lines: string[]; ended: boolean }> {
  const child = fork(fixturePath(name), args, { execArgv: [], silent: true })
  // An IPC channel without listeners keeps no process alive, so the child's life is its own.
  let output = ''
  child.stdout?.on('data', (chunk) => {
    output += chunk
  })
  child.stderr?.on('data', (chunk) => {
    output += chunk
  })
  let ended = true
  const timer = setTimeout(() => {
    ended = false
    child.kill('SIGKILL')
  }, withinMs)
  await once(child, 'close')
  clearTimeout(timer)
  return { lines: output.trim().split('\n').filter(Boolean), ended }
}
