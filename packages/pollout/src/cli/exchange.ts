/** `--send`: sends, takes what the peer answers, and takes leave. */
import type { Connection } from '@pollout/core'
import type { Stop } from './stop.js'

export interface ExchangeOptions {
  /** Silence of the peer that ends the exchange, in milliseconds. */
  readonly idleMs: number
  readonly stop: Stop
  /** Takes a chunk; a promise slows the peer down. */
  readonly received: (chunk: Buffer) => Promise<void> | undefined
}

export type ExchangeEnd = 'peer-ended' | 'silent' | 'stopped'

/**
 * After an answer this long a silence ends this side's stream, on which most peers end theirs. Not before the
 * answer: Node's own HTTP server, for one, drops a request whose sender has ended its stream.
 */
const ANSWERED_MS = 1_000

/** Rejects with a ConnectError when the connection breaks. The connection is closed afterwards either way. */
export async function exchange(
  connection: Connection,
  text: Uint8Array,
  { idleMs, stop, received }: ExchangeOptions,
): Promise<ExchangeEnd> {
  let end: ExchangeEnd = 'peer-ended'
  const leave = (why: ExchangeEnd): void => {
    end = why
    connection.reset()
  }
  const stopped = (): void => leave('stopped')
  const silent = (): void => leave('silent')
  const answered = (): void => {
    // Fails where the connection is broken, which reading tells too.
    connection.end().catch(() => {})
    timer = setTimeout(silent, idleMs)
  }
  let timer = setTimeout(silent, idleMs)
  const unwatch = stop.watch(stopped)
  if (stop.signal.aborted) stopped()
  try {
    // Both at once: a peer that answers before it has read everything would otherwise block both sides.
    const sending = connection.send(text)
    sending.catch(() => {})
    for await (const chunk of connection.chunks()) {
      clearTimeout(timer)
      await received(chunk)
      timer = setTimeout(answered, Math.min(ANSWERED_MS, idleMs))
    }
    if (end === 'peer-ended') await sending
  } catch (error) {
    if (end === 'peer-ended') throw error
  } finally {
    clearTimeout(timer)
    unwatch()
    // Nothing is left to be sent where the peer has ended; elsewhere nobody waits for it.
    if (end === 'peer-ended') await connection.close()
    else connection.reset()
  }
  return end
}
