/** Exchange lanes to be tried: the addon's, and the one on connections, on either backend. */
import { once } from 'node:events'
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net'
import { isNativeBackendAvailable, nativeBackend } from '@pollout/backend-native'
import { netBackend } from '@pollout/backend-net'
import {
  CONNECTION_FIELDS,
  ConnectionEvent,
  ConnectionField,
  createReactor,
  EXCHANGE_OUTCOME_FIELDS,
  ExchangeEnd,
  type ExchangeLane,
  ExchangeOutcomeField,
  type ExchangeSink,
  type Reactor,
  type SocketAddress,
  systemClock,
  tcp,
  unix,
} from '@pollout/core'
import { type ExchangeSetup, exchangesOf } from '@pollout/core/internal'
import { beforeEach, describe, onTestFinished } from 'vitest'
import { PortableLane } from '../src/lane/portable-lane.js'

export type LaneName = 'native' | 'portable on native' | 'portable on net'

export interface ToldExchange {
  readonly id: number
  readonly end: string
  readonly status: number
  readonly request: number
  readonly connection: number
  readonly intendedAt: number
  readonly freeAt: number
  readonly sentAt: number
  readonly firstAt: number
  readonly receivedAt: number
  readonly doneAt: number
  readonly bytes: number
  readonly code: number
}

export interface ToldConnection {
  readonly id: number
  readonly event: string
  readonly status: number
  readonly step: number
  readonly peer: number
  readonly startedAt: number
  readonly sentAt: number
  readonly readyAt: number
  readonly endedAt: number
  readonly exchanges: number
}

const REQUEST = { parts: [{ bytes: Buffer.from('?') }] }

const USUAL: ExchangeSetup = {
  connections: 1,
  eager: true,
  exchangesPerConnection: Number.POSITIVE_INFINITY,
  depth: 1,
  requests: [REQUEST.parts],
  seed: 7,
  response: { kind: 'fixed', bytes: 1 },
  check: {},
  maxResponseBytes: 100_000,
  connectTimeoutMs: 5_000,
  timeoutMs: 5_000,
  closeMode: 'graceful',
  kernelTimes: true,
}

export class OpenedLane implements ExchangeSink {
  readonly lane: ExchangeLane
  readonly exchangesTold: ToldExchange[] = []
  readonly connectionsTold: ToldConnection[] = []
  readonly reactor: Reactor
  #inCall = false
  #onTold: (() => void) | undefined

  constructor(name: LaneName, reactor: Reactor, peers: SocketAddress[], setup: ExchangeSetup) {
    this.reactor = reactor
    this.#inCall = true
    this.lane = name === 'native' ? this.#native(peers, setup) : this.#portable(peers, setup)
    this.#inCall = false
  }

  #native(peers: SocketAddress[], setup: ExchangeSetup): ExchangeLane {
    const lane = exchangesOf(this.reactor).open(peers, {}, setup, this)
    if (lane === undefined) throw new Error('the native backend has no such lane')
    return lane
  }

  #portable(peers: SocketAddress[], setup: ExchangeSetup): ExchangeLane {
    const endpoints = peers.map((peer) => {
      if (peer.family === 'unix') return unix(peer.path)
      if (peer.family === 'vsock') throw new Error('vsock')
      return tcp(peer.address, peer.port)
    })
    return new PortableLane(this.reactor, systemClock, { ...setup, endpoints, connect: {} }, this)
  }

  exchanges(records: Float64Array, count: number): void {
    this.#assertOutside()
    const ends = Object.entries(ExchangeEnd)
    for (let i = 0; i < count; i++) {
      const at = (field: number): number => records[i * EXCHANGE_OUTCOME_FIELDS + field] as number
      const fields = Object.fromEntries(
        Object.entries(ExchangeOutcomeField).map(([name, field]) => [camel(name), at(field)]),
      )
      const [end] = ends.find(([, number]) => number === fields['end']) ?? ['?']
      this.exchangesTold.push({ ...(fields as unknown as ToldExchange), end })
    }
    this.#onTold?.()
  }

  connections(records: Float64Array, count: number): void {
    this.#assertOutside()
    const events = Object.entries(ConnectionEvent)
    for (let i = 0; i < count; i++) {
      const at = (field: number): number => records[i * CONNECTION_FIELDS + field] as number
      const fields = Object.fromEntries(
        Object.entries(ConnectionField).map(([name, field]) => [camel(name), at(field)]),
      )
      const [event] = events.find(([, number]) => number === fields['event']) ?? ['?']
      this.connectionsTold.push({ ...(fields as unknown as ToldConnection), event })
    }
    this.#onTold?.()
  }

  /** So many; `START_AT` 0: at once. */
  submit(count: number, startAt = 0, request = 0): void {
    this.submitAt(
      Array.from({ length: count }, () => startAt),
      request,
    )
  }

  submitAt(moments: readonly number[], request = 0): void {
    this.#inCall = true
    const records = Float64Array.from(moments.flatMap((startAt) => [startAt, request]))
    this.lane.submit(records, moments.length)
    // They were copied.
    records.fill(Number.NaN)
    this.#inCall = false
  }

  stop(): void {
    this.#inCall = true
    this.lane.stop()
    this.#inCall = false
  }

  cancel(): void {
    this.#inCall = true
    this.lane.cancel()
    this.#inCall = false
  }

  /** Waits for so many outcomes, and gives them in the order of submission. */
  async told(count: number): Promise<ToldExchange[]> {
    await this.until(() => this.exchangesTold.length >= count)
    return this.exchangesTold.toSorted((a, b) => a.id - b.id)
  }

  async toldOfConnections(count: number): Promise<ToldConnection[]> {
    await this.until(() => this.connectionsTold.length >= count)
    return this.connectionsTold
  }

  async until(isThere: () => boolean): Promise<void> {
    while (!isThere()) {
      await new Promise<void>((resolve) => {
        this.#onTold = resolve
      })
    }
  }

  events(): string[] {
    return this.connectionsTold.map(({ event }) => event)
  }

  ends(): string[] {
    return this.exchangesTold.toSorted((a, b) => a.id - b.id).map(({ end }) => end)
  }

  #assertOutside(): void {
    if (this.#inCall) throw new Error('the sink was called from within a call of the lane')
  }
}

function camel(name: string): string {
  return name.toLowerCase().replace(/_(\w)/g, (_, letter: string) => letter.toUpperCase())
}

export type OpenLane = (
  peers: SocketAddress | readonly SocketAddress[],
  setup?: Partial<ExchangeSetup>,
) => OpenedLane

/** The same tests for each lane that there is here. */
export function describeLanes(
  what: string,
  define: (open: OpenLane, name: LaneName) => void,
): void {
  const names: LaneName[] = ['native', 'portable on native', 'portable on net']
  const hasNative = isNativeBackendAvailable().available
  describe.each(names)(`%s: ${what}`, (name) => {
    const isNative = name !== 'portable on net'
    beforeEach((context) => {
      if (isNative && !hasNative) context.skip('the native backend is not available here')
    })
    define((peers, setup) => {
      const backend = isNative ? nativeBackend({ threads: 1 }) : netBackend()
      const reactor = createReactor({ backend })
      const all = Array.isArray(peers) ? [...peers] : [peers as SocketAddress]
      const opened = new OpenedLane(name, reactor, all, { ...USUAL, ...setup })
      onTestFinished(async () => {
        opened.cancel()
        await reactor.destroy()
      })
      return opened
    }, name)
  })
}

export interface TestServer {
  readonly address: SocketAddress
  /** All that was received, over all connections. */
  received(): string
  readonly sockets: ReadonlySet<Socket>
  accepted(): number
}

/** `onData` is called for each chunk. It ends with the test. */
export async function serve(
  onData: (socket: Socket, chunk: Buffer, seen: { bytes: number }) => void,
  onConnection: (socket: Socket) => void = () => {},
  path?: string,
): Promise<TestServer> {
  const sockets = new Set<Socket>()
  const chunks: Buffer[] = []
  let accepted = 0
  const server: Server = createServer({ noDelay: true }, (socket) => {
    accepted++
    sockets.add(socket)
    const seen = { bytes: 0 }
    socket.on('close', () => sockets.delete(socket)).on('error', () => {})
    socket.on('data', (chunk) => {
      chunks.push(chunk)
      seen.bytes += chunk.length
      onData(socket, chunk, seen)
    })
    onConnection(socket)
  })
  if (path === undefined) server.listen(0, '127.0.0.1')
  else server.listen(path)
  await once(server, 'listening')
  onTestFinished(async () => {
    for (const socket of sockets) socket.destroy()
    await new Promise((resolve) => server.close(resolve))
  })
  return {
    address:
      path === undefined ? inet((server.address() as AddressInfo).port) : { family: 'unix', path },
    received: () => Buffer.concat(chunks).toString('latin1'),
    sockets,
    accepted: () => accepted,
  }
}

export function inet(port: number): SocketAddress {
  return { family: 'inet', address: '127.0.0.1', port }
}

/** A byte for each byte. */
export function echoing(socket: Socket, chunk: Buffer): void {
  socket.write(chunk)
}

/** The same answer for each byte that comes. */
export function answering(answer: string | Buffer) {
  return (socket: Socket, chunk: Buffer): void => {
    for (const _ of chunk) socket.write(answer)
  }
}
