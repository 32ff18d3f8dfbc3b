/** An agent as a test sees it: starts the process, calls functions in it, ends it. */
import { type ChildProcessByStdio, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import type { Readable, Writable } from 'node:stream'
import type { Answer, Call, Greeting } from '../protocol.js'
import { place } from './places.js'
import { PATH } from './requirements.js'

/** Calls a function of a program, one of `src/programs/`, in the agent. */
export type Program<Module> = <Name extends keyof Module & string>(
  name: Name,
  ...args: Module[Name] extends (...args: infer Args) => unknown ? Args : never
) => Promise<Module[Name] extends (...args: never) => infer Value ? Awaited<Value> : never>

interface Waiting {
  resolve(value: unknown): void
  reject(error: Error): void
}

export class AgentProcess implements AsyncDisposable {
  /** Of the agent itself, whatever command it was started by. */
  readonly pid: number
  readonly #child: ChildProcessByStdio<Writable, Readable, null>
  readonly #waiting = new Map<number, Waiting>()
  readonly #closed: Promise<unknown>
  #lastId = 0

  /**
   * Starts an agent. `by` is a command that runs the rest of its arguments, `unshare --net` say. The kernel ends the
   * process when this one ends, in whatever way: prctl(2), PR_SET_PDEATHSIG.
   */
  static async start(by: readonly string[] = []): Promise<AgentProcess> {
    const argv = ['--pdeathsig', 'KILL', ...by, process.execPath, place('dist/agent.js')]
    const env = { ...process.env, PATH }
    const child = spawn('setpriv', argv, { stdio: ['pipe', 'pipe', 'inherit'], env })
    const lines = createInterface({ input: child.stdout })
    const greeting = await new Promise<Greeting>((resolve, reject) => {
      lines.once('line', (line) => resolve(JSON.parse(line)))
      child.once('error', reject)
      child.once('close', (code, signal) => {
        reject(new Error(`${argv.join(' ')}: ${signal ?? code}`))
      })
    })
    return new AgentProcess(child, lines, greeting.pid)
  }

  private constructor(
    child: ChildProcessByStdio<Writable, Readable, null>,
    lines: NodeJS.EventEmitter,
    pid: number,
  ) {
    this.pid = pid
    this.#child = child
    lines.on('line', (line) => this.#answered(JSON.parse(line)))
    // Its end is told by 'close'; what was still to be written is lost with it.
    child.stdin.on('error', () => {})
    this.#closed = once(child, 'close').then(([code, signal]) => {
      const error = new Error(`the agent has ended: ${signal ?? code}`)
      for (const { reject } of this.#waiting.values()) reject(error)
      this.#waiting.clear()
    })
  }

  /** The functions of `src/programs/<name>.ts`: `agent.program<typeof import('...')>('name')`. */
  program<Module>(name: string): Program<Module> {
    return ((callee: string, ...args: readonly unknown[]) =>
      this.call(place(`dist/programs/${name}.js`), callee, ...args)) as Program<Module>
  }

  /** Calls what the ES module at this absolute path exports by that name. */
  call(file: string, name: string, ...args: readonly unknown[]): Promise<unknown> {
    const call: Call = { id: ++this.#lastId, file, name, args }
    return new Promise((resolve, reject) => {
      if (this.#child.exitCode !== null || this.#child.signalCode !== null) {
        return reject(new Error('the agent has ended'))
      }
      this.#waiting.set(call.id, { resolve, reject })
      this.#child.stdin.write(`${JSON.stringify(call)}\n`)
    })
  }

  /** Ends it; resolves when it and all that it was started by are gone. */
  async close(): Promise<void> {
    this.#child.stdin.end()
    await this.#closed
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  #answered(answer: Answer): void {
    const waiting = this.#waiting.get(answer.id)
    this.#waiting.delete(answer.id)
    if ('error' in answer) waiting?.reject(new Error(answer.error))
    else waiting?.resolve(answer.value)
  }
}
