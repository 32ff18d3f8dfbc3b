/** What a user is told of a connect, as plain data. */
import type { ConnectError, Connection, Endpoint, Reactor, SocketOptions } from '@pollout/core'

export interface Told {
  readonly code: string
  readonly phase?: string
  readonly localFault?: boolean
  readonly syscall?: string
  readonly timedOutBy?: string
  readonly elapsedMs: number
}

/** Those of `connect()` that are plain data. */
export interface PlainOptions extends SocketOptions {
  readonly timeoutMs?: number
  readonly localAddress?: string | readonly string[]
  readonly localPort?: number
}

/** The connection, or why there is none; `elapsedMs` counts from the call. */
export function tryConnect(
  reactor: Reactor,
  target: Endpoint | string,
  options: PlainOptions = {},
): Promise<{ readonly told: Told; readonly connection?: Connection }> {
  const startedAt = performance.now()
  return new Promise((resolve) => {
    const elapsedMs = () => Math.round(performance.now() - startedAt)
    reactor.connect(target, options).subscribe({
      next: (connection) =>
        resolve({ told: { code: 'connected', elapsedMs: elapsedMs() }, connection }),
      error: (error: ConnectError) => resolve({ told: failed(error, elapsedMs()) }),
    })
  })
}

export function failed(
  { code, phase, localFault, syscall, timedOutBy }: ConnectError,
  elapsedMs: number,
): Told {
  const told: Told = { code, phase, localFault, syscall, elapsedMs }
  return timedOutBy ? { ...told, timedOutBy } : told
}
