/** Shared by the tests: a sink that records, servers on loopback, descriptors, child processes. */
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync } from 'node:fs'
import { createServer, type Server, type Socket } from 'node:net'
import { constants, tmpdir } from 'node:os'
import { join } from 'node:path'
import { isNativeBackendAvailable, nativeBackend } from '@pollout/backend-native'
import type {
  Backend,
  Handle,
  KernelSockets,
  ReadinessSink,
  SocketAddress,
  SocketType,
  Token,
} from '@pollout/core'
import { afterEach, beforeEach, describe, expect } from 'vitest'

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

  get kernel(): KernelSockets {
    if (this.backend.kernel === undefined) throw new Error('no kernel sockets')
    return this.backend.kernel
  }

  open(family: SocketAddress['family'] = 'inet', type: SocketType = 'stream'): Handle {
    const handle = this.backend.open({ family, type })
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

export const E = constants.errno

/** What each test of a suite has, made anew for each. */
export class Kit {
  /** What was open before it. */
  readonly before = descriptors()
  bench = new Bench()
  readonly folder = mkdtempSync(join(tmpdir(), 'pollout-'))
  /** To be undone after the test, the last one first. */
  readonly cleanups: (() => unknown)[] = []

  get backend(): Required<Backend> {
    return this.bench.backend as Required<Backend>
  }

  async serve(where?: Parameters<typeof listen>[0]): Promise<TestServer> {
    const server = await listen(where)
    this.cleanups.push(() => server.close())
    return server
  }

  /** A second backend. */
  another(): Bench {
    const bench = new Bench()
    this.cleanups.push(() => bench.backend.destroy())
    return bench
  }

  /** A server whose backlog is full: the next connect stays in SYN_SENT until the loop has turned. */
  async busyServer(): Promise<TestServer> {
    const server = await this.serve({ backlog: 1 })
    for (let i = 0; i < 4; i++) this.backend.connect(this.bench.open(), server.at)
    return server
  }
}

/** A suite on the real kernel: skipped where there is no addon, and after each test no descriptor is left. */
export function describeNative(name: string, body: (kit: () => Kit) => void): void {
  describe.skipIf(!availability.available)(`native: ${name}${title}`, () => {
    let current: Kit | undefined
    beforeEach(() => {
      current = new Kit()
    })
    afterEach(async () => {
      const kit = current
      current = undefined
      if (kit === undefined) return
      await kit.backend.destroy()
      for (const undo of kit.cleanups.reverse()) await undo()
      rmSync(kit.folder, { recursive: true })
      expect(kit.backend.openHandles).toBe(0)
      expect(descriptors()).toEqual(kit.before)
    })
    body(() => {
      if (current === undefined) throw new Error('outside of a test')
      return current
    })
  })
}

export const inet = (port: number): SocketAddress => ({
  family: 'inet',
  address: '127.0.0.1',
  port,
})

/** Whether a program is installed that tells its version. */
export function has(program: string): boolean {
  return spawnSync(program, ['--version'], { stdio: 'ignore' }).status === 0
}

/** The descriptor that `action` has opened. */
export function opened(action: () => unknown): number {
  const open = () => new Set([...descriptors()].filter((fd) => linkOf(fd) !== ''))
  const before = open()
  action()
  const [fresh, ...others] = [...open()].filter((fd) => !before.has(fd))
  if (fresh === undefined || others.length > 0) throw new Error('not one descriptor')
  return fresh
}

/** fcntl(2)'s F_GETFL, with FD_CLOEXEC as O_CLOEXEC. */
export function flagsOf(fd: number): number {
  const text = readFileSync(`/proc/self/fdinfo/${fd}`, 'utf8')
  return Number.parseInt(/^flags:\s*(\d+)$/m.exec(text)?.[1] ?? '', 8)
}

/** The descriptors in each epoll set of this process: epoll_ctl(2)'s view of who watches whom. */
export function watchedDescriptors(): ReadonlyMap<number, readonly number[]> {
  const sets = [...descriptors()].filter((fd) => linkOf(fd) === 'anon_inode:[eventpoll]')
  return new Map(
    sets.map((set) => {
      const text = readFileSync(`/proc/self/fdinfo/${set}`, 'utf8')
      return [set, [...text.matchAll(/^tfd:\s*(\d+)/gm)].map((match) => Number(match[1]))]
    }),
  )
}

function linkOf(fd: number): string {
  try {
    return readlinkSync(`/proc/self/fd/${fd}`)
  } catch {
    return ''
  }
}

/** Holds the loop up, as a long computation does. */
export function blockLoop(ms: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms)
}

/** The process's descriptors, and the one that reads the folder: the first that is free. */
export function descriptors(): Set<number> {
  return new Set(readdirSync('/proc/self/fd').map(Number))
}

export const turn = () => new Promise<void>((resolve) => setImmediate(resolve))

export async function turns(count: number): Promise<void> {
  for (let i = 0; i < count; i++) await turn()
}

export const ADDON = new URL(
  `../prebuilds/${process.platform}-${process.arch}/pollout.node`,
  import.meta.url,
).pathname

/** Node's own, and the thread that stands for it where there is no libuv. */
export const LOOPS = ['libuv', 'thread'] as const
export type Loop = (typeof LOOPS)[number]

/** For other processes and Workers: the addon's raw `createBackend(ready, broken, originMs, threads)`, on that loop. */
export const createBackendOn = (loop: Loop) => `
  const addon = require(${JSON.stringify(ADDON)})
  const createBackend = (ready, broken, originMs, threads) =>
    addon.createBackend(ready, broken, originMs, threads, ${loop === 'thread' ? 'setImmediate' : 'undefined'})
`

/** What a child process gets to see before its own code. */
const prelude = (loop: Loop) => `
  const fs = require('node:fs')
  ${createBackendOn(loop)}
  const say = text => fs.writeSync(1, text + '\\n')
  const descriptors = () => fs.readdirSync('/proc/self/fd').length
`

/** A namespace with eight ports to connect from, so that a connect soon meets itself; whether it can be had here. */
export function fewPorts(): { readonly wrap: readonly string[]; readonly canUnshare: boolean } {
  const setUp =
    'ip link set lo up && echo "40000 40007" > /proc/sys/net/ipv4/ip_local_port_range && exec "$0" "$@"'
  const wrap = ['unshare', '-rn', 'sh', '-c', setUp]
  const canUnshare =
    spawnSync('unshare', [...wrap.slice(1), 'true'], { stdio: 'ignore' }).status === 0
  return { wrap, canUnshare }
}

export interface ChildResult {
  readonly lines: readonly string[]
  readonly stderr: string
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
}

/** Runs code in a Node of its own, with the addon's raw `createBackend`, `say` and `descriptors`. */
export async function runChild(
  code: string,
  { args = [], wrap = [], loop = 'libuv', onLine }: ChildOptions = {},
): Promise<ChildResult> {
  const node = [process.execPath, ...args, '-e', prelude(loop) + code]
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
  readonly loop?: Loop
  readonly onLine?: (line: string) => void
}
