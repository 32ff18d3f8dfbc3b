/** The suite's world of real servers, in processes of their own: this one's descriptors are those of the tests. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Endpoint, tcp, unix } from '../endpoint.js'
import { LISTENER_PROGRAM, PEERS_PROGRAM } from './real-world-programs.js'
import type { PeerKind, PeerRecord, Transport, World } from './world.js'

type Place = { readonly host: string; readonly port: number } | { readonly path: string }

interface Ready {
  readonly ports: Readonly<Record<string, Readonly<Partial<Record<Transport, number>>>>>
  readonly missing: Readonly<Partial<Record<Transport, string>>>
}

export class RealWorld implements World {
  readonly deserted = '127.0.0.2'
  #folder = ''
  #ready: Ready = { ports: {}, missing: {} }
  #peers: ChildProcess | undefined
  #silentPort = 0
  readonly #children = new Set<ChildProcess>()
  readonly #records: PeerRecord[] = []
  readonly #waiting: ((record: PeerRecord) => void)[] = []
  #backlogs = 0

  get noSuchPath(): string {
    return join(this.#folder, 'nothing')
  }

  async start(): Promise<void> {
    this.#folder = mkdtempSync(join(tmpdir(), 'pollout-'))
    const { child, first } = await this.#run(PEERS_PROGRAM, [this.#folder, this.#prefix])
    this.#peers = child
    this.#ready = first as Ready
    child.on('message', (message: { record?: PeerRecord }) => {
      if (message.record) this.#recorded(message.record)
    })
    const listener = await this.#stoppedListener({ host: '127.0.0.1', port: 0 })
    this.#silentPort = listener.port
    await this.#fill({ host: '127.0.0.1', port: listener.port })
  }

  async stop(): Promise<void> {
    await Promise.all([...this.#children].map((child) => this.#end(child)))
    rmSync(this.#folder, { recursive: true, force: true })
  }

  lacks(transport: Transport): string | undefined {
    const code = this.#ready.missing[transport]
    return code && `this machine has no ${transport} loopback (${code})`
  }

  endpoint(kind: PeerKind, transport: Transport = 'tcp4'): Endpoint {
    if (transport === 'unix') return unix(join(this.#folder, kind))
    if (transport === 'abstract') return unix(`@${this.#prefix}${kind}`)
    const host = transport === 'tcp4' ? '127.0.0.1' : '::1'
    const port = kind === 'silent' ? this.#silentPort : this.#ready.ports[kind]?.[transport]
    if (!port) throw new Error(`the real world has no ${kind} peer on ${transport}`)
    return tcp(host, port)
  }

  nextRecord(): Promise<PeerRecord> {
    const record = this.#records.shift()
    if (record) return Promise.resolve(record)
    return new Promise((resolve) => this.#waiting.push(resolve))
  }

  forgetRecords(): void {
    this.#records.length = 0
    this.#waiting.length = 0
  }

  async listenUp(): Promise<void> {
    this.#peers?.send('listenUp')
  }

  async fullBacklog(): Promise<{ endpoint: Endpoint; release(): Promise<void> }> {
    const path = join(this.#folder, `full${++this.#backlogs}`)
    const { child } = await this.#stoppedListener({ path })
    await this.#fill({ path })
    const release = async (): Promise<void> => void child.kill('SIGCONT')
    return { endpoint: unix(path), release }
  }

  get #prefix(): string {
    return `pollout-${process.pid}-`
  }

  #recorded(record: PeerRecord): void {
    const waiting = this.#waiting.shift()
    if (waiting) waiting(record)
    else this.#records.push(record)
  }

  /** A stopped process accepts nothing, so its kernel's queue stays as it is. */
  async #stoppedListener(place: Place): Promise<{ child: ChildProcess; port: number }> {
    const { child, first } = await this.#run(LISTENER_PROGRAM, [JSON.stringify(place)])
    child.kill('SIGSTOP')
    return { child, port: (first as { port: number }).port }
  }

  async #fill(place: Place): Promise<void> {
    const peers = this.#peers
    if (peers === undefined) throw new Error('the world has not been started')
    peers.send({ fill: place })
    for (;;) {
      const [message] = await once(peers, 'message')
      if (message === 'filled') return
    }
  }

  /** Resolves with the program's first message. */
  async #run(program: string, args: readonly string[]) {
    const child = spawn(process.execPath, ['--input-type=module', '-e', program, ...args], {
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    })
    this.#children.add(child)
    const [first] = (await once(child, 'message')) as [unknown]
    return { child, first }
  }

  async #end(child: ChildProcess): Promise<void> {
    const exited = once(child, 'exit')
    child.kill('SIGKILL')
    await exited
    this.#children.delete(child)
  }
}

/** Real servers on loopback; Linux. */
export function realWorld(): World {
  return new RealWorld()
}
