/** The suite's world of real servers, in processes of their own: this one's descriptors are those of the tests. */

import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  type Endpoint,
  isInet,
  type SocketAddress,
  tcp,
  udp,
  unix,
  unixgram,
  unixpacket,
} from '@pollout/core'
import { PeerRecords } from './peer-records.js'
import { nodeProgramCommand, sendSignal } from './program-command.js'
import { LISTENER_PROGRAM, PEERS_PROGRAM, UNIX_MESSAGES_PROGRAM } from './real-world-programs.js'
import type { PeerKind, PeerRecord, Transport, World } from './world.js'

type Place = { readonly host: string; readonly port: number } | { readonly path: string }

interface Ready {
  readonly ports: Readonly<Record<string, Readonly<Partial<Record<Transport, number>>>>>
  readonly missing: Readonly<Partial<Record<Transport, string>>>
}

/** Node 20 pads abstract names with NULs to this length, as no other program does: with it, both mean the same. */
const ABSTRACT_BYTES = 107

class RealWorld implements World {
  readonly lacksNamespaces = namespaceProblem()
  readonly deserted = '127.0.0.2'
  #folder = ''
  #ready: Ready = { ports: {}, missing: {} }
  #peers: ChildProcess | undefined
  #silentPort = 0
  #onFilled: () => void = () => {}
  #onSent: () => void = () => {}
  #lacksUnixMessages: string | undefined
  readonly #children = new Set<ChildProcess>()
  readonly #records = new PeerRecords()
  #full: { readonly child: ChildProcess; readonly path: string } | undefined

  get noSuchPath(): string {
    return join(this.#folder, 'nothing')
  }

  async start(): Promise<void> {
    this.#folder = mkdtempSync(join(tmpdir(), 'pollout-'))
    const { child, first } = await this.#run(PEERS_PROGRAM, [this.#folder, this.#prefix])
    this.#peers = child
    this.#ready = first as Ready
    child.on('message', (message: { record?: PeerRecord } | 'filled' | 'sent') => {
      if (message === 'filled') this.#onFilled()
      else if (message === 'sent') this.#onSent()
      else if (message.record) this.#records.add(message.record)
    })
    this.#lacksUnixMessages = await this.#startUnixMessages()
    const silent = await this.#listener({ host: '127.0.0.1', port: 0 })
    this.#silentPort = silent.port
    await this.#stopAndFill(silent.child, { host: '127.0.0.1', port: silent.port })
    const path = join(this.#folder, 'full')
    this.#full = { child: (await this.#listener({ path })).child, path }
  }

  async stop(): Promise<void> {
    await Promise.all([...this.#children].map((child) => this.#end(child)))
    rmSync(this.#folder, { recursive: true, force: true })
  }

  lacks(transport: Transport): string | undefined {
    if (transport === 'unixgram' || transport === 'unixpacket') return this.#lacksUnixMessages
    const code = this.#ready.missing[transport]
    return code && `this machine has no ${transport} loopback (${code})`
  }

  endpoint(kind: PeerKind, transport: Transport = 'tcp4'): Endpoint {
    if (transport === 'unix') return unix(join(this.#folder, kind))
    if (transport === 'abstract')
      return unix(`@${(this.#prefix + kind).padEnd(ABSTRACT_BYTES, '-')}`)
    if (transport === 'unixgram') return unixgram(join(this.#folder, `${kind}.datagrams`))
    if (transport === 'unixpacket') return unixpacket(join(this.#folder, `${kind}.packets`))
    const host = transport.endsWith('4') ? '127.0.0.1' : '::1'
    const port = kind === 'silent' ? this.#silentPort : this.#ready.ports[kind]?.[transport]
    if (!port) throw new Error(`the real world has no ${kind} peer on ${transport}`)
    return transport.startsWith('udp') ? udp(host, port) : tcp(host, port)
  }

  nextRecord(): Promise<PeerRecord> {
    return this.#records.next()
  }

  forgetRecords(): void {
    this.#records.forget()
  }

  async listenUp(): Promise<void> {
    this.#peers?.send('listenUp')
  }

  async stranger(to: SocketAddress, message: string): Promise<void> {
    if (!isInet(to)) throw new Error('strangers have UDP only')
    const sent = new Promise<void>((resolve) => {
      this.#onSent = resolve
    })
    this.#peers?.send({ stranger: { host: to.address, port: to.port, message } })
    await sent
  }

  async fullBacklog(): Promise<{ endpoint: Endpoint; release(): Promise<void> }> {
    if (this.#full === undefined) throw new Error('the world has not been started')
    const { child, path } = this.#full
    await this.#stopAndFill(child, { path })
    const release = async (): Promise<void> => sendSignal(child, 'SIGCONT')
    return { endpoint: unix(path), release }
  }

  get #prefix(): string {
    return `pollout-${process.pid}-`
  }

  async #listener(place: Place): Promise<{ child: ChildProcess; port: number }> {
    const { child, first } = await this.#run(LISTENER_PROGRAM, [JSON.stringify(place)])
    return { child, port: (first as { port: number }).port }
  }

  /** A stopped process accepts nothing, so its backlog, once full, stays so. */
  async #stopAndFill(child: ChildProcess, place: Place): Promise<void> {
    sendSignal(child, 'SIGSTOP')
    while (!isStopped(child)) await new Promise((resolve) => setImmediate(resolve))
    const filled = new Promise<void>((resolve) => {
      this.#onFilled = resolve
    })
    this.#peers?.send({ fill: place })
    await filled
  }

  /** Why there are none; undefined where they have been started. */
  async #startUnixMessages(): Promise<string | undefined> {
    const child = spawn('python3', ['-c', UNIX_MESSAGES_PROGRAM, this.#folder], {
      stdio: ['pipe', 'pipe', 'inherit'],
    })
    const line = new Promise<boolean>((resolve) => {
      child.stdout.once('data', () => resolve(true))
      child.once('error', () => resolve(false))
      child.once('close', () => resolve(false))
    })
    if (!(await line))
      return 'this machine has no python3, in which the peers on unix datagrams and packets are written'
    child.stdout.destroy()
    this.#children.add(child)
    return undefined
  }

  /** Resolves with the program's first message. */
  async #run(program: string, args: readonly string[]) {
    const [command, ...all] = nodeProgramCommand(program, args)
    const child = spawn(command, all, {
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    })
    this.#children.add(child)
    const [first] = (await once(child, 'message')) as [unknown]
    return { child, first }
  }

  async #end(child: ChildProcess): Promise<void> {
    const exited = once(child, 'exit')
    const isRunning = child.exitCode === null && child.signalCode === null
    if (isRunning && child.kill('SIGKILL')) await exited
    this.#children.delete(child)
  }
}

/** unshare(1) and ip(8), and a kernel that lets users have namespaces: user_namespaces(7). */
function namespaceProblem(): string | undefined {
  const { status } = spawnSync('unshare', ['-rn', 'ip', 'link', 'set', 'lo', 'up'])
  return status === 0 ? undefined : 'this machine gives no network namespace (unshare -rn, ip)'
}

/** proc_pid_stat(5): the state stands behind the name, which is in parentheses. */
function isStopped({ pid }: ChildProcess): boolean {
  return /\) T /.test(readFileSync(`/proc/${pid}/stat`, 'latin1'))
}

/**
 * Real servers on loopback; Linux. They are programs of Node's: on another runtime, `node` in PATH runs them.
 *
 * @example
 * ```ts
 * import { realWorld } from '@pollout/conformance'
 *
 * const world = realWorld()
 * await world.start()
 * console.log(world.endpoint('echo', 'tcp4'), world.lacks('tcp6') ?? 'IPv6 is there')
 * await world.stop()
 * ```
 */
export function realWorld(): World {
  return new RealWorld()
}
