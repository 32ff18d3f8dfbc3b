/** A real server, an instance of its own in a temporary folder, on loopback. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { chownSync, mkdtempSync, rmSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { unusedPort } from './ports.js'
import { endingWithParent, findProgram, killAll, stopped, unprivileged } from './processes.js'

export interface ServerPlan {
  /** Found in Debian's places for servers, or on the PATH. */
  readonly program: string
  /** Writes what it needs and gives its arguments. `path` is where the program was found. */
  prepare(directory: string, port: number, path: string): readonly string[]
  /** Runs as this user where the tests run as root. */
  readonly user?: string
  /** What it is asked with to end itself and all its processes at once; else each of them is killed. */
  readonly signal?: 'SIGQUIT'
  /** Whether one that listens also answers; always, unless said otherwise. */
  isReady?(port: number): boolean
}

interface Instance {
  readonly port: number
  readonly directory: string
  readonly missing?: string
  launch(): ChildProcess
}

export class RealServer {
  /** Why there is none; undefined where there is one. */
  readonly missing: string | undefined
  readonly port: number
  /** Its own folder, gone when it is stopped. */
  readonly directory: string
  readonly #plan: ServerPlan
  readonly #launch: () => ChildProcess
  #child: ChildProcess | undefined

  /** @internal By `startServer()`. */
  constructor(plan: ServerPlan, { port, directory, missing, launch }: Instance) {
    this.#plan = plan
    this.port = port
    this.directory = directory
    this.missing = missing
    this.#launch = launch
  }

  get endpoint(): string {
    return `tcp://127.0.0.1:${this.port}`
  }

  /** Resolves when it answers, at the same place as ever. */
  async up(): Promise<void> {
    const child = this.#launch()
    this.#child = child
    await listening(child, this.port, this.#plan.isReady)
  }

  /** At once, as where a machine loses its power, but that its kernel ends the connections. */
  async down(): Promise<void> {
    const child = this.#child
    this.#child = undefined
    if (child?.pid === undefined || hasEnded(child)) return
    const ended = once(child, 'exit')
    const { signal } = this.#plan
    if (signal) child.kill(signal)
    else killAll(child.pid)
    await ended
  }

  async restart(): Promise<void> {
    await this.down()
    await this.up()
  }

  /** From when this resolves its kernel still accepts and acknowledges, and it answers nothing: SIGSTOP. */
  async pause(): Promise<void> {
    this.#child?.kill('SIGSTOP')
    if (this.#child?.pid !== undefined) await stopped(this.#child.pid)
  }

  resume(): void {
    this.#child?.kill('SIGCONT')
  }

  async stop(): Promise<void> {
    await this.down()
    if (this.directory) rmSync(this.directory, { recursive: true, force: true })
  }
}

/** A server that listens; or what stands for it where it is not installed, and says so. */
export async function startServer(plan: ServerPlan): Promise<RealServer> {
  const path = findProgram(plan.program)
  if (path === undefined) {
    const missing = `${plan.program} is not installed`
    const launch = (): never => {
      throw new Error(missing)
    }
    return new RealServer(plan, { port: 0, directory: '', missing, launch })
  }
  const directory = mkdtempSync(join(tmpdir(), `pollout-${plan.program}-`))
  const port = await unusedPort()
  const as = plan.user === undefined ? undefined : unprivileged(plan.user)
  let args: readonly string[] = []
  const launch = (): ChildProcess => {
    const [program = path, ...rest] = [...endingWithParent(), path, ...args]
    return spawn(program, rest, { stdio: 'ignore', cwd: directory, ...as })
  }
  const server = new RealServer(plan, { port, directory, launch })
  try {
    if (as) chownSync(directory, as.uid, as.gid)
    args = plan.prepare(directory, port, path)
    await server.up()
    return server
  } catch (error) {
    await server.stop()
    throw error
  }
}

/** There is no event for another program's listening: it is asked until it answers, or ends. */
async function listening(
  child: ChildProcess,
  port: number,
  isReady = (_: number) => true,
): Promise<void> {
  for (let i = 0; i < 400; i++) {
    if (hasEnded(child)) throw new Error(`the server ended: ${child.exitCode ?? child.signalCode}`)
    const socket = connect({ host: '127.0.0.1', port })
    const answered = await new Promise<boolean>((resolve) => {
      socket.once('connect', () => resolve(true)).once('error', () => resolve(false))
    })
    socket.destroy()
    if (answered && isReady(port)) return
    await sleep(25)
  }
  throw new Error(`no answer on port ${port}`)
}

function hasEnded(child: ChildProcess): boolean {
  return child.exitCode !== null || child.signalCode !== null
}
