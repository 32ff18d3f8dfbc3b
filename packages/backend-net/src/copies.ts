/** Copies of bytes on their way, in memory that is used again: fresh memory for each is a busy stream's garbage. */
import { Buffer } from 'node:buffer'

/** What one read or write of a stream takes at most. */
export const CHUNK_BYTES = 65_536

/**
 * malloc(3) puts equal pieces one behind the other, 16 bytes for itself between them, and a copy to where the place in
 * its page is 1 to 16 bytes after the source's takes 35 times as long on AMD's processors: glibc bug 30994. With room
 * before and behind it, a chunk has another place in its page than its neighbours.
 */
const ROOM = 1024

/** Memory for a chunk. */
export function chunkMemory(): Buffer {
  return chunkIn(Buffer.allocUnsafeSlow(CHUNK_BYTES + 2 * ROOM).buffer)
}

function chunkIn(memory: ArrayBufferLike): Buffer {
  return Buffer.from(memory, ROOM, CHUNK_BYTES)
}

/** Smaller copies get memory of their own size: one that waits for its reader would hold a whole chunk. */
const WORTH_KEEPING = CHUNK_BYTES / 2
/** A loop turn has a copy for each busy stream at most; more than this stay with the garbage collector. */
const MOST_SPARE = 32

export class Copies {
  readonly #spare: Buffer[] = []

  /** A copy of `data`, `CHUNK_BYTES` at most. */
  of(data: Uint8Array): Buffer {
    if (data.length < WORTH_KEEPING) return Buffer.from(data)
    const memory = this.#spare.pop() ?? chunkMemory()
    memory.set(data)
    return data.length === CHUNK_BYTES ? memory : memory.subarray(0, data.length)
  }

  /** `copy` is what `of()` gave, whole, and nobody reads it any more. */
  release(copy: Buffer): void {
    if (copy.length < WORTH_KEEPING || this.#spare.length === MOST_SPARE) return
    this.#spare.push(copy.length === CHUNK_BYTES ? copy : chunkIn(copy.buffer))
  }
}
