/**
 * A network namespace built from code, with an agent inside, and where cables lead to one a second with a peer.
 *
 * Namespaces have no names here (`ip netns` needs to mount): they are those of the agents' processes, and go when
 * these go. The agents go when the test says so, when their input ends, and when the process that started them is
 * killed, which the kernel sees to. So nothing is ever left behind, and nothing of the machine's own is touched.
 */
import type * as Configuring from '../programs/configuring.js'
import { AgentProcess } from './agent-process.js'
import { hasPeer, type Layout, setupHere, setupPeer } from './layout.js'
import { unshareCommand } from './requirements.js'

export interface Network extends AsyncDisposable {
  readonly agent: AgentProcess
  /** In a namespace of its own at the other end of the cables. Throws where no cable leads to one. */
  readonly peer: AgentProcess
  close(): Promise<void>
}

/** Lays out a network; the caller closes it. Ask `missing('namespace')` first. */
export async function openNetwork(layout: Layout): Promise<Network> {
  const unshare = unshareCommand()
  if (unshare === undefined) throw new Error('no network namespace is allowed here')
  const agents: AgentProcess[] = []
  const close = async (): Promise<void> => {
    for (const agent of agents.reverse()) await agent.close()
  }
  try {
    const agent = await AgentProcess.start([...unshare, '--kill-child'])
    agents.push(agent)
    const peer = hasPeer(layout) ? await startPeer(agent, unshare) : undefined
    if (peer) agents.push(peer)
    await configuring(agent)('configure', setupHere(layout, peer?.pid))
    if (peer) await configuring(peer)('configure', setupPeer(layout))
    return {
      agent,
      get peer() {
        if (peer === undefined) throw new Error('this network has no peer')
        return peer
      },
      close,
      [Symbol.asyncDispose]: close,
    }
  } catch (error) {
    await close()
    throw error
  }
}

/** Lays out a network for as long as `use` takes. */
export async function withNetwork<T>(
  layout: Layout,
  use: (network: Network) => Promise<T>,
): Promise<T> {
  await using network = await openNetwork(layout)
  return await use(network)
}

function configuring(agent: AgentProcess) {
  return agent.program<typeof Configuring>('configuring')
}

/** A cable's end can be given only to a namespace of the same user namespace. */
function startPeer(agent: AgentProcess, unshare: readonly string[]): Promise<AgentProcess> {
  const alone = ['unshare', '--net', '--kill-child']
  if (!unshare.includes('--map-root-user')) return AgentProcess.start(alone)
  const enter = ['nsenter', '--user', '--preserve-credentials', '--target', String(agent.pid)]
  return AgentProcess.start([...enter, ...alone])
}
