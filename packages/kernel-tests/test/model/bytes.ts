/** What the model test sends: at each place of a stream a byte that is known, so that it can be told what comes back. */
import { GREETING } from './peers.js'

const PERIOD = 251
/** As much as one call sends or receives at most. */
export const MOST_BYTES = 8_192

const pattern = Buffer.alloc(
  PERIOD + MOST_BYTES,
  Uint8Array.from({ length: PERIOD }, (_, i) => i),
)

/** `length` bytes of the stream of that salt, from `position` on. */
export function bytesAt(salt: number, position: number, length: number): Uint8Array {
  const start = (salt + position) % PERIOD
  return pattern.subarray(start, start + length)
}

/** Whether these bytes are what an echo peer sends at that place. */
export function isEcho(received: Uint8Array, salt: number, position: number): boolean {
  return Buffer.compare(received, bytesAt(salt, position, received.length)) === 0
}

/** Whether these bytes are what a greeter sends at that place. */
export function isGreeting(received: Uint8Array, position: number): boolean {
  return Buffer.compare(received, GREETING.subarray(position, position + received.length)) === 0
}
