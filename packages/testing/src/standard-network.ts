/** A simulated network with one peer of each kind at fixed addresses: for whole programs and the conformance suite. */
import type { BackendFactory, SocketAddress, SocketType } from '@pollout/core'
import {
  type NetworkOptions,
  type SimulatedNetwork,
  simulatedNetwork,
} from './simulated-network.js'
import { echoPeer, type SimulatedPeer, silentPeer } from './simulated-peer.js'

/**
 * Ports of the standard peers; on Unix the name stands in the path.
 *
 * @example
 * ```ts
 * import { createReactor } from '@pollout/core'
 * import { STANDARD_PORTS, simulatedBackend } from '@pollout/testing'
 *
 * createReactor({ backend: simulatedBackend() })
 *   .connect(`tcp://192.0.2.1:${STANDARD_PORTS.refused}`)
 *   .subscribe({ error: console.error }) // ECONNREFUSED
 * ```
 */
export const STANDARD_PORTS = {
  echo: 7,
  /** Reads all and answers nothing. */
  recorder: 9,
  /** Takes nothing. */
  deaf: 11,
  /** Ends its side at once, and takes nothing. */
  curt: 12,
  /** Says `hello`, then ends its side; reads on. */
  greeter: 13,
  /** Resets the connection at the first data. */
  resetter: 15,
  /** Never answers a connect. */
  silent: 17,
  /** Says `hello`; reads on. */
  witness: 18,
  /** Nobody listens. */
  refused: 19,
} as const

/**
 * The name of a standard peer; what it does stands in {@link STANDARD_PORTS}.
 *
 * @example
 * ```ts
 * import { STANDARD_PORTS, type StandardPeer } from '@pollout/testing'
 *
 * const names = Object.keys(STANDARD_PORTS) as StandardPeer[]
 * ```
 */
export type StandardPeer = keyof typeof STANDARD_PORTS

/**
 * The addresses of a standard peer; where nobody listens there is a unix path, too, that does not exist.
 *
 * @example
 * ```ts
 * import { standardAddresses } from '@pollout/testing'
 *
 * standardAddresses('echo').tcp4 // { family: 'inet', address: '192.0.2.1', port: 7 }
 * standardAddresses('echo').unix // { family: 'unix', path: '/simulated/echo' }
 * ```
 */
export function standardAddresses(name: StandardPeer): Record<StandardTransport, SocketAddress> {
  const port = STANDARD_PORTS[name]
  const inet = { family: 'inet', address: '192.0.2.1', port } as const
  const inet6 = { family: 'inet6', address: '2001:db8::1', port } as const
  return {
    tcp4: inet,
    tcp6: inet6,
    udp4: inet,
    udp6: inet6,
    unix: { family: 'unix', path: `/simulated/${name}` },
    abstract: { family: 'unix', path: `\0simulated-${name}` },
    unixgram: { family: 'unix', path: `/simulated/${name}.datagrams` },
    unixpacket: { family: 'unix', path: `/simulated/${name}.packets` },
  }
}

/**
 * How a standard peer can be reached: {@link standardAddresses} has an address for each.
 *
 * @example
 * ```ts
 * import { type StandardTransport, standardAddresses } from '@pollout/testing'
 *
 * const local: readonly StandardTransport[] = ['unix', 'abstract', 'unixpacket']
 * local.map((transport) => standardAddresses('echo')[transport])
 * ```
 */
export type StandardTransport =
  | 'tcp4'
  | 'tcp6'
  | 'udp4'
  | 'udp6'
  | 'unix'
  | 'abstract'
  | 'unixgram'
  | 'unixpacket'

/** The types of socket that may connect to the unix addresses. */
const TYPES: Readonly<Partial<Record<StandardTransport, SocketType>>> = {
  unix: 'stream',
  abstract: 'stream',
  unixgram: 'dgram',
  unixpacket: 'seqpacket',
}

const PEERS: Readonly<Partial<Record<StandardPeer, SimulatedPeer>>> = {
  echo: echoPeer(),
  recorder: { accept: (end) => ({ end: () => end.end() }) },
  deaf: {
    accept: (end) => {
      end.pause()
      return {}
    },
  },
  curt: {
    accept: (end) => {
      end.pause()
      end.end()
      return {}
    },
  },
  greeter: {
    accept: (end) => {
      end.write(Buffer.from('hello'))
      end.end()
      return {}
    },
  },
  witness: {
    accept: (end) => {
      end.write(Buffer.from('hello'))
      return { end: () => end.end() }
    },
  },
  resetter: { accept: (end) => ({ data: () => end.reset() }) },
  silent: silentPeer(),
}

/**
 * A network with the standard peers on it; others, given by name, take their places.
 *
 * @example
 * ```ts
 * import { createReactor } from '@pollout/core'
 * import { standardNetwork } from '@pollout/testing'
 *
 * const network = standardNetwork({ echo: { accept: (end) => ({ data: () => end.reset() }) } })
 * const reactor = createReactor({ backend: network.backend() })
 * ```
 */
export function standardNetwork(
  others: Readonly<Partial<Record<StandardPeer, SimulatedPeer>>> = {},
  options?: NetworkOptions,
): SimulatedNetwork {
  const network = simulatedNetwork(options)
  for (const name of Object.keys(STANDARD_PORTS) as StandardPeer[]) {
    const peer = others[name] ?? PEERS[name]
    if (peer === undefined) continue
    for (const [transport, address] of Object.entries(standardAddresses(name))) {
      network.listen(address, peer, TYPES[transport as StandardTransport])
    }
  }
  return network
}

/**
 * A backend on a standard network of its own: `createReactor({ backend: simulatedBackend() })`.
 *
 * @example
 * ```ts
 * import { createReactor } from '@pollout/core'
 * import { simulatedBackend } from '@pollout/testing'
 *
 * createReactor({ backend: simulatedBackend() })
 *   .session('tcp://192.0.2.1:13', (connection) => connection.received)
 *   .subscribe((chunk) => console.log(String(chunk))) // hello
 * ```
 */
export function simulatedBackend(): BackendFactory {
  return standardNetwork().backend()
}
