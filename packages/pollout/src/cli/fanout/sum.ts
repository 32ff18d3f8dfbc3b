/** A checksum: whether bytes are those that were written. Of what a power failure leaves, not of what somebody forges. */
import { createHash } from 'node:crypto'

const DIGITS = 16

export function sumOf(bytes: string | Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex').slice(0, DIGITS)
}
