/** What the tests of recycling have in common: connects that go on inside the sink, peers that are known, descriptors that are added. */
import type { Handle, SocketAddress } from '@pollout/core'
import { expect } from 'vitest'
import { descriptors, E, type Kit, turns } from './support.js'

const WRITABLE = 2

export function recyclingKit(kit: () => Kit) {
  /** Connects, and calls `within` inside the sink when that has ended. */
  async function connectAnd<T>(
    to: SocketAddress,
    within: (handle: Handle, status: number) => T,
  ): Promise<T> {
    const handle = kit().bench.open(to.family)
    expect(kit().bench.backend.connect(handle, to)).toBe(-E.EINPROGRESS)
    return whenReady(handle, () => within(handle, kit().bench.backend.finishConnect(handle)))
  }

  /** Registers, and calls `within` inside the sink. What it throws, the caller gets. */
  async function whenReady<T>(handle: Handle, within: (readiness: number) => T): Promise<T> {
    const token = kit().bench.token()
    expect(kit().bench.backend.register(handle, token, WRITABLE)).toBe(0)
    return new Promise((resolve, reject) => {
      kit().bench.sink.onBatch = (events) => {
        const event = events.find((one) => one.token === token)
        if (event === undefined) return
        kit().bench.sink.onBatch = () => {}
        try {
          resolve(within(event.readiness))
        } catch (error) {
          reject(error)
        }
      }
    })
  }

  /** The backend expects a peer to come again once it has seen it. */
  async function makeKnown(peer: SocketAddress): Promise<void> {
    await connectAnd(peer, (handle) => kit().bench.backend.close(handle, 'reset'))
    await turns(2)
  }

  /**
   * Peers on these hosts that the backend expects again, all at once. Its memory has 64 places, and two of them may share one: who
   * comes last is remembered then. Such a choice, which the random ports make now and then, is made anew.
   */
  async function knownPeers(hosts: readonly string[]): Promise<SocketAddress[]> {
    for (let tries = 0; tries < 20; tries++) {
      const peers: SocketAddress[] = []
      for (const host of hosts) peers.push((await kit().serve({ host })).at)
      for (const peer of peers) await makeKnown(peer)
      let forgotten = 0
      for (const peer of peers) {
        forgotten -= await connectAnd(peer, (handle) =>
          added(() => kit().bench.backend.close(handle, 'reset')),
        )
        await turns(2)
      }
      if (forgotten === 0) return peers
    }
    throw new Error('no peers with places of their own')
  }

  /** How many descriptors `action` adds. */
  function added(action: () => void): number {
    const count = descriptors().size
    action()
    return descriptors().size - count
  }

  /** Resets `first` inside the sink, connects to `next`, and tells how many descriptors that took. */
  async function taken(first: SocketAddress, next: SocketAddress): Promise<number> {
    return connectAnd(first, (handle) => {
      kit().bench.backend.close(handle, 'reset')
      return added(() => {
        const another = kit().bench.open(next.family)
        expect(kit().bench.backend.connect(another, next)).toBe(-E.EINPROGRESS)
      })
    })
  }

  return { connectAnd, whenReady, makeKnown, knownPeers, added, taken }
}
