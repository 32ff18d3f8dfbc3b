/** The agents that the errnos are provoked in: one in a troubled network, and some that lack something. */
import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Capabilities } from '@pollout/core'
import type * as Calling from '../../src/programs/calling.js'
import type * as Connecting from '../../src/programs/connecting.js'
import type * as Listening from '../../src/programs/listening.js'
import type * as Trapping from '../../src/programs/trapping.js'
import { AgentProcess, type Program } from '../../src/rig/agent-process.js'
import type { Layout } from '../../src/rig/layout.js'
import { type Network, openNetwork } from '../../src/rig/network.js'
import { type BackendName, LANDLOCKED, missing } from '../../src/rig/requirements.js'
import { askCapabilities } from '../suite.js'
import { REJECTING } from './rejections.js'

/** Who listens where in the troubled network. */
export const PORTS = {
  open: 5000,
  /** Its backlog is full. */
  full: 5001,
  held: 5002,
  closed: 9,
  portUnreachable: 1001,
  hostUnreachable: 1002,
  netUnreachable: 1003,
  forbidden: 1004,
  dropped: 1005,
  tcpReset: 1006,
  udpDropped: 1007,
} as const

export const HOSTS = {
  /** Has a link address, and answers nothing. */
  silent: '10.9.0.2',
  /** Is not found on the link. */
  absent: '10.9.0.3',
  broadcast: '10.9.0.255',
  overDownLink: '10.6.0.2',
  unreachable: '10.1.0.1',
  prohibited: '10.2.0.1',
  thrown: '10.3.0.1',
  blackhole: '10.4.0.1',
  noRoute: '10.7.0.1',
} as const

const TROUBLED: Layout = {
  cables: [
    {
      name: 'v0',
      addresses: ['10.9.0.1/24'],
      neighbours: { [HOSTS.silent]: '02:00:00:00:00:02' },
    },
    { name: 'v1', addresses: ['10.6.0.1/24'], down: true },
  ],
  routes: [
    'unreachable 10.1.0.0/16',
    'prohibit 10.2.0.0/16',
    'throw 10.3.0.0/16',
    'blackhole 10.4.0.0/16',
  ],
  sysctls: {
    'net.ipv4.tcp_syn_retries': 1,
    'net.ipv4.neigh.v0.mcast_solicit': 1,
    'net.ipv4.neigh.v0.retrans_time_ms': 50,
  },
  rules: `
    table ip troubles {
      chain in {
        type filter hook input priority 0
        tcp dport ${PORTS.portUnreachable} reject with icmp type port-unreachable
        tcp dport ${PORTS.hostUnreachable} reject with icmp type host-unreachable
        tcp dport ${PORTS.netUnreachable} reject with icmp type net-unreachable
        tcp dport ${PORTS.forbidden} reject with icmp type admin-prohibited
        tcp dport ${PORTS.tcpReset} reject with tcp reset
        tcp dport ${PORTS.dropped} drop
      }
      chain out {
        type filter hook output priority 0
        udp dport ${PORTS.udpDropped} drop
      }
    }`,
}

/** As root, rights of files count only for a process that may not override them: capabilities(7). */
const WITHOUT_OVERRIDE =
  process.getuid?.() === 0
    ? ['setpriv', '--bounding-set', '-dac_override,-dac_read_search', '--inh-caps', '-all']
    : []
const WITH_FEW_DESCRIPTORS = ['sh', '-c', 'ulimit -n 64 && exec "$0" "$@"']

export type Place =
  | 'network'
  | 'rejecting'
  | 'signalled'
  | 'plain'
  | 'starved'
  | 'unprivileged'
  | 'landlocked'

/** An agent, and the programs that are run in it. */
export interface Post {
  readonly agent: AgentProcess
  readonly connecting: Program<typeof Connecting>
  readonly calling: Program<typeof Calling>
  readonly listening: Program<typeof Listening>
  readonly trapping: Program<typeof Trapping>
}

export class Lab implements AsyncDisposable {
  /** For unix paths. */
  readonly folder = mkdtempSync(join(tmpdir(), 'pollout-'))
  capabilities: ReadonlyMap<BackendName, Capabilities> = new Map()
  readonly #posts = new Map<Place, Post>()
  readonly #networks: Network[] = []

  static async open(): Promise<Lab> {
    const lab = new Lab()
    try {
      await lab.#open()
      return lab
    } catch (error) {
      await lab.close()
      throw error
    }
  }

  at(place: Place): Post {
    const post = this.#posts.get(place)
    if (post === undefined) throw new Error(`no agent for ${place}`)
    return post
  }

  /** Node has no bind(2) of a unix path without listen(2). */
  get canBind(): boolean {
    return this.capabilities.get('native')?.bind ?? false
  }

  path(name: string): string {
    return join(this.folder, name)
  }

  async close(): Promise<void> {
    for (const { agent } of this.#posts.values()) await agent.close()
    for (const network of this.#networks) await network.close()
    rmSync(this.folder, { recursive: true })
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  async #open(): Promise<void> {
    const [network, rejecting, signalled, plain, starved, unprivileged] = await Promise.all([
      openNetwork(TROUBLED),
      openNetwork(REJECTING),
      openNetwork({ cables: TROUBLED.cables ?? [] }),
      AgentProcess.start(),
      AgentProcess.start(WITH_FEW_DESCRIPTORS),
      AgentProcess.start(WITHOUT_OVERRIDE),
    ])
    this.#networks.push(network, rejecting, signalled)
    this.#add('network', network.agent)
    this.#add('rejecting', rejecting.agent)
    // It stands still while it waits, which would hold up what the others wait for.
    this.#add('signalled', signalled.agent)
    this.#add('plain', plain)
    this.#add('starved', starved)
    this.#add('unprivileged', unprivileged)
    if (!missing('landlock')) this.#add('landlocked', await AgentProcess.start(LANDLOCKED))
    this.capabilities = await askCapabilities(plain)
    await this.#furnish()
  }

  #add(place: Place, agent: AgentProcess): void {
    this.#posts.set(place, {
      agent,
      connecting: agent.program<typeof Connecting>('connecting'),
      calling: agent.program<typeof Calling>('calling'),
      listening: agent.program<typeof Listening>('listening'),
      trapping: agent.program<typeof Trapping>('trapping'),
    })
  }

  async #furnish(): Promise<void> {
    const { listening } = this.at('network')
    await listening('listen', { host: '127.0.0.1', port: PORTS.open }, 'keep')
    await listening('listen', { host: '127.0.0.1', port: PORTS.full }, 'none')
    await listening('listen', { host: '127.0.0.1', port: PORTS.held }, 'keep')
    await listening('listen', { path: this.path('open') }, 'keep')
    await listening('listen', { path: this.path('full') }, 'none')
    await listening('listen', { path: this.path('closed-mode') }, 'keep')
    await listening('leaveStaleFile', this.path('stale'))
    if (this.canBind) await listening('bindOnly', this.path('bound'))
    await this.at('plain').listening('listen', { path: ABSTRACT }, 'keep')
    chmodSync(this.path('closed-mode'), 0)
    writeFileSync(this.path('file'), '')
    mkdirSync(this.path('directory'))
    symlinkSync(this.path('loop'), this.path('loop'))
    symlinkSync('x'.repeat(300), this.path('long'))
  }
}

/** As long as can be: Node 20 pads a shorter one with NULs, which count. In the machine's own namespace. */
export const ABSTRACT = `\0pollout-${process.pid}-`.padEnd(108, 'x')
