/** The rig itself: two namespaces and a cable, and that nothing of them is left, however their maker ends. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readdirSync, readlinkSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { expect, it } from 'vitest'
import type * as Connecting from '../src/programs/connecting.js'
import type * as Listening from '../src/programs/listening.js'
import { withNetwork } from '../src/rig/network.js'
import { place } from '../src/rig/places.js'
import { BACKENDS, describeNetwork, needs } from './suite.js'

const WITH_PEER = {
  cables: [{ name: 'v0', addresses: ['10.9.0.1/24'], peer: ['10.9.0.2/24'] }],
}

describeNetwork('rig', () => {
  it.for(BACKENDS)('leads over a cable to a peer: %s', async (backend, context) => {
    needs(context, backend)
    await withNetwork(WITH_PEER, async ({ agent, peer }) => {
      const listening = peer.program<typeof Listening>('listening')
      const port = await listening('listen', { host: '10.9.0.2', port: 0 }, 'keep')
      const connecting = agent.program<typeof Connecting>('connecting')
      const told = await connecting('connect', backend, `tcp://10.9.0.2:${port}`)
      expect(told.code).toBe('connected')
      // The peer is not in the agent's namespace, and neither is in the machine's.
      expect(new Set([namespaceOf(agent.pid), namespaceOf(peer.pid), OUR_NAMESPACE]).size).toBe(3)
    })
  })

  it('leaves no process and no namespace when it is closed', async () => {
    const [namespaces, pids] = await withNetwork(WITH_PEER, async ({ agent, peer }) => {
      const all = [agent.pid, peer.pid]
      return [all.map(namespaceOf), all] as const
    })
    expect(pids.filter(isAlive)).toEqual([])
    expect(inNamespaces(namespaces)).toEqual([])
  })

  it('leaves none when its maker is killed', async () => {
    const maker = spawn(process.execPath, [place('dist/maker.js')], {
      // All that the maker starts has this end of the pipe too, so that it closes with the last of them.
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    const closed = once(maker, 'close')
    const [line] = await once(createInterface({ input: maker.stdout }), 'line')
    const pids: readonly number[] = JSON.parse(line)
    const namespaces = pids.map(namespaceOf)
    expect(inNamespaces(namespaces).length).toBeGreaterThanOrEqual(2)
    maker.kill('SIGKILL')
    await closed
    // A process gives its namespaces back a moment after its descriptors, and may stay on as a zombie, in none.
    await expect.poll(() => inNamespaces(namespaces)).toEqual([])
  })

  it('tells what an agent can not do', async () => {
    await withNetwork({}, async ({ agent }) => {
      await expect(agent.call('/nowhere/at-all.js', 'any')).rejects.toThrow('nowhere')
      await expect(agent.program<{ none(): void }>('connecting')('none')).rejects.toThrow('no none')
    })
    await expect(withNetwork({ routes: ['nonsense'] }, async () => {})).rejects.toThrow('ip:')
  })
})

function namespaceOf(pid: number): string {
  return readlinkSync(`/proc/${pid}/ns/net`)
}

const OUR_NAMESPACE = namespaceOf(process.pid)

/** The processes in one of these network namespaces. */
function inNamespaces(namespaces: readonly string[]): string[] {
  return readdirSync('/proc').filter((pid) => {
    try {
      return /^\d+$/.test(pid) && namespaces.includes(namespaceOf(Number(pid)))
    } catch {
      return false // a process that has ended, or is somebody else's
    }
  })
}

const isAlive = (pid: number): boolean => existsSync(`/proc/${pid}`)
