/** Starts the server that is connected to. */
import { fileURLToPath } from 'node:url'
import type { Children } from './children.js'
import type { Address } from './job.js'
import type { Machine } from './machine.js'
import type { Yardstick } from './yardstick.js'

export interface Server {
  readonly accepting: readonly Address[]
  readonly closed: readonly Address[]
  /** Closed too, and so many that a contestant is done with one long before it comes to it again. */
  readonly scattered: readonly Address[]
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

/** As many as fit into the one argument that a contestant gets its job in: 128 KiB, execve(2). */
const SCATTERED_HOSTS = process.platform === 'linux' ? 2_000 : 0

export async function startServer(
  children: Children,
  yardstick: Yardstick,
  machine: Machine,
  hold: number,
): Promise<Server> {
  const args = [String(hold), ...HOSTS]
  const fallback = fileURLToPath(new URL('./fallback-server.js', import.meta.url))
  const { line, stop } = await children.start({
    file: yardstick.server ?? process.execPath,
    args: yardstick.server === undefined ? [fallback, ...args] : args,
    cpu: machine.pinned?.server,
  })
  const { port, closedPort } = JSON.parse(line) as { port: number; closedPort: number }
  return {
    accepting: HOSTS.map((host) => ({ host, port })),
    closed: HOSTS.map((host) => ({ host, port: closedPort })),
    scattered: Array.from({ length: SCATTERED_HOSTS }, (_, i) => ({
      host: `127.1.${i >> 8}.${i & 255}`,
      port: closedPort,
    })),
    kind: yardstick.server === undefined ? 'Node' : 'C',
    stop,
  }
}
