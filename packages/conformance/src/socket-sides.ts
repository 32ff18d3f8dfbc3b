/** One row of the table of what a `net.Socket` does, played on Node's own socket or on a Duplex of ours: what was seen of it. */

import { once } from 'node:events'
import { rmSync } from 'node:fs'
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  connect as connectTls,
  createServer as createTlsServer,
  type ConnectionOptions as TlsConnectOptions,
} from 'node:tls'
import type { ConnectOptions, DuplexOptions, Reactor } from '@pollout/core'
import { certificates } from './certificates.js'

export type Transport = 'tcp' | 'unix' | 'tls'

/** What a name stands for, in the order of the answer; `fails` is the code that it fails with. */
export type Answer = readonly string[] | { readonly fails: string }

export interface Opening {
  readonly allowHalfOpen?: boolean
  readonly localAddress?: string
  readonly localPort?: number
  /** Connects to a name, which is looked up to this. */
  readonly name?: Answer
  /** Connects to this literal in place of 127.0.0.1. */
  readonly host?: string
  /** Connects to where nobody listens. */
  readonly nobody?: true
}

export interface Row {
  readonly what: string
  /** Default: tcp. */
  readonly on?: readonly Transport[]
  /** Is about what bind(2) says by itself; a backend without `immediateErrors` tells it as the connect's. */
  readonly tellsBind?: true
  /** What the server does with a connection; default: it listens, and ends when the other side does. */
  readonly peer?: (socket: Socket) => void
  /** Notes what is to be the same. */
  readonly play: (scene: Scene) => Promise<unknown>
  /** What a Duplex does instead, and why. */
  readonly differs?: {
    readonly why: string
    readonly seen: readonly unknown[]
    /** Now and then it is as with net.Socket. */
    readonly byChance?: true
  }
}

const EVENTS = [
  ...['lookup', 'connectionAttempt', 'connectionAttemptFailed', 'connectionAttemptTimeout'],
  ...['connect', 'ready', 'secureConnect', 'timeout', 'drain', 'end', 'finish', 'error', 'close'],
]

/** Makes a socket of the one kind or of the other. */
export type Opener = (place: Place, opening: Opening) => Socket

export interface Place {
  readonly transport: Transport
  readonly port: number
  readonly path: string
}

export class Scene {
  /** Everything noted, with the port of the server and this side's own as words. */
  readonly seen: unknown[] = []
  readonly #open: Opener
  readonly #place: Place
  readonly #sockets: Socket[] = []

  constructor(open: Opener, place: Place) {
    this.#open = open
    this.#place = place
  }

  get transport(): Transport {
    return this.#place.transport
  }

  /** A socket, whose every event is noted. */
  open(opening: Opening = {}): Socket {
    const socket = this.#open(this.#place, opening)
    this.#sockets.push(socket)
    for (const event of EVENTS) {
      socket.on(event, (...said: unknown[]) => this.note(event, ...said))
    }
    return socket
  }

  note(...said: readonly unknown[]): void {
    this.seen.push(...(said.length === 1 ? said.map(this.#plain) : [said.map(this.#plain)]))
  }

  /** What `act` returns, or the code of what it throws. */
  tried(act: () => unknown): void {
    try {
      const value = act()
      this.note(this.#sockets.includes(value as Socket) ? 'itself' : value)
    } catch (error) {
      this.note('thrown', error)
    }
  }

  end(): void {
    for (const socket of this.#sockets) socket.on('error', () => {}).destroy()
  }

  readonly #plain = (value: unknown): unknown => {
    if (value === this.#place.port) return 'PORT'
    if (typeof value === 'string') return value.replaceAll(this.#place.path, 'PATH')
    if (value instanceof Error) return this.#error(value)
    return value
  }

  #error(error: NodeJS.ErrnoException & { address?: string; port?: number }): string {
    const { code = error.name, syscall, address, port } = error
    const isConnecting =
      syscall !== undefined && ['connect', 'bind', 'getaddrinfo'].includes(syscall)
    const place = [syscall, address, port].filter((one) => one !== undefined)
    return [code, ...(isConnecting ? place.map((one) => String(this.#plain(one))) : [])].join(' ')
  }
}

/** Node's own. */
export const nodesOwn: Opener = ({ transport, port, path }, opening) => {
  const { allowHalfOpen, localAddress, localPort, name, nobody, host = '127.0.0.1' } = opening
  const common = { ...(allowHalfOpen && { allowHalfOpen }) }
  if (transport === 'unix') return connect({ path: nobody ? `${path}-nobody` : path, ...common })
  const lookup = (_host: string, _options: object, done: (...said: unknown[]) => void): void => {
    const { fails } = name as { fails?: string }
    if (fails) return void setImmediate(done, failure(fails))
    const all = (name as readonly string[]).map((address) => ({
      address,
      family: address.includes(':') ? 6 : 4,
    }))
    setImmediate(done, null, all)
  }
  const options = {
    ...common,
    host: name ? 'peer.test' : host,
    port: nobody ? 1 : port,
    ...(localAddress && { localAddress }),
    ...(localPort && { localPort }),
    ...(name && { lookup: lookup as never }),
  }
  if (transport === 'tcp') return connect(options)
  const tls: TlsConnectOptions = { ...options, ca: certificates().ca }
  return connectTls(name ? { ...tls, servername: 'peer.test' } : tls)
}

/** `Reactor.duplex()`; `reactorFor` makes one with the names that are given. */
export function ours(reactorFor: (name: Answer | undefined) => Reactor): Opener {
  return ({ transport, port, path }, opening) => {
    const { nobody, name, host = '127.0.0.1', ...options } = opening
    const common: ConnectOptions & DuplexOptions = options
    const reactor = reactorFor(name)
    const at = `${name ? 'peer.test' : host}:${nobody ? 1 : port}`
    const duplex =
      transport === 'unix'
        ? reactor.duplex(`unix:${path}${nobody ? '-nobody' : ''}`, common)
        : transport === 'tls'
          ? reactor.duplex(`tls://${at}`, { ...common, tls: { ca: certificates().ca } })
          : reactor.duplex(`tcp://${at}`, common)
    // It is to have of a net.Socket what the rows touch.
    return duplex as unknown as Socket
  }
}

export function failure(code: string): Error {
  return Object.assign(new Error(code), { code, syscall: 'getaddrinfo' })
}

/** A server for one row. */
export async function serve(transport: Transport, talk: Row['peer']) {
  const path = join(tmpdir(), `pollout-like-${process.pid}-${Math.random().toString(36).slice(2)}`)
  const sockets = new Set<Socket>()
  const onSocket = (socket: Socket): void => {
    sockets.add(socket)
    socket.on('error', () => {}).on('close', () => sockets.delete(socket))
    if (talk) talk(socket)
    else socket.resume()
  }
  const server: Server =
    transport === 'tls'
      ? createTlsServer({ ...certificates().good }, onSocket).on('tlsClientError', () => {})
      : createServer(onSocket)
  if (transport === 'unix') server.listen(path)
  else server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = (transport === 'unix' ? { port: -1 } : server.address()) as AddressInfo
  return {
    place: { transport, port, path },
    async close(): Promise<void> {
      const closed = once(server, 'close')
      server.close()
      for (const socket of sockets) socket.destroy()
      await closed
      rmSync(path, { force: true })
    },
  }
}
