/** A datagram socket of Node's own to talk to, and what it has received. */
import dgram from 'node:dgram'
import { once } from 'node:events'
import type { InetAddress, SocketAddress } from '@pollout/core'

export class TestPeer {
  readonly received: { text: string; port: number }[] = []
  readonly #socket: dgram.Socket
  readonly #host: string
  readonly #arrivals = new Set<() => void>()

  constructor(family: InetAddress['family'] = 'inet') {
    this.#host = family === 'inet6' ? '::1' : '127.0.0.1'
    this.#socket = dgram.createSocket(family === 'inet6' ? 'udp6' : 'udp4')
    this.#socket.on('message', (data, { port }) => {
      this.received.push({ text: data.toString('latin1'), port })
      for (const arrived of this.#arrivals) arrived()
    })
  }

  async bind(): Promise<InetAddress> {
    this.#socket.bind(0, this.#host)
    await once(this.#socket, 'listening')
    return this.address
  }

  get address(): InetAddress {
    const { address, port, family } = this.#socket.address()
    return { family: family === 'IPv6' ? 'inet6' : 'inet', address, port }
  }

  /** Resolves when so many have come, to all of them. */
  async texts(count: number): Promise<string[]> {
    while (this.received.length < count) {
      await new Promise<void>((resolve) => {
        const arrived = () => {
          this.#arrivals.delete(arrived)
          resolve()
        }
        this.#arrivals.add(arrived)
      })
    }
    return this.received.map(({ text }) => text)
  }

  async send(text: string, to: SocketAddress | undefined): Promise<void> {
    const { port } = to as InetAddress
    await new Promise((resolve) => this.#socket.send(text, port, this.#host, resolve))
  }

  async close(): Promise<void> {
    this.#socket.close()
    await once(this.#socket, 'close')
  }
}
