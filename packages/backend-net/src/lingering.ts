/**
 * Sockets whose handle is closed and whose descriptor is still open: they have data to send, or are closing.
 *
 * The data is at most what one send() took beyond the kernel's buffer, 64 KiB; but it is in this process. While it
 * waits it keeps the event loop alive; process.exit() or the end of the worker thread loses it.
 */
import { setImmediate } from 'node:timers'

/**
 * A peer that makes no room for so long, once the backend is being destroyed, is given up. Not shorter, for the sake
 * of slow ones: the kernel takes more only when about a third of its buffer, of up to 4 MB, has come free.
 */
const PATIENCE_MS = 30_000

/** A socket that closes by itself when all is sent, and then emits 'close'. */
export interface LingeringSocket {
  once(event: 'close', listener: () => void): unknown
  /** From now on, closes too when nothing has gone out for so long. */
  giveUpAfter(patienceMs: number): void
}

export class Lingering {
  readonly #sockets = new Set<LingeringSocket>()
  readonly #patienceMs: number
  readonly #remove: (this: LingeringSocket) => void

  constructor(patienceMs = PATIENCE_MS) {
    this.#patienceMs = patienceMs
    const sockets = this.#sockets
    this.#remove = function (this: LingeringSocket) {
      sockets.delete(this)
    }
  }

  add(socket: LingeringSocket | undefined): void {
    if (socket === undefined) return
    this.#sockets.add(socket)
    socket.once('close', this.#remove)
  }

  /** Resolves when each has sent what it has, or was reset after its time, and has said that it is closed. */
  async ended(): Promise<void> {
    const closed: Promise<void>[] = []
    for (const socket of this.#sockets) {
      closed.push(new Promise((resolve) => socket.once('close', resolve)))
      socket.giveUpAfter(this.#patienceMs)
    }
    await Promise.all(closed)
    // Descriptors of sockets closed just before are given back, but libuv's closing phase has yet to forget them.
    await new Promise<void>((resolve) => setImmediate(() => setImmediate(resolve)))
  }
}
