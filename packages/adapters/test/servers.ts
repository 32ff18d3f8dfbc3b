/** Real servers from Debian's packages, each an instance of its own in a temporary folder, on loopback. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { accessSync, chownSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { connect, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

export interface ServerPlan {
  /** Found in Debian's places for servers, or on the PATH. */
  readonly program: string
  /** Writes what it needs and gives its arguments. */
  prepare(directory: string, port: number, path: string): readonly string[]
  /** Runs as this user where the tests run as root. */
  readonly user?: string
  /** What ends it at once, connections and all. Default SIGTERM. */
  readonly signal?: 'SIGQUIT'
  /** Whether one that listens also answers; always, unless said otherwise. */
  isReady?(port: number): boolean
}

export class RealServer {
  readonly port: number
  /** Its own folder, gone when it is stopped. */
  readonly directory: string
  readonly #plan: ServerPlan
  readonly #start: () => ChildProcess
  #child: ChildProcess | undefined

  constructor(plan: ServerPlan, port: number, directory: string, start: () => ChildProcess) {
    this.#plan = plan
    this.port = port
    this.directory = directory
    this.#start = start
  }

  async up(): Promise<void> {
    const child = this.#start()
    this.#child = child
    await listening(child, this.port, this.#plan.isReady)
  }

  /** At once, as where a machine is switched off: connections to it end. */
  async down(): Promise<void> {
    const child = this.#child
    this.#child = undefined
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return
    const ended = once(child, 'exit')
    child.kill(this.#plan.signal ?? 'SIGTERM')
    const giveUp = setTimeout(() => child.kill('SIGKILL'), 5_000)
    await ended
    clearTimeout(giveUp)
  }

  async stop(): Promise<void> {
    await this.down()
    rmSync(this.directory, { recursive: true, force: true })
  }
}

/** A server that listens; or why there is none, in words. */
export async function startServer(plan: ServerPlan): Promise<RealServer | string> {
  const path = find(plan.program)
  if (path === undefined) return `${plan.program} is not installed`
  const directory = mkdtempSync(join(tmpdir(), `pollout-${plan.program}-`))
  const as = plan.user === undefined ? undefined : unprivileged(plan.user)
  if (as) chownSync(directory, as.uid, as.gid)
  const port = await freePort()
  const given = plan.prepare(directory, port, path)
  const server = new RealServer(plan, port, directory, () =>
    spawn(path, given, { stdio: 'ignore', cwd: directory, ...as }),
  )
  try {
    await server.up()
    return server
  } catch (error) {
    await server.stop()
    throw error
  }
}

/** Who the user is, where the tests may become another one: a server that refuses to run as root. */
export function unprivileged(user: string): { uid: number; gid: number } | undefined {
  if (process.getuid?.() !== 0) return undefined
  const id = (flag: string): number =>
    Number(execFileSync('id', [flag, user], { encoding: 'utf8' }))
  return { uid: id('-u'), gid: id('-g') }
}

/** Debian keeps servers in sbin, which is not on everybody's PATH, and PostgreSQL's by version. */
function find(program: string): string | undefined {
  const folders = [...(process.env['PATH'] ?? '').split(':'), '/usr/sbin', '/usr/local/sbin']
  const versions = '/usr/lib/postgresql'
  if (isThere(versions)) {
    folders.unshift(...readdirSync(versions).map((version) => join(versions, version, 'bin')))
  }
  return folders.map((folder) => join(folder, program)).find(isThere)
}

function isThere(path: string): boolean {
  try {
    accessSync(path)
    return true
  } catch {
    return false
  }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  server.close()
  return typeof address === 'object' ? (address?.port ?? 0) : 0
}

/** There is no event for another program's listening: it is asked until it answers, or ends. */
async function listening(
  child: ChildProcess,
  port: number,
  isReady = (_: number) => true,
): Promise<void> {
  for (let i = 0; i < 400; i++) {
    if (child.exitCode !== null) throw new Error(`the server ended with code ${child.exitCode}`)
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
