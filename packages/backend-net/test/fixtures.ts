/** Programs of `fixtures/` as child processes. */
import { type ChildProcess, fork, spawnSync } from 'node:child_process'
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

/** What it printed, and whether it ended by itself within `withinMs` of having printed `count` lines. */
export async function runFixture(
  name: string,
  args: readonly string[],
  withinMs: number,
  count = 0,
): Promise<{ lines: string[]; ended: boolean }> {
  const child = fork(fixturePath(name), args, { execArgv: [], silent: true })
  // An IPC channel without listeners keeps no process alive, so the child's life is its own.
  let output = ''
  let ended = true
  let timer: NodeJS.Timeout | undefined
  const lines = () => output.trim().split('\n').filter(Boolean)
  const startTimer = () => {
    if (timer !== undefined || lines().length < count) return
    timer = setTimeout(() => {
      ended = false
      child.kill('SIGKILL')
    }, withinMs)
  }
  for (const stream of [child.stdout, child.stderr]) {
    stream?.on('data', (chunk) => {
      output += chunk
      startTimer()
    })
  }
  startTimer()
  await once(child, 'close')
  clearTimeout(timer)
  return { lines: lines(), ended }
}

/** Runs a shell script in a network namespace of its own; undefined where none can be made here. */
export function inNamespace(script: string): string | undefined {
  const isolate = (command: string) =>
    spawnSync('unshare', ['-rn', 'sh', '-ec', command], { encoding: 'utf8' })
  if (isolate('ip link set lo up').status !== 0) return undefined
  const { stdout, stderr } = isolate(script)
  return stdout + stderr
}
