/** Shared by the tests: a sink that records, servers on loopback, descriptors, child processes. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync } from 'node:fs'
import { createServer, type Server, type Socket } from 'node:net'
import { isNativeBackendAvailable, nativeBackend } from '@pollout/backend-native'
import type { Backend, Handle, ReadinessSink, SocketAddress, Token } from '@pollout/core'

export const availability = isNativeBackendAvailable()
/** Printed with the skipped tests. */
export const title = availability.available ? '' : ` (skipped: ${availability.reason})`

export interface ReadyEvent {
  readonly token: Token
  readonly readiness: number
}

/** Keeps what it is given; `onBatch` runs inside the delivery. */
class Recorder implements ReadinessSink {
  readonly events: ReadyEvent[] = []
  readonly causes: Error[] = []
  batches = 0
  onBatch: (events: readonly ReadyEvent[]) => void = () => {}
  #waiters: (() => void)[] = []

  ready(tokens: Float64Array, readiness: Uint8Array, count: number): void {
    const batch: ReadyEvent[] = []
    for (let i = 0; i < count; i++) {
      batch.push({ token: tokens[i] as Token, readiness: readiness[i] as number })
    }
    this.batches++
    this.events.push(...batch)
    this.onBatch(batch)
    for (const wake of this.#waiters.splice(0)) wake()
  }

  broken(cause: Error): void {
    this.causes.push(cause)
  }

  /** The readiness reported for `token`, once it is. */
  async readinessOf(token: Token): Promise<number> {
    for (;;) {
      const found = this.events.find((event) => event.token === token)
      if (found !== undefined) return found.readiness
      await new Promise<void>((resolve) => this.#waiters.push(resolve))
    }
  }
}

/** A backend, its recorder, and shorthands; `destroy()` it at the end. */
export class Bench {
  readonly sink = new Recorder()
  readonly backend: Backend = nativeBackend()(this.sink)
  #lastToken = 0

  token(): Token {
    return ++this.#lastToken as Token
  }

  open(family: SocketAddress['family'] = 'inet'): Handle {
    const handle = this.backend.open({ family, type: 'stream' })
    if (handle < 0) throw new Error(`open: ${handle}`)
    return handle as Handle
  }

  /** Registers and waits for the report. */
  async ready(handle: Handle, interest: number): Promise<number> {
    const token = this.token()
    const result = this.backend.register(handle, token, interest)
    if (result !== 0) throw new Error(`register: ${result}`)
    return this.sink.readinessOf(token)
  }

  /** A connected socket. */
  async connected(to: SocketAddress): Promise<Handle> {
    const handle = this.open(to.family)
    const result = this.backend.connect(handle, to)
    if (result !== 0 && result !== -115) throw new Error(`connect: ${result}`)
    await this.ready(handle, 2)
    const status = this.backend.finishConnect(handle)
    if (status !== 0) throw new Error(`finishConnect: ${status}`)
    return handle
  }
}

export interface TestServer {
  readonly server: Server
  readonly at: SocketAddress & { port: number; path: string }
  /** The next accepted socket. */
  accepted(): Promise<Socket>
  close(): Promise<void>
}

/** Listens on loopback, or on a Unix path. */
export async function listen(where: { path?: string; host?: string; backlog?: number } = {}) {
  const sockets: Socket[] = []
  const queue: Socket[] = []
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    sockets.push(socket)
    queue.push(socket)
    socket.on('error', () => {})
    server.emit('queued')
  })
  const host = where.host ?? '127.0.0.1'
  server.listen(
    where.path === undefined
      ? { host, port: 0, backlog: where.backlog }
      : { path: where.path, backlog: where.backlog },
  )
  await once(server, 'listening')
  const address = server.address()
  const at =
    address !== null && typeof address === 'object'
      ? { family: host.includes(':') ? 'inet6' : 'inet', address: host, port: address.port }
      : { family: 'unix', path: where.path }
  return {
    server,
    at: at as TestServer['at'],
    async accepted() {
      while (queue.length === 0) await once(server, 'queued')
      return queue.shift() as Socket
    },
    async close() {
      for (const socket of sockets) socket.destroy()
      server.close()
      await once(server, 'close')
    },
  } satisfies TestServer
}

/** A port of 127.0.0.1 that nobody listens on. */
export async function closedPort(): Promise<number> {
  const server = await listen()
  await server.close()
  return server.at.port
}

/** The process's descriptors; the one that reads the folder is not among them. */
export function descriptors(): Set<number> {
  return new Set(readdirSync('/proc/self/fd').map(Number))
}

export const turn = () => new Promise<void>((resolve) => setImmediate(resolve))

export async function turns(count: number): Promise<void> {
  for (let i = 0; i < count; i++) await turn()
}

export const ADDON = new URL('../build/Release/pollout.node', import.meta.url).pathname

/** What a child process gets to see before its own code. */
const PRELUDE = `
  const fs = require('node:fs')
  const { createBackend } = require(${JSON.stringify(ADDON)})
  const say = text => fs.writeSync(1, text + '\\n')
  const descriptors = () => fs.readdirSync('/proc/self/fd').length
`

export interface ChildResult {
  readonly lines: readonly string[]
  readonly stderr: string
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
}

/** Runs code in a Node of its own, with the addon's raw `createBackend`, `say` and `descriptors`. */
export async function runChild(
  code: string,
  { args = [], wrap = [], onLine }: ChildOptions = {},
): Promise<ChildResult> {
  const node = [process.execPath, ...args, '-e', PRELUDE + code]
  const [command, ...rest] = [...wrap, ...node] as [string, ...string[]]
  const child = spawn(command, rest, { stdio: ['ignore', 'pipe', 'pipe'] })
  let stdout = ''
  let stderr = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text
    for (const line of text.split('\n')) if (line !== '') onLine?.(line)
  })
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text
  })
  const [exitCode, signal] = await once(child, 'close')
  const lines = stdout.split('\n').filter((line) => line !== '')
  return { lines, stderr, code: exitCode, signal }
}

export interface ChildOptions {
  /** For Node itself. */
  readonly args?: readonly string[]
  /** A command that runs the rest of its arguments. */
  readonly wrap?: readonly string[]
  readonly onLine?: (line: string) => void
}
