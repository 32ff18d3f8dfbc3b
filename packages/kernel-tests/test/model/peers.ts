/** Whom the model test connects to: two child processes, and what each of their addresses does. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, mkdtempSync, openSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import type { Capabilities, SocketAddress } from '@pollout/core'

/**
 * What happens to a stream socket that connects there.
 * - `echo`: what is sent comes back; a FIN is answered by one.
 * - `greeter`: five bytes come, then FIN; what is sent is swallowed.
 * - `resetter`: accepted, and reset at once.
 * - `closed`: refused.
 * - `missing`: a Unix path that is not there.
 * - `full`: the backlog is full; over TCP that is a silence.
 * - `invalid`: an address that a socket of this family does not take.
 */
export type PeerKind = 'echo' | 'greeter' | 'resetter' | 'closed' | 'missing' | 'full' | 'invalid'

export interface Target {
  readonly kind: PeerKind
  readonly address: SocketAddress
}

export const GREETING = Buffer.from('hello')

/** Port numbers below the ephemeral ones: a socket that connects there never meets itself. */
const CLOSED: readonly Target[] = [
  { kind: 'closed', address: { family: 'inet', address: '127.0.0.2', port: 1 } },
  { kind: 'closed', address: { family: 'inet', address: '127.0.0.1', port: 9 } },
  { kind: 'closed', address: { family: 'inet6', address: '::1', port: 1 } },
]

/** For the sockets of the other families each. */
const INVALID: readonly SocketAddress[] = [
  { family: 'inet', address: '127.0.0.1', port: 1 },
  { family: 'inet6', address: '::1', port: 1 },
  { family: 'unix', path: '/nowhere' },
]

/** Those whose streams the model knows. */
export type StreamFamily = 'inet' | 'inet6' | 'unix'

export class Peers {
  /** A descriptor that is no socket's. */
  readonly plainFile = openSync('/dev/null', 'r')
  readonly #folder: string
  readonly #children: readonly ChildProcess[]
  readonly #targets: readonly Target[]

  private constructor(
    folder: string,
    children: readonly ChildProcess[],
    targets: readonly Target[],
  ) {
    this.#folder = folder
    this.#children = children
    this.#targets = targets
  }

  static async start(): Promise<Peers> {
    const folder = mkdtempSync(join(tmpdir(), 'pollout-model-'))
    const programs = [
      run(new URL('./peers-program.mjs', import.meta.url), folder),
      run(new URL('./full-program.mjs', import.meta.url), folder),
    ]
    const listening = await Promise.all(programs.map(({ addresses }) => addresses))
    const children = programs.map(({ child }) => child)
    return new Peers(folder, children, [...CLOSED, ...listening.flat()])
  }

  /** What sockets of each family can connect to, for a backend with these capabilities. */
  targetsFor(capabilities: Capabilities): Readonly<Record<StreamFamily, readonly Target[]>> {
    const of = (family: StreamFamily): Target[] => [
      ...this.#targets.filter(({ address }) => address.family === family),
      ...INVALID.filter((address) => address.family !== family).map(
        (address): Target => ({ kind: 'invalid', address }),
      ),
    ]
    const isAbstract = ({ address }: Target) =>
      address.family === 'unix' && address.path.startsWith('\0')
    return {
      inet: of('inet'),
      inet6: of('inet6'),
      unix: of('unix').filter((target) => capabilities.abstractUnix || !isAbstract(target)),
    }
  }

  async stop(): Promise<void> {
    closeSync(this.plainFile)
    for (const child of this.#children) {
      const exited = once(child, 'exit')
      child.kill('SIGKILL')
      await exited
    }
    rmSync(this.#folder, { recursive: true, force: true })
  }
}

function run(program: URL, folder: string): { child: ChildProcess; addresses: Promise<Target[]> } {
  // Not under the sanitizers, where those are preloaded into this process.
  const { LD_PRELOAD: _preloaded, NODE_OPTIONS: _options, ...env } = process.env
  const child = spawn(process.execPath, [fileURLToPath(program), folder], {
    stdio: ['pipe', 'pipe', 'inherit'],
    env,
  })
  return { child, addresses: firstLine(child) }
}

async function firstLine(child: ChildProcess): Promise<Target[]> {
  if (child.stdout === null) throw new Error('a peer has no output')
  for await (const line of createInterface(child.stdout)) {
    const listed = JSON.parse(line) as (SocketAddress & { kind: PeerKind })[]
    // Its descriptor would go at some other time, and be missed.
    const closed = once(child.stdout, 'close')
    child.stdout.destroy()
    await closed
    return listed.map(({ kind, ...address }) => ({ kind, address }))
  }
  throw new Error('a peer has ended')
}
