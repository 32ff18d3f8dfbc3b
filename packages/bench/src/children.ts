/** The processes of the bench: a contestant's is bounded in time, and all end with it. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { PINNING_PROGRAM } from './machine.js'

export interface Command {
  readonly file: string
  readonly args: readonly string[]
  /** The core to run on; undefined leaves it to the system. */
  readonly cpu?: number | undefined
  /** It is killed after that; three minutes unless said otherwise. */
  readonly longestMs?: number
}

/** What goes on until it is told to end. */
export interface Started {
  /** The first line of its output. */
  readonly line: string
  readonly stop: () => void
}

const LONGEST_RUN_MS = 180_000

export class Children {
  readonly #running = new Set<ChildProcess>()

  /** Resolves when it has said its first line; rejects where it ends before that. */
  async start(command: Command): Promise<Started> {
    const child = this.#spawn(command, 'pipe')
    const stop = () => void child.kill()
    const line = await new Promise<string>((resolve, reject) => {
      let output = ''
      child.stdout?.setEncoding('utf8').on('data', (text: string) => {
        output += text
        if (output.includes('\n')) resolve(output)
      })
      child.on('error', reject)
      child.on('exit', (code, signal) => {
        reject(new Error(`${command.file} ended at once: ${signal ?? code}`))
      })
    })
    return { line, stop }
  }

  /** Resolves to its output; rejects where it fails or takes too long. */
  async run(command: Command): Promise<string> {
    const child = this.#spawn(command, 'ignore')
    const timer = setTimeout(() => child.kill('SIGKILL'), command.longestMs ?? LONGEST_RUN_MS)
    let output = ''
    let complaint = ''
    child.stdout?.setEncoding('utf8').on('data', (text: string) => {
      output += text
    })
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      complaint += text
    })
    try {
      const [code, signal] = await once(child, 'close')
      if (code === 0) return output
      throw new Error(
        `${[command.file, ...command.args].join(' ')}: ${signal ?? code}\n${complaint}`,
      )
    } finally {
      clearTimeout(timer)
    }
  }

  endAll(): void {
    for (const child of this.#running) child.kill()
  }

  #spawn({ file, args, cpu }: Command, stdin: 'pipe' | 'ignore'): ChildProcess {
    const whole =
      cpu === undefined ? [file, ...args] : [PINNING_PROGRAM, '-c', String(cpu), file, ...args]
    const [program = file, ...rest] = whole
    // A pipe, and the same for all: with a file here V8 makes slower code of node:net, by a quarter
    // on refusals. Why is not known; the comparison is with node:net at its best.
    const stderr = stdin === 'pipe' ? 'inherit' : 'pipe'
    const child = spawn(program, rest, { stdio: [stdin, 'pipe', stderr] })
    this.#running.add(child)
    child.on('close', () => this.#running.delete(child))
    return child
  }
}
