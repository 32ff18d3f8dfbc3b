/** What the tests share: a backend with a sink that can be awaited, real servers, and a count of descriptors. */
import { once } from 'node:events'
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import net, { type AddressInfo, type Server, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  type Backend,
  errno,
  type Handle,
  type InetAddress,
  Interest,
  type SocketAddress,
  type SocketType,
  type Token,
} from '@pollout/core'
import { unusedPort } from '@pollout/test-servers'
import { afterEach, beforeEach, expect } from 'vitest'
import { netBackend } from '../src/index.js'

export interface Ready {
  readonly token: number
  readonly readiness: number
}

/** A backend, every batch it delivered, and promises of what it is about to deliver. */
export class Harness {
  readonly batches: Ready[][] = []
  readonly backend: Backend
  /** Runs inside the sink, after the batch has been noted. */
  inSink: ((batch: readonly Ready[]) => void) | undefined
  #lastToken = 0
  readonly #waiting = new Map<number, (readiness: number) => void>()

  constructor() {
    this.backend = netBackend()({
      ready: (tokens, readiness, count) => {
        const batch: Ready[] = []
        for (let i = 0; i < count; i++) {
          batch.push({ token: tokens[i] ?? 0, readiness: readiness[i] ?? 0 })
        }
        this.batches.push(batch)
        this.inSink?.(batch)
        for (const { token, readiness } of batch) this.#waiting.get(token)?.(readiness)
      },
      broken: (cause) => {
        throw cause
      },
    })
  }

  get events(): Ready[] {
    return this.batches.flat()
  }

  token(): Token {
    return ++this.#lastToken as Token
  }

  open(to: Pick<SocketAddress, 'family'>, type: SocketType = 'stream'): Handle {
    const handle = this.backend.open({ family: to.family, type })
    if (handle < 0) throw new Error(`open: ${handle}`)
    return handle as Handle
  }

  /** Registers and waits for the report. */
  ready(handle: Handle, interest: Interest): Promise<number> {
    const token = this.token()
    const reported = new Promise<number>((resolve) => this.#waiting.set(token, resolve))
    const result = this.backend.register(handle, token, interest)
    if (result !== 0) throw new Error(`register: ${result}`)
    return reported
  }

  /** Connects and returns the outcome of finishConnect(). */
  async attempt(handle: Handle, to: SocketAddress): Promise<number> {
    const result = this.backend.connect(handle, to)
    if (result !== 0 && result !== -errno.EINPROGRESS) return result
    await this.ready(handle, Interest.WRITABLE)
    return this.backend.finishConnect(handle)
  }

  async connected(to: SocketAddress, type: SocketType = 'stream'): Promise<Handle> {
    const handle = this.open(to, type)
    const status = await this.attempt(handle, to)
    if (status !== 0) throw new Error(`connect: ${status}`)
    return handle
  }

  /** Reads until the end of the stream, or until `bytes` are there. */
  async read(handle: Handle, bytes = Number.POSITIVE_INFINITY): Promise<Buffer> {
    const chunks: Buffer[] = []
    const into = Buffer.alloc(32_768)
    for (let total = 0; total < bytes; ) {
      const count = this.backend.receive(handle, into)
      if (count === 0) break
      if (count > 0) chunks.push(Buffer.from(into.subarray(0, count)))
      else if (count === -errno.EAGAIN) await this.ready(handle, Interest.READABLE)
      else throw new Error(`receive: ${count}`)
      total += Math.max(count, 0)
    }
    return Buffer.concat(chunks)
  }

  /** Sends all of `data`; returns how often it had to wait for room. */
  async sendAll(handle: Handle, data: Uint8Array): Promise<number> {
    let waits = 0
    for (let offset = 0; offset < data.length; ) {
      const count = this.backend.send(handle, data, offset)
      if (count === -errno.EAGAIN) {
        waits++
        await this.ready(handle, Interest.WRITABLE)
      } else if (count > 0) offset += count
      else throw new Error(`send: ${count}`)
    }
    return waits
  }
}

/** What a test has to itself; made before it, and afterwards gone without a descriptor left behind. */
export interface World {
  h: Harness
  server: TestServer
  directory: { path: string; remove: () => void }
}

export function useWorld(): World {
  const make = (): World => ({
    h: new Harness(),
    server: new TestServer(),
    directory: temporaryDirectory(),
  })
  const world = {} as World
  let before: number

  beforeEach(() => {
    before = descriptorCount()
    Object.assign(world, make())
  })

  afterEach(async () => {
    await world.h.backend.destroy()
    expect(world.h.backend.openHandles).toBe(0)
    await world.server.stop()
    world.directory.remove()
    await turn()
    expect(descriptorCount()).toBe(before)
  })
  return world
}

/** A listening server, the sockets it accepted, and its address. */
export class TestServer {
  readonly sockets: Socket[] = []
  readonly server: Server
  readonly #arrivals: ((socket: Socket) => void)[] = []
  #claimed = 0

  constructor() {
    this.server = net.createServer({ allowHalfOpen: true, pauseOnConnect: true }, (socket) => {
      socket.on('error', () => {})
      this.sockets.push(socket)
      this.#arrivals.shift()?.(socket)
    })
  }

  async listen(where: { host: string } | { path: string }): Promise<SocketAddress> {
    this.server.listen('path' in where ? where : { port: 0, ...where })
    await once(this.server, 'listening')
    const address = this.server.address() as AddressInfo | string
    if (typeof address === 'string') return { family: 'unix', path: address }
    const family = address.family === 'IPv6' ? 'inet6' : 'inet'
    return { family, address: address.address, port: address.port }
  }

  /** The next socket not yet asked for. */
  accepted(): Promise<Socket> {
    const next = this.sockets[this.#claimed++]
    if (next !== undefined) return Promise.resolve(next)
    return new Promise((resolve) => this.#arrivals.push(resolve))
  }

  async closeAccepted(): Promise<void> {
    for (const socket of this.sockets) socket.destroy()
    await turn()
  }

  async stop(): Promise<void> {
    await this.closeAccepted()
    if (!this.server.listening) return
    const closed = once(this.server, 'close')
    this.server.close()
    // Those too that were accepted in the meantime: it waits for all of them.
    for (const socket of this.sockets) socket.destroy()
    await closed
  }
}

/** All that a peer sends until its FIN; unlike `for await`, leaves the peer open. */
export async function readAll(peer: Socket): Promise<Buffer> {
  const chunks: Buffer[] = []
  peer.on('data', (chunk) => chunks.push(chunk))
  peer.resume()
  await once(peer, 'end')
  return Buffer.concat(chunks)
}

/** How many bytes a peer sends until its FIN, for a reader that is slower than it; also tells that it was no reset. */
export async function readSlowly(peer: Socket): Promise<number> {
  let bytes = 0
  for await (const chunk of peer) {
    bytes += chunk.length
    await settle(1)
  }
  return bytes
}

/** An address of 127.0.0.1 where nobody listens. */
export async function closedPort(): Promise<InetAddress> {
  return { family: 'inet', address: '127.0.0.1', port: await unusedPort() }
}

function temporaryDirectory(): { path: string; remove: () => void } {
  const path = mkdtempSync(join(tmpdir(), 'pollout-net-'))
  return { path, remove: () => rmSync(path, { recursive: true, force: true }) }
}

/** Open descriptors of this process; the one that reads the directory is counted alike each time. */
export function descriptorCount(): number {
  return readdirSync('/proc/self/fd').length
}

/** One turn of the event loop. */
export function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}

/** Some turns, each with a timer's rest: long enough for anything on loopback that could happen to have happened. */
export async function settle(turns = 10): Promise<void> {
  for (let i = 0; i < turns; i++) await new Promise((resolve) => setTimeout(resolve, 2))
}
