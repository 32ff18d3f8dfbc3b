/** A peer in a network namespace of its own, reached from another one: the machine's own network is not touched. */
import { spawnSync } from 'node:child_process'
import type { Children, Command, Started } from './children.js'
import type { Address } from './job.js'
import type { Machine } from './machine.js'
import { compileDelay, type Yardstick } from './yardstick.js'

/** How long the line holds back what the peer answers, which is the round trip: the way there takes none. */
export const DELAY_MS = 40

export interface NamespacedPeer {
  /** Answers over the line that is late by {@link DELAY_MS}. */
  readonly delayed: readonly Address[]
  /** Answers at once. */
  readonly direct: readonly Address[]
  /** The same command, in the client's namespace. */
  enter(command: Command): Command
  stop(): void
}

export type Peer = NamespacedPeer | { readonly missing: string }

/** Of 198.18.0.0/15, which RFC 2544 sets aside for benchmarks. */
const DELAYED_CLIENT = '198.18.0.1'
const DIRECT_CLIENT = '198.18.1.1'
/** Several, each with a queue of its own for what is not accepted yet, as in server.ts. */
const DELAYED_HOSTS = [2, 3, 4, 5].map((i) => `198.18.0.${i}`)
const DIRECT_HOSTS = [2, 3, 4, 5].map((i) => `198.18.1.${i}`)

/** Room in the device's queue for every answer of a burst. */
const QUEUE_LENGTH = 20_000

/** Room for a burst, whatever the defaults are; and no packet is dropped for coming by another way than it would go. */
const SYSCTLS = `
echo 65535 >/proc/sys/net/core/somaxconn
echo 65535 >/proc/sys/net/ipv4/tcp_max_syn_backlog
echo 1024 65535 >/proc/sys/net/ipv4/ip_local_port_range
for filter in /proc/sys/net/ipv4/conf/*/rp_filter; do echo 0 >$filter; done`

/** Ends with `stop()` or with this process: the namespaces live by the processes started here. */
export async function startNamespacedPeer(
  children: Children,
  yardstick: Yardstick,
  machine: Machine,
  hold: number,
): Promise<Peer> {
  if ('missing' in yardstick) return yardstick
  const started: Started[] = []
  const start = async (command: Pick<Command, 'file' | 'args'>): Promise<string> => {
    const one = await children.start({ ...command, cpu: machine.pinned?.server })
    started.unshift(one)
    return one.line
  }
  const stop = (): void => {
    for (const one of started) one.stop()
  }
  try {
    // The delay line would say no more than that it has ended.
    tryOut('unshare', ['--net', 'ip', 'tuntap', 'add', 'tun0', 'mode', 'tun'])
    for (const program of ['nsenter', 'setpriv']) tryOut(program, ['--version'])
    const line = await start({ file: compileDelay(), args: [`${DELAY_MS * 1_000}`] })
    const { client, peer } = JSON.parse(line) as { client: string; peer: string }
    configure(client, peer)
    const server = [yardstick.server, String(hold), ...DELAYED_HOSTS, ...DIRECT_HOSTS]
    const { port } = JSON.parse(await start(within(peer, server))) as { port: number }
    return {
      delayed: DELAYED_HOSTS.map((host) => ({ host, port })),
      direct: DIRECT_HOSTS.map((host) => ({ host, port })),
      // A connect that gets no answer any more would outlive a bench that was killed.
      enter: (command) => ({
        ...command,
        ...within(client, ['setpriv', '--pdeathsig', 'KILL', command.file, ...command.args]),
      }),
      stop,
    }
  } catch (error) {
    stop()
    return { missing: error instanceof Error ? error.message : String(error) }
  }
}

/** A pair of veth devices between them; from the peer to one of the client's addresses, the late line. */
function configure(client: string, peer: string): void {
  configureSide(client, [
    'link set tun0 up',
    `link add veth0 type veth peer name veth0 netns ${peer}`,
    'link set veth0 up',
    `address add ${DELAYED_CLIENT}/24 dev veth0`,
    `address add ${DIRECT_CLIENT}/24 dev veth0`,
  ])
  configureSide(peer, [
    `link set tun0 txqueuelen ${QUEUE_LENGTH} up`,
    'link set veth0 up',
    ...DELAYED_HOSTS.map((host) => `address add ${host}/32 dev veth0`),
    ...DIRECT_HOSTS.map((host) => `address add ${host}/24 dev veth0`),
    `route add ${DELAYED_CLIENT}/32 dev tun0`,
  ])
}

function configureSide(namespace: string, commands: readonly string[]): void {
  const { file, args } = within(namespace, ['ip', '-batch', '-'])
  tryOut(file, args, commands.join('\n'))
  const sysctls = within(namespace, ['sh', '-e', '-c', SYSCTLS])
  tryOut(sysctls.file, sysctls.args)
}

function within(namespace: string, command: readonly string[]): Pick<Command, 'file' | 'args'> {
  return { file: 'nsenter', args: [`--net=${namespace}`, ...command] }
}

/** Throws what the program complains of. */
function tryOut(file: string, args: readonly string[], input = ''): void {
  const { error, status, stderr } = spawnSync(file, args, { input, encoding: 'utf8' })
  if (error) throw new Error(`no ${file}`)
  if (status !== 0) throw new Error(stderr.trim().split('\n')[0] || `${file}: ${status}`)
}
