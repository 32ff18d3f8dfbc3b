/** A datagram socket whose handle is closed, and that has one more datagram to send: Node's close() would drop it. */
import type { Socket } from 'node:dgram'
import { clearTimeout, setTimeout } from 'node:timers'
import type { LingeringSocket } from './lingering.js'

export class LingeringDatagrams implements LingeringSocket {
  #isClosed = false
  readonly #socket: Socket

  constructor(socket: Socket) {
    this.#socket = socket
  }

  once(event: 'close', listener: () => void): void {
    this.#socket.once(event, listener.bind(this))
  }

  /** To be called when Node says that a datagram was sent, or never will be: it may have been one before the last. */
  sent(): void {
    if (!this.#isClosed && this.#socket.getSendQueueCount() === 0) this.#close()
  }

  giveUpAfter(patienceMs: number): void {
    const timer = setTimeout(() => this.#close(), patienceMs)
    this.#socket.once('close', () => clearTimeout(timer))
  }

  #close(): void {
    this.#isClosed = true
    this.#socket.close()
  }
}
