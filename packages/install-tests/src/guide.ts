/**
 * Follows a guide as a newcomer does: writes its files, runs its commands, and looks at what they print.
 *
 * What a guide may have in fences:
 * - `ts`, `jsonc`, `sh` or `text` whose first line is a comment with a name, `// client.ts`, `# list.txt`: a file of that name;
 * - `sh`: commands. They run in the folder where the ones before have ended;
 * - `text` right behind commands: what they print on standard output. `…` stands for anything within a line. Behind a
 *   command in the background, `&`: what it prints before it is gone on.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, mkdirSync, openSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

export type Step =
  | { readonly kind: 'file'; readonly line: number; readonly name: string; readonly text: string }
  | {
      readonly kind: 'commands'
      readonly line: number
      readonly text: string
      readonly prints: string | undefined
    }

/** Ends what hangs, with what it has printed. */
const LONGEST_STEP_MS = 100_000

const FENCE = /^```(\S*)\n(.*?)^```$/gms
const NAME = /^(?:\/\/|#) ([\w./-]+\.\w+)$/

export function stepsOf(markdown: string): Step[] {
  const steps: Step[] = []
  let behind = -1
  for (const { index, 0: whole, 1: language = '', 2: text = '' } of markdown.matchAll(FENCE)) {
    const line = markdown.slice(0, index).split('\n').length
    const name = NAME.exec(text.split('\n', 1)[0] ?? '')?.[1]
    const last = steps.at(-1)
    if (name !== undefined) steps.push({ kind: 'file', line, name, text })
    else if (language === 'sh') steps.push({ kind: 'commands', line, text, prints: undefined })
    else if (language === 'text' && last?.kind === 'commands' && isBlank(markdown, behind, index)) {
      steps[steps.length - 1] = { ...last, prints: text }
    } else throw new Error(`line ${line}: neither a file nor commands, nor what they print`)
    behind = index + whole.length
  }
  return steps
}

function isBlank(text: string, from: number, to: number): boolean {
  return text.slice(from, to).trim() === ''
}

/** Throws at the first step that does not go as the guide says. Whatever it started in the background has ended then. */
export async function follow(
  steps: readonly Step[],
  folder: string,
  env: NodeJS.ProcessEnv,
): Promise<void> {
  const state = join(folder, '.pwd')
  let cwd = join(folder, 'newcomer')
  mkdirSync(cwd)
  const left: ChildProcess[] = []
  try {
    for (const [i, step] of steps.entries()) {
      if (step.kind === 'file') {
        mkdirSync(dirname(join(cwd, step.name)), { recursive: true })
        writeFileSync(join(cwd, step.name), step.text)
        continue
      }
      const out = join(folder, `${i}.out`)
      const err = join(folder, `${i}.err`)
      const shell = start(`set -e\n${step.text}\npwd > '${state}'\n`, cwd, env, out, err)
      left.push(shell)
      const signal = AbortSignal.timeout(LONGEST_STEP_MS)
      const [code] = await once(shell, 'exit', { signal }).catch(() => ["the test's patience"])
      const said = () => `line ${step.line}: ${step.text}${text(out)}${text(err)}`
      if (code !== 0) throw new Error(`${said()}ended with ${code}`)
      const inBackground = /&\s*$/.test(step.text)
      while (inBackground && !signal.aborted && !isAsSaid(step.prints, text(out))) await sleep(20)
      if (!isAsSaid(step.prints, text(out))) throw new Error(`${said()}is not what the guide says`)
      cwd = text(state).trim()
    }
  } finally {
    for (const { pid } of left) endGroup(pid)
  }
}

/** In a group of its own, with files for its output: a program in the background outlives its shell. */
function start(script: string, cwd: string, env: NodeJS.ProcessEnv, out: string, err: string) {
  const files = [openSync(out, 'w'), openSync(err, 'w')] as const
  const stdio: ['ignore', number, number] = ['ignore', ...files]
  const shell = spawn('sh', ['-c', script], { cwd, env, stdio, detached: true })
  for (const file of files) closeSync(file)
  return shell
}

function endGroup(pid: number | undefined): void {
  if (pid === undefined) return
  try {
    process.kill(-pid, 'SIGKILL')
  } catch {
    // Nobody of it is left.
  }
}

function text(file: string): string {
  return readFileSync(file, 'utf8')
}

function isAsSaid(said: string | undefined, printed: string): boolean {
  if (said === undefined) return true
  const pattern = said.trimEnd().split('…').map(escaped).join('[^\\n]*')
  return new RegExp(`^${pattern}$`).test(printed.trimEnd())
}

function escaped(part: string): string {
  return part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')
}
