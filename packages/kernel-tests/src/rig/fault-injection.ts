/** Faults that nothing on one machine provokes: strace(1) makes the system calls of a running agent fail. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import type { AgentProcess } from './agent-process.js'
import { PATH } from './requirements.js'

export interface Fault {
  /** E.g. `connect`. */
  readonly syscall: string
  /** The errno it is to fail with; undefined to let it through and only look. */
  readonly error?: string
  /** Which of the calls, as strace's `when=`: `1` (the default), `1+` for all. */
  readonly when?: string
}

/**
 * Holds an agent under a fault while `use` runs, and tells its calls of that kind as strace writes them.
 *
 * Attached to an agent that is up already, so that what Node itself does at its start is left in peace.
 */
export async function underFault<T>(
  agent: AgentProcess,
  { syscall, error, when = '1' }: Fault,
  use: () => Promise<T>,
): Promise<{ readonly value: T; readonly calls: readonly string[] }> {
  const inject = error === undefined ? [] : ['-e', `inject=${syscall}:error=${error}:when=${when}`]
  const argv = ['-f', '-p', String(agent.pid), '-e', `trace=${syscall}`, ...inject]
  const strace = spawn('strace', argv, {
    stdio: ['ignore', 'ignore', 'pipe'],
    env: { ...process.env, PATH },
  })
  const calls: string[] = []
  const lines = createInterface({ input: strace.stderr })
  const closed = once(strace, 'close')
  await new Promise<void>((resolve, reject) => {
    lines.on('line', (line) => {
      if (line.includes(`${syscall}(`)) calls.push(line)
      else if (line.includes('attached')) resolve()
    })
    strace.once('error', reject)
    void closed.then(() => reject(new Error(`strace ${argv.join(' ')} has ended`)))
  })
  try {
    const value = await use()
    return { value, calls }
  } finally {
    // Detaches, and leaves the agent running.
    strace.kill('SIGINT')
    await closed
  }
}
