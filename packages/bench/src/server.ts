/** Starts the server that is connected to. */
import { fileURLToPath } from 'node:url'
import type { Children } from './children.js'
import type { Address } from './job.js'
import type { Machine } from './machine.js'
import type { Yardstick } from './yardstick.js'

export interface Server {
  readonly accepting: readonly Address[]
  /**
   * Accepting too, for who can't reset a connection: what it leaves in TIME_WAIT takes local ports from nobody else,
   * as those are counted for each peer.
   */
  readonly acceptingClosers: readonly Address[]
  readonly closed: readonly Address[]
  /** Closed too, and so many that a contestant is done with one long before it comes to it again. */
  readonly scattered: readonly Address[]
  /** Nobody answers there: the queue is full. None where the server is Node's, which accepts whatever it can. */
  readonly unanswered: readonly Address[]
  readonly kind: 'C' | 'Node'
  stop(): void
}

/**
 * Several: each has a queue of its own for what is not accepted yet, of 4,096 at most where the
 * system is left as it is (net.core.somaxconn), and local ports of its own. Only Linux has 127/8.
 */
const HOSTS =
  process.platform === 'linux'
    ? ['127.0.0.1', '127.0.0.2', '127.0.0.3', '127.0.0.4']
    : ['127.0.0.1']

const CLOSERS_HOSTS =
  process.platform === 'linux' ? ['127.0.0.5', '127.0.0.6', '127.0.0.7', '127.0.0.8'] : HOSTS

/** As many as fit into the one argument that a contestant gets its job in: 128 KiB, execve(2). */
const SCATTERED_HOSTS = process.platform === 'linux' ? 2_000 : 0

interface Ports {
  readonly port: number
  readonly closedPort: number
  readonly fullPort?: number
}

export async function startServer(
  children: Children,
  yardstick: Yardstick,
  machine: Machine,
  hold: number,
): Promise<Server> {
  const args = [String(hold), ...new Set([...HOSTS, ...CLOSERS_HOSTS])]
  const fallback = fileURLToPath(new URL('./fallback-server.js', import.meta.url))
  const program =
    'missing' in yardstick
      ? { file: process.execPath, args: [fallback, ...args] }
      : { file: yardstick.server, args }
  const { line, stop } = await children.start({ ...program, cpu: machine.pinned?.server })
  const { port, closedPort, fullPort } = JSON.parse(line) as Ports
  const at = (hosts: readonly string[], port: number) => hosts.map((host) => ({ host, port }))
  return {
    accepting: at(HOSTS, port),
    acceptingClosers: at(CLOSERS_HOSTS, port),
    closed: at(HOSTS, closedPort),
    unanswered: fullPort === undefined ? [] : at(HOSTS, fullPort),
    scattered: Array.from({ length: SCATTERED_HOSTS }, (_, i) => ({
      host: `127.1.${i >> 8}.${i & 255}`,
      port: closedPort,
    })),
    kind: 'missing' in yardstick ? 'Node' : 'C',
    stop,
  }
}
