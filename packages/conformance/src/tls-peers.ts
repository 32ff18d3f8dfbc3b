/** Servers of TLS for one test, and connects to them. */

import assert from 'node:assert/strict'
import { once } from 'node:events'
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net'
import { Duplex } from 'node:stream'
import {
  createServer as createTlsServer,
  type TlsOptions as ServerOptions,
  type TLSSocket,
} from 'node:tls'
import type { ConnectOptions, Reactor, ReactorStats, Resolver, TlsConnection } from '@pollout/core'
import { firstValueFrom } from 'rxjs'
import { certificates } from './certificates.js'
import type { Trial } from './trial.js'

/** Every name is this machine. */
export const LOOPBACK: Resolver = { resolve: async () => ['127.0.0.1'] }

export interface Peer {
  readonly port: number
  /** Resets all that are connected to it. */
  reset(): void
  /** Resolves when all its sockets are closed, too. */
  close(): Promise<void>
}

/** Says what it has heard. */
export function tlsPeer(
  talk: (socket: TLSSocket) => void,
  options: ServerOptions = {},
): Promise<Peer> {
  const server = createTlsServer({ ...certificates().good, ...options }, (socket) => {
    // Told by what the test sees at its own end.
    socket.on('error', () => {})
    talk(socket)
  })
  server.on('tlsClientError', () => {})
  return listening(server)
}

export function plainPeer(talk: (socket: Socket) => void): Promise<Peer> {
  const server = createServer((socket) => {
    socket.on('error', () => {})
    talk(socket)
  })
  return listening(server)
}

export async function listening(server: Server): Promise<Peer> {
  const sockets = new Set<Socket>()
  server.on('connection', (socket: Socket) => {
    sockets.add(socket)
    socket.once('close', () => sockets.delete(socket))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    port: (server.address() as AddressInfo).port,
    reset() {
      for (const socket of sockets) socket.resetAndDestroy()
    },
    async close() {
      const closed = once(server, 'close')
      server.close()
      for (const socket of sockets) socket.destroy()
      await closed
    },
  }
}

export const echo = (socket: Socket): void => void socket.pipe(socket)

/** Connects to `peer.test`, and trusts who has signed its certificate. */
export function secured(
  reactor: Reactor,
  { port }: Peer,
  { tls, ...options }: ConnectOptions = {},
): Promise<TlsConnection> {
  const all = { ...options, tls: { ca: certificates().ca, ...tls } }
  return firstValueFrom(reactor.connect(`tls://peer.test:${port}`, all)) as Promise<TlsConnection>
}

export function reactorOf(t: Trial): Reactor {
  return t.reactor({ resolver: LOOPBACK })
}

/** For a TLSSocket that does not take the socket over: what is done to that is done without a word of TLS. */
export function below(socket: Socket): Duplex {
  const stream = new Duplex({
    read() {},
    write: (chunk, _encoding, done) => void socket.write(chunk, done),
  })
  socket.on('data', (chunk) => stream.push(chunk))
  return stream
}

/** Nothing is under way, and nothing was left behind. */
export function atRest({ open, inFlight, registrations, deadlines }: ReactorStats): void {
  assert.deepEqual(
    { open, inFlight, registrations, deadlines },
    { open: 0, inFlight: 0, registrations: 0, deadlines: 0 },
  )
}
