/** A network in memory: addresses with peers behind them, and a backend whose sockets reach them. */
import {
  type BackendFactory,
  type Clock,
  errno,
  formatAddress,
  type SocketAddress,
  type SocketType,
  systemClock,
} from '@pollout/core'
import { type Script, scriptedBackend } from './script.js'
import type { ScriptOptions } from './script-state.js'
import type { ScriptedSocket } from './scripted-socket.js'
import { SimulatedConnection, type SimulatedHost } from './simulated-connection.js'
import { SimulatedDatagrams } from './simulated-datagrams.js'
import { LocalAddresses } from './simulated-local.js'
import { failingPeer, type SimulatedPeer } from './simulated-peer.js'

/** A timer that is only there to keep the process alive; Node's longest. */
const LONGEST_DELAY_MS = 2 ** 31 - 1

/**
 * Options of {@link simulatedNetwork}.
 *
 * @example
 * ```ts
 * import { manualClock, type NetworkOptions, simulatedNetwork } from '@pollout/testing'
 *
 * const options: NetworkOptions = { clock: manualClock() }
 * const network = simulatedNetwork(options)
 * ```
 */
export interface NetworkOptions {
  /** What turns and delays are counted in; the reactor's own. Default: the system's. */
  readonly clock?: Clock
}

/**
 * Addresses without a peer behave as on a machine where nobody listens: tcp and abstract names refuse, a unix path
 * does not exist. Peers may be added and replaced at any time; those connected are not disturbed.
 *
 * @example
 * ```ts
 * import { echoPeer, type SimulatedNetwork, simulatedNetwork } from '@pollout/testing'
 *
 * const network: SimulatedNetwork = simulatedNetwork()
 *   .listen({ family: 'inet', address: '192.0.2.1', port: 7 }, echoPeer())
 *   .listen({ family: 'unix', path: '/run/echo.sock' }, echoPeer(), 'stream')
 * ```
 */
export class SimulatedNetwork {
  readonly clock: Clock
  readonly #peers = new Map<string, Listening>()
  readonly #attachments = new Set<Attachment>()

  constructor({ clock = systemClock }: NetworkOptions = {}) {
    this.clock = clock
  }

  /** Puts a peer at an address. At a unix address sockets of one type may connect, where one is given: EPROTOTYPE, unix(7). */
  listen(address: SocketAddress, peer: SimulatedPeer, type?: SocketType): this {
    this.#peers.set(formatAddress(address), { peer, type })
    return this
  }

  peerAt(address: SocketAddress): SimulatedPeer {
    return this.#peers.get(formatAddress(address))?.peer ?? nobody(address)
  }

  /** The type of the sockets that may connect there; undefined for any. */
  typeAt(address: SocketAddress): SocketType | undefined {
    return this.#peers.get(formatAddress(address))?.type
  }

  /** A datagram from somebody to a socket that has this local address; where there is none, it is lost. */
  datagram(from: SocketAddress, to: SocketAddress, message: Uint8Array): void {
    for (const attachment of this.#attachments) attachment.datagram(from, to, message)
  }

  /** A backend on this network, for `createReactor({ backend })`; the capabilities and name can be other ones. */
  backend(options: Pick<ScriptOptions, 'capabilities' | 'name'> = {}): BackendFactory {
    return (sink) => {
      const capabilities = { kernelSockets: false, ...options.capabilities }
      const { clock } = this
      const name = 'simulated'
      const script = scriptedBackend({ name, clock, ...options, capabilities, strict: false })
      this.#attachments.add(new Attachment(this, script))
      return script.factory(sink)
    }
  }
}

interface Listening {
  readonly peer: SimulatedPeer
  readonly type: SocketType | undefined
}

/**
 * A network with nobody on it.
 *
 * @example
 * ```ts
 * import { createReactor } from '@pollout/core'
 * import { echoPeer, simulatedNetwork } from '@pollout/testing'
 *
 * const network = simulatedNetwork()
 * network.listen({ family: 'inet', address: '192.0.2.1', port: 7 }, echoPeer())
 * const reactor = createReactor({ backend: network.backend() })
 * reactor.connect('tcp://192.0.2.1:7').subscribe((connection) => connection.reset())
 * reactor.connect('tcp://192.0.2.1:8').subscribe({ error: console.error }) // ECONNREFUSED
 * ```
 */
export function simulatedNetwork(options?: NetworkOptions): SimulatedNetwork {
  return new SimulatedNetwork(options)
}

function nobody(address: SocketAddress): SimulatedPeer {
  if (address.family !== 'unix') return failingPeer(-errno.ECONNREFUSED)
  const result = address.path.startsWith('\0') ? -errno.ECONNREFUSED : -errno.ENOENT
  return failingPeer(result, { atOnce: true })
}

/** Writes a script from what happens on the network. */
class Attachment {
  readonly #network: SimulatedNetwork
  readonly #script: Script
  readonly #connections = new Map<ScriptedSocket, SimulatedConnection | SimulatedDatagrams>()
  readonly #local = new LocalAddresses()
  /** Sockets whose level may have changed since the last batch. */
  #changed = new Set<ScriptedSocket>()
  #delivering = false
  #scheduled = false
  #keepAlive: NodeJS.Timeout | undefined

  constructor(network: SimulatedNetwork, script: Script) {
    this.#network = network
    this.#script = script
    script.answers.bind = (socket, at) => this.#local.bind(socket, at)
    script.answers.disconnect = (socket) => this.#disconnect(socket)
    script.answers.connect = (socket, to) => this.#connect(socket, to)
    script.answers.register = (socket) => this.#look(socket)
    script.answers.finishConnect = (socket) => this.#of(socket).finishConnect()
    script.answers.receive = (socket, into) => this.#of(socket).receive(into)
    script.answers.send = (socket, data, offset) => this.#of(socket).send(data, offset)
    script.answers.shutdown = (socket) => this.#of(socket).shutdown()
    script.onPoll = () => this.#deliver()
    script.onArmed = (count, referenced) => this.#stayAlive(count > 0 && referenced)
    script.onClose = (socket) => {
      this.#of(socket).close(socket.closed === 'graceful' ? 'graceful' : 'reset')
      this.#connections.delete(socket)
      this.#local.release(socket)
      this.#changed.delete(socket)
    }
  }

  datagram(from: SocketAddress, to: SocketAddress, message: Uint8Array): void {
    const socket = this.#local.at(to)
    const connection = socket && this.#of(socket)
    if (connection instanceof SimulatedDatagrams) connection.arrive(from, message)
  }

  #of(socket: ScriptedSocket): SimulatedConnection | SimulatedDatagrams {
    const known = this.#connections.get(socket)
    if (known) return known
    const { clock } = this.#network
    const host: SimulatedHost = {
      later: (callback) => clock.defer(callback, this.#script.referenced),
      after: (delayMs, callback) => void clock.setTimer(delayMs, callback),
      changed: () => {
        if (socket.closed !== undefined) return
        socket.peerAddress = connection.state === 'connected' ? connection.address : undefined
        this.#look(socket)
      },
    }
    const connection =
      socket.spec.type === 'dgram'
        ? new SimulatedDatagrams(host)
        : new SimulatedConnection(host, socket.spec.type === 'seqpacket')
    this.#connections.set(socket, connection)
    return connection
  }

  #connect(socket: ScriptedSocket, to: SocketAddress): number {
    if (to.family !== socket.spec.family) return -errno.EAFNOSUPPORT
    // Nobody's port: on Linux connect(2) answers 0, and there is no peer.
    if (socket.spec.type === 'dgram' && 'port' in to && to.port === 0) return -errno.EINVAL
    const peer = this.#network.peerAt(to)
    const type = this.#network.typeAt(to) ?? socket.spec.type
    if (type !== socket.spec.type) return -errno.EPROTOTYPE
    const connection = this.#of(socket)
    const wasFresh = connection.state === 'fresh' || connection.state === 'lost'
    const result = connection.connect(to, peer)
    const hasBegun = connection.state === 'connecting' || connection.state === 'connected'
    if (wasFresh && hasBegun) this.#local.choose(socket)
    return result
  }

  /** As AF_UNSPEC does: connect(2). A unix stream has no such thing: unix(7). */
  #disconnect(socket: ScriptedSocket): number {
    const connection = this.#of(socket)
    if (connection instanceof SimulatedDatagrams) connection.disconnect()
    else if (socket.spec.family === 'unix') return -errno.EINVAL
    else {
      connection.close('reset')
      this.#connections.delete(socket)
    }
    socket.peerAddress = undefined
    this.#local.forget(socket)
    return 0
  }

  #look(socket: ScriptedSocket): number {
    if (socket.registration === undefined) return 0
    this.#changed.add(socket)
    if (this.#scheduled) return 0
    this.#scheduled = true
    this.#network.clock.defer(() => {
      this.#scheduled = false
      this.#deliver()
    }, this.#script.referenced)
    return 0
  }

  #deliver(): void {
    if (this.#delivering) return
    const changed = this.#changed
    this.#changed = new Set()
    for (const socket of changed) {
      if (socket.registration === undefined) continue
      const level = this.#of(socket).level(socket.registration.interest)
      if (level !== 0) this.#script.ready(socket, level)
    }
    this.#delivering = true
    try {
      this.#script.deliver()
    } finally {
      this.#delivering = false
    }
  }

  /** As the kernel's pollers do; a clock that is not the system's has no process to keep alive. */
  #stayAlive(wanted: boolean): void {
    if (!wanted || this.#network.clock !== systemClock) {
      clearInterval(this.#keepAlive)
      this.#keepAlive = undefined
      return
    }
    this.#keepAlive ??= setInterval(() => {}, LONGEST_DELAY_MS)
  }
}
