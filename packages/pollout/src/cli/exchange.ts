/** `--send`: sends, ends this side's stream, and takes what the peer answers. */
import type { Connection } from '@pollout/core'

export interface ExchangeOptions {
  /** Silence of the peer that ends the exchange. */
  readonly idleMs: number
  readonly signal: AbortSignal
  /** Takes a chunk; a promise slows the peer down. */
  readonly received: (chunk: Buffer) => Promise<void> | undefined
}

export type ExchangeEnd = 'peer-ended' | 'silent' | 'stopped'

/** Rejects with a ConnectError when the connection breaks. The connection is closed afterwards either way. */
export async function exchange(
  connection: Connection,
  text: Uint8Array,
  { idleMs, signal, received }: ExchangeOptions,
): Promise<ExchangeEnd> {
  let end: ExchangeEnd = 'peer-ended'
  const leave = (why: ExchangeEnd): void => {
    end = why
    connection.reset()
  }
  const listen = (): NodeJS.Timeout => setTimeout(() => leave('silent'), idleMs)
  let silence = listen()
  const stopped = (): void => leave('stopped')
  signal.addEventListener('abort', stopped)
  if (signal.aborted) stopped()
  try {
    // Both at once: a peer that answers before it has read everything would otherwise block both sides.
    const sending = connection.send(text).then(() => connection.end())
    const ignored = sending.catch(() => {})
    for await (const chunk of connection.chunks()) {
      clearTimeout(silence)
      await received(chunk)
      silence = listen()
    }
    await (end === 'peer-ended' ? sending : ignored)
    return end
  } catch (error) {
    if (end !== 'peer-ended') return end
    throw error
  } finally {
    clearTimeout(silence)
    signal.removeEventListener('abort', stopped)
    await connection.close()
  }
}
