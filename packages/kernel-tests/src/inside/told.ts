/** What a user is told of a connect, as plain data. */
import type { ConnectError, Connection, Endpoint, Reactor, SocketOptions } from '@pollout/core'
import { type Elapsed, stopwatch } from './stopwatch.js'

export interface Told extends Elapsed {
  readonly code: string
  readonly phase?: string
  readonly localFault?: boolean
  readonly syscall?: string
  readonly timedOutBy?: string
  /** What `connectMany()` says of the same. */
  readonly kind?: string
}

/** Those of `connect()` that are plain data. */
export interface PlainOptions extends SocketOptions {
  readonly timeoutMs?: number
  readonly localAddress?: string | readonly string[]
  readonly localPort?: number
}

/** The connection, or why there is none; the times count from the call. */
export function tryConnect(
  reactor: Reactor,
  target: Endpoint | string,
  options: PlainOptions = {},
): Promise<{ readonly told: Told; readonly connection?: Connection }> {
  const elapsed = stopwatch()
  return new Promise((resolve) => {
    reactor.connect(target, options).subscribe({
      next: (connection) => resolve({ told: { code: 'connected', ...elapsed() }, connection }),
      error: (error: ConnectError) => resolve({ told: failed(error, elapsed()) }),
    })
  })
}

export function failed(
  { code, phase, localFault, syscall, timedOutBy }: ConnectError,
  elapsed: Elapsed,
): Told {
  const told: Told = { code, phase, localFault, syscall, ...elapsed }
  return timedOutBy ? { ...told, timedOutBy } : told
}
