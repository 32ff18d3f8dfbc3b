/** What the suite connects to: peers of known behaviour, real ones or simulated ones. */

import type { AddressFamily, Endpoint, SocketAddress, SocketSpec, SocketType } from '@pollout/core'
/** Those that carry streams; all kinds of peers are there. */
export const TRANSPORTS = ['tcp4', 'tcp6', 'unix', 'abstract'] as const
/** Those that carry messages; on them are `echo` and `refused`. */
export const MESSAGE_TRANSPORTS = ['udp4', 'udp6', 'unixgram', 'unixpacket'] as const

/**
 * How a peer of the suite can be reached.
 *
 * @example
 * ```ts
 * import { realWorld, type Transport } from '@pollout/conformance'
 *
 * const wanted: readonly Transport[] = ['tcp4', 'tcp6', 'unix', 'abstract', 'udp4']
 * const world = realWorld()
 * wanted.filter((transport) => world.lacks(transport) === undefined)
 * ```
 */
export type Transport = (typeof TRANSPORTS)[number] | (typeof MESSAGE_TRANSPORTS)[number]

const FAMILIES: Readonly<Record<Transport, AddressFamily>> = {
  tcp4: 'inet',
  tcp6: 'inet6',
  unix: 'unix',
  abstract: 'unix',
  udp4: 'inet',
  udp6: 'inet6',
  unixgram: 'unix',
  unixpacket: 'unix',
}

/** The socket that a transport needs. */
export function specOf(transport: Transport): SocketSpec {
  return { family: FAMILIES[transport], type: typeOf(transport) }
}

function typeOf(transport: Transport): SocketType {
  if (transport === 'unixpacket') return 'seqpacket'
  return transport === 'unixgram' || transport.startsWith('udp') ? 'dgram' : 'stream'
}

/**
 * - `echo` sends back what it gets, and ends when this side does;
 * - `recorder` reads all, answers nothing, ends when this side does;
 * - `deaf` reads nothing before `listenUp()`, then is a recorder;
 * - `curt` ends its side at once, and is as deaf;
 * - `greeter` sends `hello`, ends its side at once, and records;
 * - `witness` says `hello`, and records;
 * - `resetter` resets the connection at the first data;
 * - `silent` never answers a connect (tcp4 only);
 * - `refused`: nobody listens; a socket file without a listener, on unix.
 *
 * @example
 * ```ts
 * import type { PeerKind, World } from '@pollout/conformance'
 *
 * const thatFail: readonly PeerKind[] = ['silent', 'refused']
 * function endpoints(world: World) {
 *   return thatFail.map((kind) => world.endpoint(kind, 'tcp4'))
 * }
 * ```
 */
export type PeerKind =
  | 'echo'
  | 'recorder'
  | 'deaf'
  | 'curt'
  | 'greeter'
  | 'resetter'
  | 'witness'
  | 'silent'
  | 'refused'

/**
 * What a recording peer saw of one connection, once that is over.
 *
 * @example
 * ```ts
 * import type { PeerRecord, World } from '@pollout/conformance'
 *
 * async function line(world: World): Promise<string> {
 *   const { bytes, end }: PeerRecord = await world.nextRecord()
 *   return `the peer got ${bytes} bytes, then ${end === 'fin' ? 'the end' : 'a reset'}`
 * }
 * ```
 */
export interface PeerRecord {
  readonly bytes: number
  /** SHA-1 of the bytes, in hexadecimal. */
  readonly digest: string
  /** How this side left: with FIN or RST. */
  readonly end: 'fin' | 'reset'
}

/**
 * The peers that the suite needs, wherever they live: {@link realWorld}, {@link simulatedWorld}, or one of your own.
 *
 * @example
 * ```ts
 * import { type BackendFactory, createReactor } from '@pollout/core'
 * import type { World } from '@pollout/conformance'
 * import { firstValueFrom } from 'rxjs'
 *
 * async function greet(world: World, backend: BackendFactory): Promise<void> {
 *   await using reactor = createReactor({ backend })
 *   await using connection = await firstValueFrom(reactor.connect(world.endpoint('recorder')))
 *   await connection.send('hello')
 * }
 * ```
 */
export interface World {
  start(): Promise<void>
  stop(): Promise<void>
  /** Why a transport can't be had on this machine; undefined where it can. */
  lacks(transport: Transport): string | undefined
  /** Why no network namespace can be made here; undefined where it can. */
  readonly lacksNamespaces: string | undefined
  endpoint(kind: PeerKind, transport?: Transport): Endpoint
  /** An address literal of IPv4 at which nobody listens on any port that the world uses. */
  readonly deserted: string
  /** A unix path where nothing is. */
  readonly noSuchPath: string
  /** What the next of the recording peers saw; those of a test are to be asked for in it. */
  nextRecord(): Promise<PeerRecord>
  /** Throws away what the peers of earlier tests saw. */
  forgetRecords(): void
  /** The deaf peers begin to read. */
  listenUp(): Promise<void>
  /** Somebody whom nobody is connected to sends a UDP datagram there; resolves when it is out. */
  stranger(to: SocketAddress, message: string): Promise<void>
  /** A unix listener whose backlog is full until `release()`. */
  fullBacklog(): Promise<{ readonly endpoint: Endpoint; release(): Promise<void> }>
  /** An endpoint that connects to itself so many times, then accepts; undefined where that can't be arranged. */
  selfConnecting?(times: number): Endpoint
}
