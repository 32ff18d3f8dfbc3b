/** This machine's byte order: of what typed arrays share with the kernel, and the network has the other way round. */
import { endianness } from 'node:os'

export const IS_LITTLE_ENDIAN = endianness() === 'LE'

/** A word of memory that holds four bytes in network order, as the number that they stand for; and the other way round. */
export function inNetworkOrder(word: number): number {
  if (!IS_LITTLE_ENDIAN) return word >>> 0
  const swapped =
    (word << 24) | ((word << 8) & 0x00ff_0000) | ((word >>> 8) & 0x0000_ff00) | (word >>> 24)
  return swapped >>> 0
}
