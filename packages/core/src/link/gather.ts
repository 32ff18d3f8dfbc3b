/** Several chunks as few: for streams, where a call costs more than copying a little does. */

/** Chunks written one after the other go out as one up to this size; copying more costs more than a call does. */
const GATHERED_BYTES = 64 * 1024

/** The same bytes in fewer pieces. */
export function gather(chunks: readonly Buffer[]): Buffer[] {
  const parts: Buffer[] = []
  let small: Buffer[] = []
  let bytes = 0
  const flush = (): void => {
    if (small.length > 0)
      parts.push(small.length === 1 ? (small[0] as Buffer) : Buffer.concat(small))
    small = []
    bytes = 0
  }
  for (const chunk of chunks) {
    if (bytes + chunk.length > GATHERED_BYTES) flush()
    small.push(chunk)
    bytes += chunk.length
  }
  flush()
  return parts
}
