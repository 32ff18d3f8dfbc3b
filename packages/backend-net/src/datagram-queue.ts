/**
 * Datagrams that have been received and not yet asked for.
 *
 * `node:dgram` reads from the kernel whether anybody wants to or not, and can't be told to stop. So they wait here, and
 * the bound is the one that the kernel's own buffer has: what arrives when it is full is dropped, udp(7).
 */

/** What a datagram costs besides its bytes: about that of the kernel's `sk_buff`, so that empty ones are bounded too. */
const OVERHEAD_BYTES = 512

export class DatagramQueue {
  /** SO_RCVBUF as getsockopt(2) tells it. */
  limitBytes = 0
  #waiting: Uint8Array[] = []
  /** Where the oldest stands. */
  #head = 0
  #bytes = 0

  get isEmpty(): boolean {
    return this.#head === this.#waiting.length
  }

  /** Takes it, or drops it where there is no room. One that comes first is always taken. */
  push(datagram: Uint8Array): void {
    const bytes = datagram.length + OVERHEAD_BYTES
    if (this.#bytes > 0 && this.#bytes + bytes > this.limitBytes) return
    this.#bytes += bytes
    this.#waiting.push(datagram)
  }

  shift(): Uint8Array | undefined {
    const datagram = this.#waiting[this.#head]
    if (datagram === undefined) return undefined
    this.#head++
    this.#bytes -= datagram.length + OVERHEAD_BYTES
    if (this.isEmpty || this.#head * 2 > this.#waiting.length) {
      this.#waiting = this.#waiting.slice(this.#head)
      this.#head = 0
    }
    return datagram
  }
}
