/** The suite's world in memory, for backends on a simulated network. */

import { createHash, type Hash } from 'node:crypto'
import {
  type BackendFactory,
  ConnectStatus,
  type Endpoint,
  endpointOf,
  errno,
  type SocketAddress,
} from '@pollout/core'
import {
  echoPeer,
  failingPeer,
  type SimulatedNetwork,
  type SimulatedPeer,
  type SimulatedPeerEnd,
  type SimulatedPeerProgram,
  standardAddresses,
  standardNetwork,
} from '@pollout/testing'
import { PeerRecords } from './peer-records.js'
import { type PeerKind, type PeerRecord, specOf, type Transport, type World } from './world.js'

/**
 * The suite's peers on a simulated network; {@link SimulatedWorld.backend} makes backends that reach them.
 *
 * @example
 * ```ts
 * import { type SimulatedWorld, simulatedWorld } from '@pollout/conformance'
 *
 * const world: SimulatedWorld = simulatedWorld()
 * await world.start()
 * console.log(world.endpoint('refused'))
 * ```
 */
export class SimulatedWorld implements World {
  readonly lacksNamespaces = "a simulated network is no kernel's"
  readonly deserted = '192.0.2.2'
  readonly noSuchPath = '/simulated/nothing'
  readonly #records = new PeerRecords()
  readonly #deaf = new Set<SimulatedPeerEnd>()
  readonly #network: SimulatedNetwork

  constructor() {
    this.#network = standardNetwork({
      recorder: { accept: (end) => this.#record(end) },
      deaf: {
        accept: (end) => {
          end.pause()
          this.#deaf.add(end)
          return this.#record(end)
        },
      },
      curt: {
        accept: (end) => {
          end.pause()
          end.end()
          this.#deaf.add(end)
          return this.#record(end)
        },
      },
      witness: {
        accept: (end) => {
          end.write(Buffer.from('hello'))
          return this.#record(end)
        },
      },
      greeter: {
        accept: (end) => {
          end.write(Buffer.from('hello'))
          end.end()
          return this.#record(end)
        },
      },
    })
    const { unix, unixgram, unixpacket } = standardAddresses('refused')
    for (const stale of [unix, unixgram, unixpacket]) {
      this.#network.listen(stale, failingPeer(-errno.ECONNREFUSED, { atOnce: true }))
    }
  }

  /** A backend in this world. */
  readonly backend: BackendFactory = (sink) => this.#network.backend()(sink)

  async start(): Promise<void> {}
  async stop(): Promise<void> {}

  lacks(): undefined {}

  endpoint(kind: PeerKind, transport: Transport = 'tcp4'): Endpoint {
    return endpointOf(standardAddresses(kind)[transport], specOf(transport).type)
  }

  nextRecord(): Promise<PeerRecord> {
    return this.#records.next()
  }

  forgetRecords(): void {
    this.#records.forget()
  }

  async listenUp(): Promise<void> {
    for (const end of this.#deaf) end.resume()
    this.#deaf.clear()
  }

  async stranger(to: SocketAddress, message: string): Promise<void> {
    const from: SocketAddress = { family: 'inet', address: '192.0.2.66', port: 66 }
    this.#network.datagram(from, to, Buffer.from(message))
  }

  async fullBacklog(): Promise<{ endpoint: Endpoint; release(): Promise<void> }> {
    let full = true
    const address: SocketAddress = { family: 'unix', path: '/simulated/full' }
    const peer: SimulatedPeer = { ...echoPeer(), connect: () => (full ? -errno.EAGAIN : 0) }
    this.#network.listen(address, peer)
    const release = async (): Promise<void> => {
      full = false
    }
    return { endpoint: endpointOf(address, 'stream'), release }
  }

  selfConnecting(times: number): Endpoint {
    let left = times
    const address: SocketAddress = { family: 'inet', address: '192.0.2.3', port: 40_001 }
    this.#network.listen(address, {
      ...echoPeer(),
      handshake: () => (left-- > 0 ? ConnectStatus.SELF_CONNECTED : ConnectStatus.CONNECTED),
    })
    return endpointOf(address, 'stream')
  }

  #record(end: SimulatedPeerEnd): SimulatedPeerProgram {
    const hash: Hash = createHash('sha1')
    let bytes = 0
    const over = (how: PeerRecord['end']): void => {
      this.#records.add({ bytes, digest: hash.digest('hex'), end: how })
    }
    return {
      data: (chunk) => {
        bytes += chunk.length
        hash.update(chunk)
      },
      end: () => {
        end.end()
        over('fin')
      },
      reset: () => over('reset'),
    }
  }
}

/**
 * A world of its own; take its `backend` for the tests.
 *
 * @example
 * ```ts
 * import { createReactor } from '@pollout/core'
 * import { simulatedWorld } from '@pollout/conformance'
 *
 * const world = simulatedWorld()
 * await using reactor = createReactor({ backend: world.backend })
 * reactor.connect(world.endpoint('echo')).subscribe((connection) => connection.reset())
 * ```
 */
export function simulatedWorld(): SimulatedWorld {
  return new SimulatedWorld()
}
